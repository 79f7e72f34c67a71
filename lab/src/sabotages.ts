/** One sabotage for each check. */
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseUuid } from '@weft/core/uuid';
import type { ConcentratorId } from '@weft/core/uuid';
import { portName, tunnelName } from '@weft/dataplane/names';
import { linkGet } from '@weft/netlink/link';
import { qdiscList } from '@weft/netlink/qdisc';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsIsPinned, netnsOpen } from '@weft/sys/netns';
import type { CheckContext } from './check-context.ts';
import { DENIED_PORT } from './checks/firewall-rule.ts';
import { NAT_PORT } from './checks/nat-rule.ts';
import { UDP_FORWARD } from './checks/port-forward.ts';
import { IDLE_TENANT } from './checks/retire.ts';
import { SHARED_CIDR } from './checks/shared-network.ts';
import { MOVED_CIDR } from './checks/router.ts';
import { markedProcesses } from './marked-processes.ts';
import { DNS_PORT } from './packet/dns.ts';
import { pinnedBelow } from './remains.ts';
import type { Sabotage } from './sabotage.ts';
import type { Saboteur } from './saboteur.ts';
import { BACK_CIDR } from './scenario.ts';
import type { LabTenant } from './scenario.ts';
import type { LabNodeName } from './topology.ts';

const VXLAN_PORT = 14_789;
/** How long traffic is cut when a process is replaced: as if it had carried the packets itself. */
const CUT_MS = 300;
/** Longer than a gateway may take to come back, and a little more. */
const FROZEN_MS = 6500;
/** Between two looks at all processes. */
const LOOK_MS = 50;
/** A launcher that was stopped goes on after so long. */
const THAW_MS = 20;
/** Longer than an idle gateway may be kept, and a little more. */
const IDLE_FROZEN_MS = 12_000;

