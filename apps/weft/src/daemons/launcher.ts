import { hostname, networkInterfaces } from 'node:os';
import { Fields, integerIn } from '@weft/core/fields';
import type { Ipv4 } from '@weft/core/ipv4';
import { parseUuid } from '@weft/core/uuid';
import type { NodeId } from '@weft/core/uuid';
import { WeftError } from '@weft/core/weft-error';
import { loadConfig } from '@weft/daemon/config';
import type { Logger } from '@weft/daemon/log';
import { linuxFeatures, requireKernel } from '@weft/dataplane/kernel-support';
import { openLinuxDataplane } from '@weft/dataplane/linux-dataplane';
import { dnsmasqPath, requireDnsmasq } from '@weft/launcher/dhcp/dnsmasq-command';
import { raiseInotifyLimit } from '@weft/launcher/dhcp/inotify-limit';
import { Launcher } from '@weft/launcher/launcher';
import { nodeAddresses, readNodeFacts } from '@weft/launcher/node-facts';
import { vtepOf } from '@weft/launcher/vtep';
import { SsntpClient } from '@weft/ssntp/client';
import { systemClock } from '@weft/ssntp/clock';
import type { Configure } from '@weft/ssntp/payloads/configure';
import { Role } from '@weft/ssntp/role';
import { warmThreadPool } from '@weft/sys/netns';
import { sysctlRead, sysctlWrite } from '@weft/sys/sysctl';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { CommonKeys, DirectoryKeys } from './config.ts';
import { readCredentials } from './credentials.ts';
import type { Daemon } from './daemons.ts';
import { parseServers, waysTo } from './servers.ts';

const LauncherFile = Type.Object({
  ...CommonKeys,
  ...DirectoryKeys,
  /** The control machines, as `host:port`. */
  servers: Type.Array(Type.String()),
  roles: Type.Array(Type.Union([Type.Literal('compute'), Type.Literal('network')]), { minItems: 1 }),
  /** On a network node: the interface that leads outside. It needs no address. */
  uplink: Type.Optional(Type.String()),
  /** What the node is called; absent: the machine's name. */
  hostname: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
});

type LauncherConfig = Static<typeof LauncherFile> & Readonly<{ path: string }>;

const STOP_MS = 5000;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** This machine cannot be a node as it is. */
export class NodeUnfit extends WeftError {
  constructor(message: string, remedy: string, details: Readonly<Record<string, unknown>> = {}) {
    super('node_unfit', message, { remedy, details });
  }
}

/** `weft launcher`: the agent of a compute or network node. */
export const LAUNCHER: Daemon<LauncherConfig> = {
  load: (path) => {
    const config = loadConfig({ path, schema: LauncherFile });
    parseServers(path, config.servers);
    return { ...config, path };
  },
  run: async (config, { lifecycle, log }) => {
    const environment = workloadEnvironment(process.env);
    await warmThreadPool();
    requireFit(config, { path: environment['PATH'] ?? '', euid: process.geteuid?.() });
    if (config.roles.includes('network')) {
      const parameters = {
        read: (key: string) => sysctlRead(undefined, key),
        write: (key: string, value: string) => sysctlWrite(undefined, key, value),
      };
      raiseInotifyLimit(parameters, log);
    }
    const credentials = readCredentials(config, roleMask(config.roles));
    const clientOptions = { uuid: credentials.uuid, role: roleMask(config.roles) };
    const connect = waysTo(parseServers(config.path, config.servers), credentials);
    let opened: ReturnType<typeof openDataplane> | undefined;
    const launcher = new Launcher(
      {
        nodeId: parseUuid<NodeId>(credentials.uuid),
        hostname: config.hostname ?? hostname(),
        roles: config.roles,
        stateDir: config.stateDir,
        runDir: config.runDir,
        environment,
      },
      {
        client: (handler) => new SsntpClient({ ...clientOptions, connect }, { clock: systemClock, random: Math.random, handler, log }),
        dataplane: (configuration) => {
          opened = openDataplane(config, configuration, log);
          return opened.dataplane;
        },
        facts: () => readNodeFacts(config.stateDir),
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
  },
};

function roleMask(roles: LauncherConfig['roles']): number {
  return roles.reduce((mask, role) => mask | (role === 'compute' ? Role.CNAgent : Role.NetworkingAgent), 0);
}

/** What workloads and DHCP servers find in their environment: where programs are, and the lab's mark if this node belongs to one. */
function workloadEnvironment(env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const lab = env['WEFT_LAB'];
  return { PATH: env['PATH'] ?? DEFAULT_PATH, ...(lab === undefined ? {} : { WEFT_LAB: lab }) };
}

/** Throws, with what to do about it, if this machine lacks something: the rights, the kernel's parts, dnsmasq. */
export function requireFit(
  config: Pick<LauncherConfig, 'roles' | 'uplink'>,
  machine: Readonly<{ path: string; euid: number | undefined }>,
): void {
  if (machine.euid !== 0) {
    throw new NodeUnfit('the launcher does not run as root, but it programs network namespaces, tunnels and filters', 'Start it as root.');
  }
  const network = config.roles.includes('network');
  requireKernel(linuxFeatures({ uplink: network && config.uplink !== undefined }));
  if (network) requireDnsmasq(dnsmasqPath(machine.path));
}

function openDataplane(config: LauncherConfig, configuration: Configure, log: Logger): ReturnType<typeof openLinuxDataplane> {
  const weft = new Fields(configuration.weft, 'configure.weft');
  const networks = configuration.launcher.compute_net;
  const vtep = vtepOf(networks, nodeAddresses());
  if (vtep === undefined) {
    throw new NodeUnfit(
      `this node has no address in a compute network (${networks.join(', ') || 'none is configured'})`,
      'Give it one, or correct cluster.computeCidrs in the server’s configuration.',
    );
  }
  return openLinuxDataplane(
    {
      runDir: config.runDir,
      vtep,
      underlayInterface: interfaceOf(vtep),
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

function interfaceOf(address: Ipv4): string {
  const found = Object.entries(networkInterfaces()).find(([, addresses]) => addresses?.some((each) => each.address === address));
  if (found === undefined) throw new NodeUnfit(`no interface has the address ${address} any more`, 'Give it back to the node.');
  return found[0];
}
