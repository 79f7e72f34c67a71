/** What the daemons that are nodes have in common: their file's keys, what they need of the machine, and how they run. */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { Fields, integerIn } from '@weft/core/fields';
import type { NodeRole } from '@weft/core/resource';
import { parseUuid } from '@weft/core/uuid';
import type { NodeId } from '@weft/core/uuid';
import { WeftError } from '@weft/core/weft-error';
import type { Lifecycle } from '@weft/daemon/lifecycle';
import type { Logger } from '@weft/daemon/log';
import { linuxFeatures, requireKernel } from '@weft/dataplane/kernel-support';
import { openLinuxDataplane } from '@weft/dataplane/linux-dataplane';
import { dnsmasqPath, requireDnsmasq } from '@weft/launcher/dhcp/dnsmasq-command';
import { raiseMachineLimits } from '@weft/launcher/machine-limits';
import { Launcher } from '@weft/launcher/launcher';
import type { Ask } from '@weft/launcher/given-address';
import { readNodeFacts } from '@weft/launcher/node-facts';
import type { NodeAddress, Underlay } from '@weft/launcher/underlay';
import { SsntpClient } from '@weft/ssntp/client';
import { NotConnected } from '@weft/ssntp/pending-requests';
import { systemClock } from '@weft/ssntp/clock';
import type { Configure } from '@weft/ssntp/payloads/configure';
import { Role } from '@weft/ssntp/role';
import { warmThreadPool } from '@weft/sys/netns';
import { sysctlRead, sysctlWrite } from '@weft/sys/sysctl';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { CommonKeys, DirectoryKeys } from './config.ts';
import { readCredentials } from './credentials.ts';
import { parseServers, waysTo } from './servers.ts';

export const NodeKeys = {
  ...CommonKeys,
  ...DirectoryKeys,
  /** The control machines, as `host:port`. */
  servers: Type.Array(Type.String()),
  /** Where concentrators are hosted: the interface that leads outside. It needs no address. */
  uplink: Type.Optional(Type.String()),
  /** What the node is called; absent: the machine's name. */
  hostname: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
};

const NodeFile = Type.Object(NodeKeys);
export type NodeConfig = Static<typeof NodeFile> & Readonly<{ path: string }>;

const STOP_MS = 5000;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const SSNTP_ROLES: Readonly<Record<NodeRole, number>> = {
  compute: Role.CNAgent,
  network: Role.NetworkingAgent,
  concentrator: Role.CNCIAgent,
};

/** This machine cannot be a node as it is. */
export class NodeUnfit extends WeftError {
  constructor(message: string, remedy: string, details: Readonly<Record<string, unknown>> = {}) {
    super('node_unfit', message, { remedy, details });
  }
}

export type NodeDeps = Readonly<{
  lifecycle: Lifecycle;
  log: Logger;
  /** Where the addresses come from at which its tunnels may end; called once the machine has been found fit. `ask` puts a question to the controller. */
  addresses: (ask: Ask) => () => readonly NodeAddress[];
}>;

/** Runs the agent of a node with these roles until the lifecycle ends it. Throws NodeUnfit, CredentialsInvalid, and what `Launcher.start` throws. */
export async function runNode(config: NodeConfig, roles: readonly NodeRole[], { lifecycle, log, addresses }: NodeDeps): Promise<void> {
  const environment = workloadEnvironment(process.env);
  await warmThreadPool();
  requireFit({ ...config, roles }, { path: environment['PATH'] ?? '', euid: process.geteuid?.() });
  if (roles.includes('network') || roles.includes('concentrator')) {
    const parameters = {
      exists: (key: string) => existsSync(`/proc/sys/${key.replaceAll('.', '/')}`),
      read: (key: string) => sysctlRead(undefined, key),
      write: (key: string, value: string) => sysctlWrite(undefined, key, value),
    };
    raiseMachineLimits(parameters, log);
  }
  const role = roles.reduce((mask, each) => mask | SSNTP_ROLES[each], 0);
  const credentials = readCredentials(config, role);
  const connect = waysTo(parseServers(config.path, config.servers), credentials);
  let client: SsntpClient | undefined;
  const now = addresses(async (op, body) => {
    if (client === undefined) throw new NotConnected(`request ${op}`);
    return client.request(op, body);
  });
  let opened: ReturnType<typeof openDataplane> | undefined;
  const launcher = new Launcher(
    {
      nodeId: parseUuid<NodeId>(credentials.uuid),
      hostname: config.hostname ?? hostname(),
      roles,
      stateDir: config.stateDir,
      runDir: config.runDir,
      environment,
    },
    {
      client: (handler) =>
        (client = new SsntpClient({ uuid: credentials.uuid, role, connect }, { clock: systemClock, random: Math.random, handler, log })),
      dataplane: (configuration, underlay) => {
        opened = openDataplane(config, configuration, underlay, log);
        return opened.dataplane;
      },
      facts: () => readNodeFacts(config.stateDir),
      addresses: now,
      clock: systemClock,
      random: Math.random,
      log,
    },
  );
  await launcher.start();
  const stop = async (): Promise<void> => {
    await launcher.stop();
    opened?.close();
  };
  lifecycle.add('launcher', stop, { deadlineMs: STOP_MS });
}

/** What workloads and DHCP servers find in their environment: where programs are, and the lab's mark if this node belongs to one. */
function workloadEnvironment(env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const lab = env['WEFT_LAB'];
  return { PATH: env['PATH'] ?? DEFAULT_PATH, ...(lab === undefined ? {} : { WEFT_LAB: lab }) };
}

/** Throws, with what to do about it, if this machine lacks something: the rights, the kernel's parts, dnsmasq. */
export function requireFit(
  config: Readonly<{ roles: readonly NodeRole[]; uplink?: string | undefined }>,
  machine: Readonly<{ path: string; euid: number | undefined }>,
): void {
  if (machine.euid !== 0) {
    throw new NodeUnfit(
      'a node’s agent does not run as root, but it programs network namespaces, tunnels and filters',
      'Start it as root.',
    );
  }
  const gateways = config.roles.some((role) => role !== 'compute');
  requireKernel(linuxFeatures({ uplink: gateways && config.uplink !== undefined }));
  if (gateways) requireDnsmasq(dnsmasqPath(machine.path));
}

function openDataplane(
  config: Pick<NodeConfig, 'runDir' | 'uplink'>,
  configuration: Configure,
  underlay: Underlay,
  log: Logger,
): ReturnType<typeof openLinuxDataplane> {
  const weft = new Fields(configuration.weft, 'configure.weft');
  return openLinuxDataplane(
    {
      runDir: config.runDir,
      ...underlay,
      vxlanPort: weft.required('vxlan_port', integerIn(1, 65_535)),
      mtu: weft.required('mtu', integerIn(68, 65_535)),
      connectionsPerPort: weft.required('connections_per_port', integerIn(1, 16_000_000)),
      uplinkInterface: config.uplink,
    },
    {
      log: {
        info: (fields, message) => log.info({ ...fields }, message),
        warn: (fields, message) => log.warn({ ...fields }, message),
      },
    },
  );
}