export const SABOTAGES: readonly Sabotage[] = [
  {
    check: 'nodes-joined',
    what: "compute2's launcher is killed",
    run: async ({ lab }, saboteur) => {
      const launcher = lab.daemon('compute2');
      await launcher.kill();
      saboteur.mend(() => launcher.start());
    },
  },
  {
    check: 'ping-mesh',
    what: "compute1 loses red's forwarding entry for charlie",
    run: (context, saboteur) => forgetCharlie(context, saboteur, context.scenario.red),
  },
  {
    check: 'ping-concentrator',
    what: "compute1 loses blue's forwarding entry for charlie",
    run: (context, saboteur) => forgetCharlie(context, saboteur, context.scenario.blue),
  },
  {
    check: 'tenant-isolation',
    what: 'compute2 copies what red gets through its tunnel to blue charlie',
    run: async (context, saboteur) => {
      const { red, blue } = context.scenario;
      const tunnel = tunnelName(red.vni);
      const to = portName(context.workload(blue, 'charlie').portId);
      const fabric = context.fabric('compute2');
      await saboteur.swap(fabric, ['tc', 'qdisc', 'add', 'dev', tunnel, 'clsact'], ['tc', 'qdisc', 'del', 'dev', tunnel, 'clsact']);
      const datagrams = 'protocol ip u32 match ip protocol 17 0xff'.split(' ');
      await saboteur.in(
        fabric,
        'tc',
        'filter',
        'add',
        'dev',
        tunnel,
        'ingress',
        ...datagrams,
        'action',
        'mirred',
        'egress',
        'mirror',
        'dev',
        to,
      );
    },
  },
  {
    check: 'default-security-group',
    what: 'charlie’s port on compute2 admits everybody',
    run: async (context, saboteur) => {
      const port = portName(context.workload(context.scenario.red, 'charlie').portId);
      await saboteur.insertRule(context.fabric('compute2'), 'bridge weft forward', `oifname ${port} accept`);
    },
  },
  {
    check: 'anti-spoof',
    what: 'red alpha’s port is treated as one without port security',
    run: async (context, saboteur) => {
      const port = portName(context.workload(context.scenario.red, 'alpha').portId);
      await saboteur.insertRule(context.fabric('compute1'), 'bridge weft prerouting', `iifname ${port} goto from_unguarded`);
    },
  },
  {
    check: 'why',
    what: 'what compute1 drops of its workloads’ packets is not counted',
    run: async (context, saboteur) => {
      await saboteur.insertRule(context.fabric('compute1'), 'bridge weft dropped_sent', 'drop');
    },
  },
  {
    check: 'dhcp-lease',
    what: "red's DHCP server is frozen",
    run: (context, saboteur) => saboteur.freeze(dhcpServer(context, context.scenario.red)),
  },
  {
    check: 'dhcp-reuse',
    what: 'leases cannot be released',
    run: async (context, saboteur) => {
      await saboteur.addFilter(context.gatewayPlace(context.scenario.red).netns, 'input', 'iifname lo udp dport 67 drop');
    },
  },
  {
    check: 'outbound-nat',
    what: "red's gateway lets no TCP out",
    run: async (context, saboteur) => {
      await saboteur.addFilter(context.gatewayPlace(context.scenario.red).netns, 'forward', 'oifname "wu*" meta l4proto tcp drop');
    },
  },
  {
    check: 'routing',
    what: "red's gateway does not lead to its second network",
    run: async (context, saboteur) => {
      await saboteur.addFilter(context.gatewayPlace(context.scenario.red).netns, 'forward', `ip daddr ${BACK_CIDR} drop`);
    },
  },
  {
    check: 'dns-name',
    what: "red's gateway takes no questions for names",
    run: async (context, saboteur) => {
      await saboteur.addFilter(context.gatewayPlace(context.scenario.red).netns, 'input', `udp dport ${DNS_PORT} drop`);
    },
  },
  {
    check: 'metadata',
    what: 'nothing comes to the metadata service of compute1',
    run: async (context, saboteur) => {
      await saboteur.addFilter(context.metadata('compute1'), 'input', 'drop');
    },
  },
  {
    check: 'public-ip',
    what: "the provider's router does not lead to public addresses",
    run: async ({ lab }, saboteur) => {
      const { first, last } = lab.topology.publicAddresses;
      await saboteur.addFilter(lab.network.netns('gateway'), 'forward', `ip daddr ${first}-${last} drop`);
    },
  },
  {
    check: 'address-reuse',
    what: 'the launchers of network nodes do not stay stopped',
    run: (context, saboteur) => {
      const launchers = context.networkNodes().map((node) => context.lab.daemon(node));
      const timer = setInterval(() => {
        for (const launcher of launchers) launcher.signal('SIGCONT');
      }, THAW_MS);
      saboteur.mend(() => clearInterval(timer));
    },
  },
  {
    check: 'port-forward',
    what: "red's gateway does not translate datagrams",
    run: async (context, saboteur) => {
      const { netns } = context.gatewayPlace(context.scenario.red);
      await saboteur.insertRule(netns, 'ip weft nat_in', `udp dport ${UDP_FORWARD.external} accept`);
    },
  },
  {
    check: 'ssh-reach',
    what: "red's gateway does not translate the ports of SSH servers",
    run: async (context, saboteur) => {
      const { netns } = context.gatewayPlace(context.scenario.red);
      const { first, last } = context.lab.topology.sshPorts;
      await saboteur.insertRule(netns, 'ip weft nat_in', `tcp dport ${first}-${last} accept`);
    },
  },
  {
    check: 'firewall-rule',
    what: "red's gateway lets in what its tenant denies",
    run: async (context, saboteur) => {
      const { netns } = context.gatewayPlace(context.scenario.red);
      await saboteur.insertRule(netns, 'ip weft forward', `tcp dport ${DENIED_PORT} accept`);
    },
  },
  {
    check: 'nat-rule',
    what: "red's gateway does not lead the port of its tenant's rule inside",
    run: async (context, saboteur) => {
      const { netns } = context.gatewayPlace(context.scenario.red);
      await saboteur.insertRule(netns, 'ip weft nat_in', `tcp dport ${NAT_PORT} accept`);
    },
  },
  {
    check: 'rate-limit',
    what: 'what comes to red bravo is no longer queued',
    run: (context, saboteur) => {
      const port = portName(context.workload(context.scenario.red, 'bravo').portId);
      const fabric = context.fabric('compute1');
      // Looked at in this process: commands by the dozen would interrupt the probes.
      const isQueued = (): true | undefined => {
        using rtnl = Rtnl.open(fabric);
        const index = linkGet(rtnl, port)?.index;
        return qdiscList(rtnl).some((qdisc) => qdisc.index === index && qdisc.kind === 'tbf') || undefined;
      };
      // Again and again, for the node looks at everything about once a minute and would put it right under the check's eyes.
      once(saboteur, isQueued, async (_, signal) => {
        for (;;) {
          // In between the check may have taken its limit away itself.
          if (isQueued()) await saboteur.in(fabric, 'tc', 'qdisc', 'del', 'dev', port, 'root').catch(() => undefined);
          await delay(50, undefined, { signal });
        }
      });
    },
  },
  {
    check: 'vni-injection',
    what: "nothing guards the infrastructure at red's gateway",
    run: async (context, saboteur) => {
      const { netns } = context.gatewayPlace(context.scenario.red);
      await saboteur.insertRule(netns, 'ip weft guard', 'accept');
      // Of this only: what the tenant's own firewall denies is another check's.
      await saboteur.insertRule(netns, 'ip weft forward', 'ip daddr @infrastructure accept');
    },
  },
  {
    check: 'attacks',
    what: 'compute1 counts no connections',
    run: async (context, saboteur) => {
      await saboteur.insertRule(context.fabric('compute1'), 'inet weft cap', 'meta mark set 0 accept');
    },
  },
  {
    check: 'control-plane-down',
    what: 'tunnels stand still for a moment when the server is replaced after its death',
    run: (context, saboteur) => cutWhenReplaced(context, saboteur, 'control', 1),
  },
  {
    check: 'tenant-added',
    what: 'the hosts of gateways do not find the scheduler while there is no controller',
    run: (context, saboteur) => {
      const known = new Set(workloadPins(context));
      // What comes while the controller is a process of its own is the check's; the hosts are cut off already.
      const come = (): true | undefined => (controllerRuns(context) && workloadPins(context).some((pin) => !known.has(pin))) || undefined;
      once(saboteur, come, async (_, signal) => {
        const hosts = context.networkNodes().map((node) => context.lab.network.netns(node));
        const rule = `tcp dport ${context.lab.topology.ssntpPort} drop`;
        const lift = await Promise.all(hosts.map((netns) => saboteur.addFilter(netns, 'output', rule)));
        for (const wanted of [false, true]) {
          do await delay(LOOK_MS, undefined, { signal });
          while (controllerRuns(context) !== wanted);
        }
        for (const each of lift) await each();
      });
    },
  },
  {
    check: 'launcher-kill',
    what: "tunnels stand still for a moment when compute1's launcher is replaced",
    run: (context, saboteur) => cutWhenReplaced(context, saboteur, 'compute1', 1),
  },
  {
    check: 'old-backup',
    what: 'tunnels stand still for a moment when the server starts on the old store',
    run: (context, saboteur) => cutWhenReplaced(context, saboteur, 'control', 2),
  },
  {
    check: 'concentrator-kill',
    what: "the launcher of red's gateway is frozen when the gateway is destroyed",
    run: (context, saboteur) => {
      const { red } = context.scenario;
      const node = context.gatewayNode(red);
      const pin = context.gatewayPin(node, red.concentratorId);
      const gone = (): true | undefined => !netnsIsPinned(pin) || undefined;
      once(saboteur, gone, (_, signal) => freezeFor(context, saboteur, node, FROZEN_MS, signal));
    },
  },
  {
    check: 'concentrator-move',
    what: "red's gateway forwards nothing where it is moved to",
    run: (context, saboteur) => {
      const { red } = context.scenario;
      const home = context.gatewayNode(red);
      const pins = context.networkNodes().flatMap((node) => (node === home ? [] : context.gatewayPin(node, red.concentratorId)));
      // The filter goes with the namespace.
      once(
        saboteur,
        () => pins.find(netnsIsPinned),
        async (pin) => {
          using netns = netnsOpen(pin);
          await saboteur.in(netns, 'nft', 'table inet sabotage { chain first { type filter hook forward priority -500; drop; }\n}');
        },
      );
    },
  },
  {
    check: 'concentrator-machine',
    what: "nothing gets out of concentrator1's tunnels",
    run: async ({ lab }, saboteur) => {
      await saboteur.addFilter(lab.network.netns('concentrator1'), 'output', `udp dport ${VXLAN_PORT} drop`);
    },
  },
  {
    check: 'address-change',
    what: "the launcher of red's gateway is frozen when its node gets another address",
    run: (context, saboteur) => {
      const node = context.gatewayNode(context.scenario.red);
      const address = context.dataAddress(node);
      const changed = (): true | undefined => context.dataAddress(node) !== address || undefined;
      once(saboteur, changed, (_, signal) => freezeFor(context, saboteur, node, FROZEN_MS, signal));
    },
  },
  {
    check: 'router',
    what: 'a router passes nothing on to one of its subnets',
    run: (context, saboteur) => {
      once(saboteur, placedGateway(context, 'router_id'), async (pin) => {
        // Not mended: the namespace goes with its router, and the rule with it.
        using netns = netnsOpen(pin);
        const chain = `chain first { type filter hook forward priority -500; ip daddr ${MOVED_CIDR} drop; }`;
        await saboteur.in(netns, 'nft', `table inet sabotage { ${chain}\n}`);
      });
    },
  },
  {
    check: 'dhcp-unrouted',
    what: 'the DHCP server of a network without a router hears nobody',
    run: (context, saboteur) => {
      once(saboteur, placedGateway(context, 'network_id'), async (pin) => {
        // It goes with its network, as above.
        using netns = netnsOpen(pin);
        await saboteur.in(
          netns,
          'nft',
          'table inet sabotage { chain first { type filter hook input priority -500; udp dport 67 drop; }\n}',
        );
      });
    },
  },
  {
    check: 'shared-network',
    what: 'compute2 passes nothing on to what is on the shared network',
    run: async (context, saboteur) => {
      const chain = `chain first { type filter hook forward priority -500; ip daddr ${SHARED_CIDR} drop; }`;
      const table = 'table bridge sabotage';
      await saboteur.swap(context.fabric('compute2'), ['nft', `${table} { ${chain}\n}`], ['nft', `delete ${table}`]);
    },
  },
  {
    check: 'ipv6',
    what: 'compute1 passes on no IPv6 from one station to another',
    run: async (context, saboteur) => {
      await saboteur.insertRule(context.fabric('compute1'), 'bridge weft forward_ip6', 'drop');
    },
  },
  {
    check: 'retire',
    what: 'the launcher of the idle gateway is frozen when it is to go',
    run: (context, saboteur) => {
      const known = new Set(gatewayPins(context));
      let seen: string | undefined;
      // A gateway more than there was, and then a workload less than there was with it.
      const idle = async (): Promise<LabNodeName | undefined> => {
        seen ??= gatewayPins(context).find((pin) => !known.has(pin));
        if (seen === undefined) return undefined;
        const admin = context.lab.client();
        const tenant = (await admin.tenants.list()).find(({ name }) => name === IDLE_TENANT);
        const [instances, concentrators] = await Promise.all([admin.instances.list(), admin.concentrators.list()]);
        const concentrator = concentrators.find(({ tenant_id: id }) => id === tenant?.id);
        if (concentrator === undefined || instances.some(({ tenant_id: id }) => id === tenant?.id)) return undefined;
        return context.networkNodes().find((node) => context.lab.nodeId(node) === concentrator.node_id);
      };
      once(saboteur, idle, (node, signal) => freezeFor(context, saboteur, node, IDLE_FROZEN_MS, signal));
    },
  },
  {
    check: 'leftovers',
    what: "somebody leaves a link in compute1's fabric",
    run: async (context, saboteur) => {
      const fabric = context.fabric('compute1');
      await saboteur.swap(fabric, ['ip', 'link', 'add', 'leftover0', 'type', 'bridge'], ['ip', 'link', 'del', 'leftover0']);
    },
  },
];

