import { cidrPrefixLength } from '@weft/core/cidr';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { addrDelete, addrReplace } from '@weft/netlink/addr';
import { fdbList } from '@weft/netlink/fdb';
import { linkGet, linkList } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { NftContext } from '@weft/sys/nft';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { nodesInSync } from '../nodes.ts';
import { udpFrame } from '../probe/frames.ts';
import { PingStream } from '../probe/ping-stream.ts';
import { sendFrame } from '../probe/send-frame.ts';
import { tcpServer } from '../probe/tcp-server.ts';
import { DATA_IFNAME, clusterNodes } from '../topology.ts';
import type { LabNodeName } from '../topology.ts';
import { waitFor } from '../wait.ts';
import { serving } from './concentrator-move.ts';
import type { LabCheck } from './lab-check.ts';
import { addressIs, publicAddress } from './public.ts';
import type { Service } from './public.ts';
import { expectReach } from './reach.ts';
import type { Listener } from './reach.ts';
import { undisturbed } from './traffic.ts';
import { tunnelPacket } from './vni-injection.ts';

const PORT = 8080;
const VXLAN_PORT = 14_789;
/** Until everything is served again from the new address. */
const BACK_MS = 5000;
const LOSS_AFTER_MS = 1000;
/** So much higher is nobody's, whichever node it is that changes. */
const HIGHER = 50;

/**
 * The node of red's gateway gets another address in the compute network, and later its old one back: everybody follows by themselves, with
 * public address, leases, names and the way out. Nobody listens to the old address any more.
 */
export const ADDRESS_CHANGE: LabCheck = {
  id: 'address-change',
  needs: ['ping-mesh', 'ping-concentrator', 'outbound-nat', 'dhcp-lease', 'dns-name', 'public-ip', 'vni-injection'],
  disturbs: true,
  run: async (context) => {
    const { red } = context.scenario;
    const node = context.gatewayNode(red);
    const open2 = context.workload(red, 'open2');
    const before = context.dataAddress(node);
    if (before === undefined) throw new Error(`${node} has no address on the compute network`);
    const after = elsewhere(before);
    await using own = await publicAddress(context, red, open2);
    await addressIs(context, red, own, 'ACTIVE');
    using _server = tcpServer(context.place(open2), PORT);
    const services = [{ what: 'its public address', address: own.address, port: PORT, where: context.logOf(node) }];
    await serving(context, services, BACK_MS, context.logOf(node));
    const gaps: string[] = [];
    let left: readonly string[] = [];
    const change = async (from: Ipv4, to: Ipv4): Promise<void> => {
      gaps.push(`${((await changed(context, { node, from, to }, services)) / 1000).toFixed(1)} s`);
    };
    try {
      const detail = await undisturbed(context, [{ tenant: red, from: 'alpha', to: 'charlie' }], async () => {
        await change(before, after);
        left = clusterNodes(context.lab.topology).flatMap(({ name }) => mentions(context, name, before));
        await heard(context, node, before, after);
      });
      expect(left.length === 0, `nothing to be left of ${before}`, left.join(', '), context.logOf(node));
      await change(after, before);
      return `${before} → ${after} and back, red's gateway silent for ${gaps.join(' and ')}; elsewhere ${detail}`;
    } finally {
      if (context.dataAddress(node) !== before) await home(context, node, after, before);
    }
  },
};

function elsewhere(address: Ipv4): Ipv4 {
  const parts = address.split('.');
  return parseIpv4([...parts.slice(0, 3), String(Number(parts[3]) + HIGHER)].join('.'));
}

type Change = Readonly<{ node: LabNodeName; from: Ipv4; to: Ipv4 }>;

/** As a renumbered network does it: the old address is gone before the new one is there. */
function readdress({ lab }: CheckContext, { node, from, to }: Change): void {
  using rtnl = Rtnl.open(lab.network.netns(node));
  const { index } = linkGet(rtnl, DATA_IFNAME)!;
  const prefix = cidrPrefixLength(lab.topology.wires.data);
  addrDelete(rtnl, { index, address: from, prefix });
  addrReplace(rtnl, { index, address: to, prefix });
}

/** Changes the address and waits until all is served again, and the controller says so. Returns how long red's public address was silent. */
async function changed(context: CheckContext, change: Change, services: readonly Service[]): Promise<number> {
  using stream = new PingStream({ place: context.outsidePlace(), target: services[0]!.address, lossAfterMs: LOSS_AFTER_MS });
  stream.start();
  readdress(context, change);
  await followed(context, change);
  await serving(context, services, BACK_MS, context.logOf(change.node));
  const { longestGapMs } = await stream.stop();
  expect(
    longestGapMs < BACK_MS,
    `red's gateway to be back within ${BACK_MS} ms`,
    `${longestGapMs.toFixed(0)} ms`,
    context.logOf(change.node),
  );
  return longestGapMs;
}

async function followed({ lab, signal }: CheckContext, { node, to }: Change): Promise<void> {
  const watch = { expected: `${node} to be known at ${to}`, withinMs: BACK_MS, where: lab.daemon(node).logPath, signal };
  await waitFor(watch, async () => {
    const { vtep } = await lab.client().nodes.show(lab.nodeId(node));
    return vtep === to ? { done: undefined } : { seen: `${vtep}` };
  });
  await nodesInSync(lab, BACK_MS);
}

/** After a failure. */
async function home(context: CheckContext, node: LabNodeName, from: Ipv4, to: Ipv4): Promise<void> {
  readdress(context, { node, from, to });
  await followed(context, { node, from, to });
}

/** Where a node's kernel names the address: as its own tunnels' end, as somebody else's, or among those who may send. */
function mentions(context: CheckContext, node: LabNodeName, address: Ipv4): string[] {
  using rtnl = Rtnl.open(context.fabric(node));
  const links = linkList(rtnl);
  const tunnels = links.filter(({ vxlan }) => vxlan?.local === address).map(({ name }) => `${name} of ${node} begins there`);
  const entries = fdbList(rtnl).filter(({ dst }) => dst === address);
  const names = entries.map(({ index, mac }) => `${node} sends ${mac} there by ${links.find((link) => link.index === index)?.name}`);
  using nft = NftContext.open(context.lab.network.netns(node));
  const admitted = nft.run('list table inet weft').includes(address) ? [`${node}'s filter names it`] : [];
  return [...tunnels, ...names, ...admitted];
}

/** A tunnel packet with the new address as source comes out at compute2's charlie; with the old one it comes to compute2 and no further. */
async function heard(context: CheckContext, node: LabNodeName, before: Ipv4, after: Ipv4): Promise<void> {
  const place = context.nodePlace(node, DATA_IFNAME);
  const there = context.nodePlace('compute2', DATA_IFNAME);
  const ip = context.dataAddress('compute2')!;
  const victim: Listener = { name: 'blue charlie', place: context.place(context.workload(context.scenario.blue, 'charlie')) };
  const wire: Listener = { name: "compute2's data interface", place: there };
  const probe = async (from: Ipv4, at: readonly Listener[], notAt: readonly Listener[]): Promise<void> => {
    const { mark, payload } = tunnelPacket(context);
    const source = { mac: place.mac, ip: from };
    const ports = { sourcePort: 40_000, destinationPort: VXLAN_PORT };
    const frame = udpFrame({ source, destination: { mac: there.mac, ip }, payload, ...ports });
    await expectReach(context, { what: `a tunnel packet from ${from}`, token: mark, send: () => sendFrame(place, frame), at, notAt });
  };
  await probe(after, [wire, victim], []);
  await probe(before, [wire], [victim]);
}
