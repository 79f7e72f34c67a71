import type { WeftClient } from '@weft/api/client';
import { parseCidr6 } from '@weft/core/cidr6';
import type { Cidr6 } from '@weft/core/cidr6';
import { eui64Address, LINK_LOCAL } from '@weft/core/eui64';
import { ipCidrContains, isIpv6 } from '@weft/core/ip';
import type { Ipv6 } from '@weft/core/ipv6';
import { ipv6ToBytes, parseIpv6 } from '@weft/core/ipv6';
import { macToBytes, parseMac } from '@weft/core/mac';
import { parseUuid } from '@weft/core/uuid';
import type { ConcentratorId, InstanceId, PortId } from '@weft/core/uuid';
import { addrList, addrReplace } from '@weft/netlink/addr';
import { linkGet, linkList } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsIsPinned, netnsOpen } from '@weft/sys/netns';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { arrives } from '../probe/arrives.ts';
import { dhcp6Client } from '../probe/dhcp6-client.ts';
import { advertisementFrame, routerAdvertisementFrames, udpFrame6 } from '../probe/frames6.ts';
import { ping } from '../probe/ping.ts';
import type { Place } from '../probe/place.ts';
import { sendFrame } from '../probe/send-frame.ts';
import { token as newToken } from '../probe/token.ts';
import { deleteWorkload, workloadActive, workloadSpec } from '../scenario.ts';
import type { Workload } from '../scenario.ts';
import { waitFor } from '../wait.ts';
import type { LabCheck } from './lab-check.ts';

const MADE = parseCidr6('fd00:50::/64');
const LEASED = parseCidr6('fd00:51::/64');
/** A kernel asks for routers some seconds long, and then whether anybody has its address. */
const ADDRESS_MS = 20_000;
const LEASE_MS = 10_000;
const REACHED_MS = 5000;
const SILENT_MS = 300;

type Station = Readonly<{ workload: Workload; place: Place; ip: Ipv6 }>;

/**
 * A tenant with nothing but IPv6. Workloads make the addresses that their ports have from what the gateway advertises, or lease them by DHCPv6, and
 * reach each other across nodes and through the gateway, let in as members of their group. What one of them says as another, or as a router, nobody
 * hears, while the same from whom it is true arrives.
 */
export const IPV6: LabCheck = {
  id: 'ipv6',
  needs: ['ping-mesh', 'routing'],
  disturbs: true,
  run: async (context) => {
    const { id, token } = await context.lab.client().tenants.create({ name: 'six' });
    const client = context.lab.client(token);
    try {
      return await reachEachOther(context, client, id);
    } finally {
      await removeTenant(context, id, client);
    }
  },
};

async function reachEachOther(context: CheckContext, client: WeftClient, tenantId: string): Promise<string> {
  const made = await net(client, MADE, 'slaac');
  const leased = await net(client, LEASED, 'dhcpv6-stateful');
  const stations = [
    await station(context, client, made, 'compute1', 61),
    await station(context, client, made, 'compute2', 62),
    await station(context, client, leased, 'compute2', 63),
  ] as const;
  for (const { workload } of stations) await workloadActive(context.lab, client, workload);
  const [one, two, three] = stations;
  for (const { ip, place, workload } of [one, two]) {
    const expected = eui64Address(MADE, workload.mac);
    expect(ip === expected, `the port of ${workload.name} to have the address that its kernel makes`, `${ip}, not ${expected}`);
    await hasAddress(context, place, ip);
  }
  const outcome = await dhcp6Client(three.place, { timeoutMs: LEASE_MS, signal: context.signal });
  const seen = outcome.kind === 'leased' ? outcome.address : outcome.kind;
  expect(seen === three.ip, `a lease of ${three.ip}`, seen, logs(context));
  take(three.place, three.ip);
  const ways = [
    [one, two],
    [two, one],
    [one, three],
    [three, two],
  ] as const;
  for (const [from, to] of ways) await reaches(context, from, to);
  const lies = await liesAreStopped(context, tenantId, one, two);
  for (const { workload } of stations) await deleteWorkload(context.lab, client, workload);
  return `${one.ip} and ${two.ip} were made, ${three.ip} was leased; all reached each other, and ${lies} lies nobody`;
}

/** Each is first told by whom it is true of. Returns how many. */
async function liesAreStopped(context: CheckContext, tenantId: string, one: Station, two: Station): Promise<number> {
  using open = new DisposableStack();
  const router = await routerPlace(context, tenantId, open);
  const to = { mac: two.place.mac, ip: two.ip };
  const [own, stranger] = [one.ip, parseIpv6('fd00:50::bad')];
  const datagram = (ip: Ipv6, payload: Uint8Array) => udpFrame6({ source: { mac: one.place.mac, ip }, destination: to, payload });
  const claim = (target: Ipv6) =>
    advertisementFrame({ source: { mac: one.place.mac, ip: own }, destination: to, target, told: one.place.mac });
  const routers = (from: Place, token: Uint8Array) =>
    routerAdvertisementFrames({ mac: from.mac, ip: eui64Address(LINK_LOCAL, from.mac) }, token, 'plain')[0]!;
  type Said = Readonly<{ from: Place; frame: Uint8Array; token: Uint8Array }>;
  const says = (from: Place, token: Uint8Array, frame: Uint8Array): Said => ({ from, token, frame });
  const tokens = [newToken(), newToken(), newToken(), newToken()] as const;
  const pairs: readonly (readonly [what: string, truth: Said, lie: Said])[] = [
    ['a source address', says(one.place, tokens[0], datagram(own, tokens[0])), says(one.place, tokens[1], datagram(stranger, tokens[1]))],
    ['a neighbour', says(one.place, told(own, one.place), claim(own)), says(one.place, told(stranger, one.place), claim(stranger))],
    ['a router', says(router, tokens[2], routers(router, tokens[2])), says(one.place, tokens[3], routers(one.place, tokens[3]))],
  ];
  for (const [what, truth, lie] of pairs) {
    const hear = async ({ from, frame, token }: Said, expected: 'arrival' | 'silence'): Promise<number> => {
      const probe = { receiver: two.place, token, sender: () => sendFrame(from, frame), expect: expected, signal: context.signal };
      return (await arrives({ ...probe, withinMs: expected === 'arrival' ? REACHED_MS : SILENT_MS })).count;
    };
    expect((await hear(truth, 'arrival')) > 0, `${what}, truly told, to arrive`, 'nothing', logs(context));
    const heard = await hear(lie, 'silence');
    expect(heard === 0, `${what}, falsely told, to be dropped`, `${heard} at ${two.ip}`, logs(context));
  }
  return pairs.length;
}