/** Looks for the namespace of a concentrator that is a router's, or a network's. */
function placedGateway(context: CheckContext, whose: 'router_id' | 'network_id'): () => Promise<string | undefined> {
  return async () => {
    const one = (await context.lab.client().concentrators.list()).find((each) => each[whose] !== null);
    if (one === undefined) return undefined;
    const pins = context.networkNodes().map((node) => context.gatewayPin(node, parseUuid<ConcentratorId>(one.id)));
    return pins.find(netnsIsPinned);
  };
}

/** The next packet to charlie has nowhere to go: flooding is off. */
async function forgetCharlie(context: CheckContext, saboteur: Saboteur, tenant: LabTenant): Promise<void> {
  const fabric = context.fabric('compute1');
  const tunnel = tunnelName(tenant.vni);
  const { mac } = context.workload(tenant, 'charlie');
  const entries = (await saboteur.in(fabric, 'bridge', 'fdb', 'show', 'dev', tunnel)).split('\n');
  const vtep = entries.find((line) => line.startsWith(mac) && line.includes(' dst '))?.match(/ dst (\S+)/)?.[1];
  if (vtep === undefined) throw new Error(`compute1 has no forwarding entry for ${mac} on ${tunnel}`);
  await saboteur.swap(
    fabric,
    ['bridge', 'fdb', 'del', mac, 'dev', tunnel, 'dst', vtep, 'self'],
    ['bridge', 'fdb', 'replace', mac, 'dev', tunnel, 'dst', vtep, 'self', 'static'],
  );
}

