import type { Ipv4 } from '@weft/core/ipv4';
import { METADATA_ADDRESS, METADATA_PORT } from '@weft/core/metadata-address';
import { bridgeMac } from '@weft/dataplane/names';
import { addrDelete, addrReplace } from '@weft/netlink/addr';
import { linkGet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { PacketSocket } from '@weft/sys/packet-socket';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { CONNECTIONS_PER_PORT } from '../lab-files.ts';
import { udpFrame } from '../probe/frames.ts';
import { httpGet } from '../probe/http-get.ts';
import type { Place } from '../probe/place.ts';
import { sendDatagram, sendFrame } from '../probe/send-frame.ts';
import { tcpConnect } from '../probe/tcp-connect.ts';
import { tcpServer } from '../probe/tcp-server.ts';
import { pause } from '../probe/ticker.ts';
import { token } from '../probe/token.ts';
import { createWorkload, deleteWorkload, workloadActive, workloadSpec } from '../scenario.ts';
import type { LabTenant, Workload } from '../scenario.ts';
import { addressOn, DATA_IFNAME, MANAGEMENT_IFNAME, UPLINK_IFNAME } from '../topology.ts';
import type { LabNodeName } from '../topology.ts';
import { waitFor } from '../wait.ts';
import { outcomeText } from './default-security-group.ts';
import type { LabCheck } from './lab-check.ts';
import { lieNames, tellLie } from './lies.ts';
import { INSTANCE_ID, isTold, metadataText, USER_DATA } from './metadata.ts';
import { expectReach } from './reach.ts';
import type { Listener } from './reach.ts';
import { everyFlow, undisturbed } from './traffic.ts';

const SECRET = 'blue is the colour';
/** In vain. */
const FORGED = { target: METADATA_ADDRESS, port: METADATA_PORT, timeoutMs: 400 };
/** Whatever listens there, nothing may arrive. */
const PORT = 8889;
const NEIGHBOUR_PORT = 8082;
/** More connections than a port may have, in datagrams: so many bursts of so many, a moment apart. */
const [BURSTS, BURST, GAP_MS] = [60, 25, 5];
const CONNECTED_MS = 5000;
const COUNTED_MS = 5000;

/** A place below the tenants, and what is heard there. */
type Target = Readonly<{ name: string; address: Ipv4; at: Listener }>;

/**
 * Mallory, a workload of red's, attacks everything in reach: its neighbours by lies about itself, the machines below it, the
 * metadata of others, and everybody by connections without end. Nothing arrives, each attack is counted at its port for its reason, and meanwhile no packet of
 * anybody else is lost. (Tunnel packets and the other tenant's segments are attacked in `vni-injection` and `tenant-isolation`.)
 */
export const ATTACKS: LabCheck = {
  id: 'attacks',
  needs: ['anti-spoof', 'why', 'vni-injection', 'tenant-isolation', 'metadata'],
  disturbs: false,
  run: async (context) => {
    const { red } = context.scenario;
    await using mallory = await newcomer(context, 'mallory', 31);
    await using sink = await newcomer(context, 'sink', 32);
    await using twin = await newcomer(context, 'twin', 31, { tenant: context.scenario.blue, userData: btoa(SECRET) });
    const names = ['alpha', 'bravo', 'charlie', 'open1', 'open2'];
    const [alpha, bravo, charlie, open1, open2] = names.map((name) => context.workload(red, name)) as [Workload, ...Workload[]];
    const attacker = mallory.workload;
    const expected = new Map<string, number>();
    const counted = (key: string, more = 1): void => void expected.set(key, (expected.get(key) ?? 0) + more);
    const before = await counts(context, attacker);

    const quiet = await undisturbed(context, everyFlow(context), async () => {
      const lies = lieNames(attacker, open2!, bravo!);
      for (const [index, { reason }] of lies.entries()) {
        await tellLie(context, { index, attacker, receiver: open2!, victim: bravo!, others: [alpha, charlie!, open1!] });
        counted(`port ${reason}`);
      }
      for (const target of targets(context)) {
        await hits(context, target);
        await misses(context, attacker, target);
        counted('gateway to_infrastructure');
      }
      await nothingLeaves(context, attacker);
      counted('port metadata');
      await metadataOfOthers(context, attacker, bravo!, twin.workload);
      counted('port spoof_ip');
      await bridgeIsDeaf(context, attacker);
      counted('port host');
      await flood(context, attacker, sink.workload, [bravo!, charlie!]);
    });
    const capped = BURSTS * BURST - CONNECTIONS_PER_PORT;
    await areCounted(context, attacker, before, new Map([...expected, ['port capped', capped]]));
    const attacks = [...expected.values()].reduce((sum, count) => sum + count, 0);
    return `${attacks} attacks failed, each counted for its reason; ${capped} or more connections beyond ${CONNECTIONS_PER_PORT} refused; ${quiet}`;
  },
};

type Newcomer = AsyncDisposable & Readonly<{ workload: Workload }>;

/** A workload on compute1, red's unless told, that goes with the check. */
async function newcomer(
  context: CheckContext,
  name: string,
  last: number,
  as: Readonly<{ tenant?: LabTenant; userData?: string }> = {},
): Promise<Newcomer> {
  const { lab, scenario } = context;
  const { tenant = scenario.red, ...more } = as;
  const { client } = tenant;
  const workload = await createWorkload(lab, client, tenant.name, tenant, { ...workloadSpec(name, 'compute1', last), ...more });
  await workloadActive(lab, client, workload);
  return { workload, [Symbol.asyncDispose]: () => deleteWorkload(lab, client, workload) };
}

/** The other node's tunnel end, the machine that the attacker runs on, the one that its gateway runs on, and the server. */
function targets(context: CheckContext): Target[] {
  const gateway = context.gatewayNode(context.scenario.red);
  const target = (name: string, node: LabNodeName, wire: 'management' | 'data'): Target => {
    const spec = context.lab.topology.nodes.find((each) => each.name === node)!;
    const ifname = wire === 'data' ? DATA_IFNAME : MANAGEMENT_IFNAME;
    return { name, address: addressOn(spec, wire), at: { name: `${node}'s ${ifname}`, place: context.nodePlace(node, ifname) } };
  };
  return [
    target('the tunnel end of compute2', 'compute2', 'data'),
    target('its own machine, on the compute network,', 'compute1', 'data'),
    target('its own machine, on the management network,', 'compute1', 'management'),
    target("its gateway's machine, on the management network,", gateway, 'management'),
    target('the server', 'control', 'management'),
  ];
}

/** What is to miss does hit from where it may. */
async function hits(context: CheckContext, { name, address, at }: Target): Promise<void> {
  const mark = token();
  await expectReach(context, {
    what: `a datagram of the lab's router to ${name}`,
    token: mark,
    send: () => sendDatagram(context.nodePlace('gateway', MANAGEMENT_IFNAME), { target: address, port: PORT, payload: mark }),
    at: [at],
    notAt: [],
  });
}

async function misses(context: CheckContext, attacker: Workload, { name, address, at }: Target): Promise<void> {
  const { red } = context.scenario;
  const mark = token();
  await expectReach(context, {
    what: `a datagram of mallory to ${name}`,
    token: mark,
    send: () => sendDatagram(context.place(attacker), { target: address, port: PORT, payload: mark }),
    at: [{ name: "red's gateway", place: context.gatewayPlace(red) }],
    notAt: [at, uplinkOf(context)],
    where: context.gatewayLog(red),
  });
}

/** Only the node itself answers at the metadata address, and only its service: nothing else that is sent there gets any further. */
async function nothingLeaves(context: CheckContext, attacker: Workload): Promise<void> {
  const { red, blue } = context.scenario;
  const mark = token();
  await expectReach(context, {
    what: 'a datagram of mallory to the metadata address',
    token: mark,
    send: () => sendDatagram(context.place(attacker), { target: METADATA_ADDRESS, port: METADATA_PORT, payload: mark }),
    at: [{ name: "the node's end of mallory's cable", place: context.portPlace(attacker) }],
    notAt: [
      { name: "red's gateway", place: context.gatewayPlace(red) },
      uplinkOf(context),
      { name: "blue's gateway", place: context.gatewayPlace(blue) },
    ],
    where: context.logOf(attacker.node),
  });
}

/** As a neighbour by its address, as others by what a request says, and as the other tenant's workload with the very same address. */
async function metadataOfOthers(context: CheckContext, attacker: Workload, neighbour: Workload, twin: Workload): Promise<void> {
  await isTold(context, neighbour, INSTANCE_ID, `200 ${neighbour.instanceId}`);
  await isTold(context, twin, INSTANCE_ID, `200 ${twin.instanceId}`);
  await isTold(context, twin, USER_DATA, `200 ${SECRET}`);
  for (const other of [neighbour, twin]) {
    const headers = {
      'X-Forwarded-For': other.ip,
      Forwarded: `for=${other.ip}`,
      'X-Instance-ID': other.instanceId,
      Host: other.instanceId,
    };
    await isTold(context, attacker, INSTANCE_ID, `200 ${attacker.instanceId}`, headers);
    await isTold(context, attacker, USER_DATA, '404 ', headers);
  }
  using forged = takeAddress(context.place(attacker), neighbour.ip);
  const outcome = await httpGet(forged.place, { ...FORGED, path: INSTANCE_ID, signal: context.signal });
  expect(outcome.kind === 'timeout', 'mallory to get no answer as bravo', metadataText(outcome), context.logOf(attacker.node));
}

/** The workload gives itself another's address, until disposed. */
function takeAddress(place: Place, address: Ipv4): Disposable & Readonly<{ place: Place }> {
  const rtnl = Rtnl.open(place.netns);
  const entry = { index: linkGet(rtnl, place.ifname)!.index, address, prefix: 32 };
  addrReplace(rtnl, entry);
  const dispose = (): void => {
    addrDelete(rtnl, entry);
    rtnl[Symbol.dispose]();
  };
  return { place: { ...place, ip: address }, [Symbol.dispose]: dispose };
}

/** Past the gateway, to the bridge that it is plugged in at. */
async function bridgeIsDeaf(context: CheckContext, attacker: Workload): Promise<void> {
  const { red } = context.scenario;
  const compute1 = targets(context)[2]!;
  const mark = token();
  const destination = { mac: bridgeMac(red.vni), ip: compute1.address };
  await expectReach(context, {
    what: 'a datagram of mallory straight to its bridge',
    token: mark,
    send: () => sendFrame(context.place(attacker), udpFrame({ source: attacker, destination, payload: mark, destinationPort: PORT })),
    at: [{ name: "the node's end of mallory's cable", place: context.portPlace(attacker) }],
    notAt: [compute1.at],
    where: context.logOf(attacker.node),
  });
}

function uplinkOf(context: CheckContext): Listener {
  const node = context.gatewayNode(context.scenario.red);
  return { name: `${node}'s uplink`, place: context.nodePlace(node, UPLINK_IFNAME) };
}

/** Every datagram is a connection of its own. While they come, a neighbour on the same node begins connections as ever. */
async function flood(context: CheckContext, attacker: Workload, sink: Workload, [from, to]: readonly [Workload, Workload]): Promise<void> {
  using server = tcpServer(context.place(to), NEIGHBOUR_PORT);
  const payload = token();
  const { netns, ifname } = context.place(attacker);
  using socket = PacketSocket.open({ netns, ifname });
  for (let burst = 0; burst < BURSTS; burst++) {
    for (let at = 0; at < BURST; at++) {
      const ports = { sourcePort: 1024 + burst * BURST + at, destinationPort: PORT };
      socket.send(udpFrame({ source: attacker, destination: sink, payload, ...ports }));
    }
    await pause(GAP_MS, context.signal);
  }
  const outcome = await tcpConnect(context.place(from), to.ip, server.port, { timeoutMs: CONNECTED_MS, signal: context.signal });
  const what = `red ${from.name}, on the flooded node, to connect to ${to.name}`;
  expect(outcome.kind === 'connected', what, outcomeText(outcome), context.logOf(from.node));
}

/** What was dropped of what the workload sent, by place and reason. */
async function counts(context: CheckContext, { portId, node }: Workload): Promise<ReadonlyMap<string, number>> {
  const { drops, unanswered } = await context.scenario.red.client.why(portId);
  expect(unanswered.length === 0, 'the nodes of mallory to answer', `no answer of ${unanswered.join(', ')}`, context.logOf(node));
  return new Map(
    drops.filter(({ direction }) => direction === 'sent').map(({ where, reason, packets }) => [`${where} ${reason}`, packets]),
  );
}

async function areCounted(
  context: CheckContext,
  attacker: Workload,
  before: ReadonlyMap<string, number>,
  expected: ReadonlyMap<string, number>,
): Promise<void> {
  const wanted = [...expected].map(([key, count]) => `${key} ${count}`).join(', ');
  const options = { expected: `mallory's packets to be counted: ${wanted}`, withinMs: COUNTED_MS, signal: context.signal };
  await waitFor(options, async () => {
    const now = await counts(context, attacker);
    const grown = [...expected.keys()].map((key) => [key, (now.get(key) ?? 0) - (before.get(key) ?? 0)] as const);
    // A workload's own stack is refused things as well: IPv6 of its own accord, and what is sent again.
    const short = grown.filter(([key, count]) => count < expected.get(key)!);
    return short.length === 0 ? { done: undefined } : { seen: grown.map(([key, count]) => `${key} ${count}`).join(', ') };
  });
}
