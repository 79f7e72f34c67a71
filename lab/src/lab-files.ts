/** The files that a node of the lab starts with: certificates and configuration. YAML is written as JSON, which it contains. */
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeRole } from '@weft/core/resource';
import { parseUuid } from '@weft/core/uuid';
import type { NodeId } from '@weft/core/uuid';
import { createAuthority, issueLeaf } from '@weft/pki/certificate';
import type { Identity } from '@weft/pki/certificate';
import { Role, oidsOfRoles } from '@weft/ssntp/role';
import { DATA_IFNAME, UPLINK_IFNAME } from './topology.ts';
import type { LabNodeName, LabNodeSpec, Topology } from './topology.ts';
import type { LabPaths } from './lab-paths.ts';

/** Longer than anybody keeps a lab, shorter than anybody would want to keep its keys. */
const CERTIFICATE_DAYS = 30;

/** So short that one can wait for it, so long that nothing but idleness is taken for it. */
export const CONCENTRATOR_IDLE_SECONDS = 5;

/** So few that a flood which reaches them is short: the kernel looks through a port's connections at each new one. */
export const CONNECTIONS_PER_PORT = 1000;

/** A node's id is the UUID in its certificate. */
export type NodeIds = ReadonlyMap<LabNodeName, NodeId>;

/**
 * Makes the authority, and directories, certificate and configuration of every node that runs a daemon. The control node can run its server
 * as one process, or scheduler and controller as two.
 */
export async function writeLabFiles(options: Readonly<{ paths: LabPaths; topology: Topology }>): Promise<NodeIds> {
  const { paths, topology } = options;
  const authority = await createAuthority({ name: 'Weft lab', days: CERTIFICATE_DAYS });
  await mkdir(paths.root, { recursive: true });
  await writeFile(paths.ca, authority.certPem);
  const nodes = topology.nodes.filter((node) => node.daemon !== undefined);
  const ids = await Promise.all(nodes.map((node) => writeNode(options, authority, node)));
  return new Map(ids);
}

async function writeNode(
  { paths, topology }: Readonly<{ paths: LabPaths; topology: Topology }>,
  authority: Identity,
  node: LabNodeSpec,
): Promise<[LabNodeName, NodeId]> {
  const id = parseUuid<NodeId>(randomUUID());
  const server = node.daemon === 'server';
  const leaf = await issueLeaf(authority, {
    uuid: id,
    oids: oidsOfRoles(rolesOf(node)),
    name: node.name,
    days: CERTIFICATE_DAYS,
    ...(server ? { dnsNames: ['localhost'], ipAddresses: [topology.controlHost, '127.0.0.1'] } : {}),
  });
  const directories = paths.node(node.name);
  for (const directory of Object.values(directories)) await mkdir(directory, { recursive: true, mode: 0o700 });
  const files = {
    ca: join(directories.etc, 'ca.pem'),
    cert: join(directories.etc, 'node.pem'),
    key: join(directories.etc, 'node.key'),
  };
  await writeFile(files.ca, authority.certPem);
  await writeFile(files.cert, leaf.certPem);
  await writeFile(files.key, leaf.keyPem, { mode: 0o600 });
  const common = { ...files, stateDir: directories.state, runDir: directories.run };
  const config = server ? serverConfig(topology) : nodeConfig(topology, node);
  const write = (daemon: string, content: object): Promise<void> =>
    writeFile(join(directories.etc, `${daemon}.yaml`), `${JSON.stringify(content, undefined, 2)}\n`);
  await write(node.daemon ?? '', { ...common, ...config });
  if (server) {
    const { ssntp, https, cluster } = serverConfig(topology);
    await write('scheduler', { ...files, ssntp, cluster });
    await write('controller', { ...common, servers: [schedulerAt(topology)], https, cluster });
  }
  return [node.name, id];
}

const SSNTP_ROLES: Readonly<Record<NodeRole, number>> = {
  compute: Role.CNAgent,
  network: Role.NetworkingAgent,
  concentrator: Role.CNCIAgent,
};

function rolesOf(node: LabNodeSpec): number {
  if (node.daemon === 'server') return Role.Scheduler | Role.Controller;
  return node.roles.reduce((mask, role) => mask | SSNTP_ROLES[role], 0);
}

function serverConfig(topology: Topology) {
  return {
    ssntp: { host: topology.controlHost, port: topology.ssntpPort },
    https: { host: topology.controlHost, port: topology.httpsPort },
    cluster: {
      computeCidrs: [topology.wires.data],
      managementCidrs: [topology.wires.management],
      uplink: topology.uplink,
      sshPorts: topology.sshPorts,
      // What is measured is how much there can be.
      quotas: { network: -1, subnet: -1, port: -1, floatingip: -1, security_group: -1, security_group_rule: -1 },
      concentratorIdleSeconds: CONCENTRATOR_IDLE_SECONDS,
      connectionsPerPort: CONNECTIONS_PER_PORT,
    },
  };
}

function nodeConfig(topology: Topology, node: LabNodeSpec): object {
  const uplink = node.legs.some((leg) => leg.wire === 'uplink') ? { uplink: UPLINK_IFNAME } : {};
  const common = { hostname: node.name, servers: [schedulerAt(topology)], ...uplink };
  return node.daemon === 'concentrator'
    ? { ...common, underlay: { interface: DATA_IFNAME, address: 'dhcp' } }
    : { ...common, roles: node.roles };
}

function schedulerAt(topology: Topology): string {
  return `${topology.controlHost}:${topology.ssntpPort}`;
}