function dhcpServer({ lab }: CheckContext, tenant: LabTenant): number {
  const found = markedProcesses().find(
    ({ labId, command }) => labId === lab.id && command.startsWith('dnsmasq') && command.includes(tenant.concentratorId),
  );
  if (found === undefined) throw new Error(`tenant ${tenant.name} has no DHCP server`);
  return found.pid;
}

/** Waits in the background until the daemon was started anew for the n-th time, and then lets compute1 send nothing into its tunnels for a moment. */
function cutWhenReplaced({ lab }: CheckContext, saboteur: Saboteur, node: LabNodeName, times: number): void {
  let [seen, last] = [0, lab.daemon(node).pid];
  const replaced = (): true | undefined => {
    const { pid } = lab.daemon(node);
    if (pid !== last) seen++;
    last = pid;
    return seen === times || undefined;
  };
  once(saboteur, replaced, async (_, signal) => {
    const lift = await saboteur.addFilter(lab.network.netns('compute1'), 'output', `udp dport ${VXLAN_PORT} drop`);
    await delay(CUT_MS, undefined, { signal });
    await lift();
  });
}

/** Stops a node's launcher where it is, for a while: long enough for the check to notice, not for what comes after it. */
async function freezeFor({ lab }: CheckContext, saboteur: Saboteur, node: LabNodeName, ms: number, signal: AbortSignal): Promise<void> {
  const launcher = lab.daemon(node);
  launcher.signal('SIGSTOP');
  saboteur.mend(() => launcher.signal('SIGCONT'));
  await delay(ms, undefined, { signal });
  launcher.signal('SIGCONT');
}