/** What only an advertisement that this address has this MAC holds. */
function told(target: Ipv6, { mac }: Place): Uint8Array {
  return Uint8Array.of(...ipv6ToBytes(target), 2, 1, ...macToBytes(mac));
}

/** The tenant's gateway, on the segment where hosts make their addresses. */
async function routerPlace(context: CheckContext, tenantId: string, open: DisposableStack): Promise<Place> {
  const concentrator = (await context.lab.client().concentrators.list()).find(({ tenant_id: id }) => id === tenantId);
  const id = parseUuid<ConcentratorId>(concentrator?.id);
  const pin = context
    .networkNodes()
    .map((node) => context.gatewayPin(node, id))
    .find(netnsIsPinned);
  expect(pin !== undefined, 'the tenant’s gateway to be on a node', 'none', logs(context));
  const netns = open.use(netnsOpen(pin));
  using rtnl = Rtnl.open(netns);
  const indexes = addrList(rtnl).flatMap(({ address, index }) => (ipCidrContains(MADE, address) ? [index] : []));
  const leg = linkList(rtnl).find(({ index }) => indexes.includes(index));
  expect(leg?.mac !== undefined, `the gateway to have an address in ${MADE}`, 'none', logs(context));
  return { netns, ifname: leg.name, mac: leg.mac };
}

async function net(client: WeftClient, cidr: Cidr6, mode: 'slaac' | 'dhcpv6-stateful'): Promise<string> {
  const network = await client.networks.create({ name: mode });
  await client.subnets.create({ network_id: network.id, cidr, ip_version: 6, ipv6_ra_mode: mode, ipv6_address_mode: mode });
  return network.id;
}

async function station(
  context: CheckContext,
  client: WeftClient,
  networkId: string,
  node: 'compute1' | 'compute2',
  n: number,
): Promise<Station> {
  const spec = workloadSpec(`six${n}`, node, n, { addressing: 'dhcp' });
  const port = await client.ports.create({ name: spec.name, network_id: networkId, mac_address: spec.mac });
  const instance = await client.instances.create({
    name: spec.name,
    command: ['sleep', 'infinity'],
    port_id: port.id,
    addressing: spec.addressing,
    node_id: context.lab.nodeId(node),
  });
  const ids = { portId: parseUuid<PortId>(port.id), instanceId: parseUuid<InstanceId>(instance.id) };
  const workload: Workload = { ...spec, mac: parseMac(port.mac_address), tenant: 'red', ...ids };
  const ip = parseIpv6(port.fixed_ips[0]?.ip_address);
  await workloadActive(context.lab, client, workload);
  const { netns, ifname, mac } = context.place(workload);
  return { workload, ip, place: { netns, ifname, mac } };
}

async function hasAddress(context: CheckContext, place: Place, ip: Ipv6): Promise<void> {
  const expected = `a workload’s kernel to make ${ip} of what the gateway advertises`;
  await waitFor({ expected, withinMs: ADDRESS_MS, where: logs(context), signal: context.signal }, () => {
    using rtnl = Rtnl.open(place.netns);
    const addresses = addrList(rtnl).flatMap(({ address }) => (isIpv6(address) && address !== '::1' ? [address] : []));
    return addresses.includes(ip) ? { done: undefined } : { seen: addresses.join(', ') };
  });
}

/** As a client of DHCPv6 would. */
function take({ netns, ifname }: Place, address: Ipv6): void {
  using rtnl = Rtnl.open(netns);
  addrReplace(rtnl, { index: linkGet(rtnl, ifname)?.index ?? 0, address, prefix: 128 });
}

async function reaches(context: CheckContext, from: Station, to: Station): Promise<void> {
  const expected = `${from.ip} to reach ${to.ip}`;
  await waitFor({ expected, withinMs: REACHED_MS, where: logs(context), signal: context.signal }, async () => {
    const { received, sendError } = await ping(from.place, to.ip, { timeoutMs: 500, signal: context.signal });
    return received === 1 ? { done: undefined } : { seen: `no echo${sendError === undefined ? '' : `, ${sendError}`}` };
  });
}

const logs = (context: CheckContext): string =>
  context
    .networkNodes()
    .map((node) => context.logOf(node))
    .join(', ');

/** Whatever of it is there. */
async function removeTenant(context: CheckContext, tenantId: string, client: WeftClient): Promise<void> {
  for (const { id } of await client.instances.list()) await client.instances.delete(id);
  for (const { id } of await client.ports.list()) await client.ports.delete(id);
  for (const { id } of await client.networks.list({ tenant_id: tenantId })) await client.networks.delete(id);
  await context.lab.client().tenants.delete(tenantId);
}