function gatewayPins({ lab }: CheckContext): string[] {
  return pinnedBelow(lab.paths.root).filter((pin) => basename(pin).startsWith('gw-'));
}

function workloadPins({ lab }: CheckContext): string[] {
  return pinnedBelow(lab.paths.root).filter((pin) => basename(pin).startsWith('wl-'));
}

/** As a process of its own. */
function controllerRuns({ lab }: CheckContext): boolean {
  return markedProcesses().some(({ labId, command }) => labId === lab.id && command.includes(' controller --config '));
}

/** Watches in the background until something is seen, and then acts; mending ends it, and throws what went wrong in it. */
function once<T>(
  saboteur: Saboteur,
  look: () => T | undefined | Promise<T | undefined>,
  act: (seen: T, signal: AbortSignal) => Promise<void>,
): void {
  const stop = new AbortController();
  const watch = async (): Promise<void> => {
    for (;;) {
      const seen = await look();
      if (seen !== undefined) return act(seen, stop.signal);
      await delay(10, undefined, { signal: stop.signal });
    }
  };
  const watching = watch().then(
    () => undefined,
    (error: unknown) => (stop.signal.aborted ? undefined : { error }),
  );
  saboteur.mend(async () => {
    stop.abort();
    const failure = await watching;
    if (failure !== undefined) throw failure.error;
  });
}
