/** What a port may claim of IPv6, whatever it puts its claims behind: each lie dropped under its reason, and seen to arrive where no guard stands. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { eui64Address, LINK_LOCAL } from '@weft/core/eui64';
import type { Ipv6 } from '@weft/core/ipv6';
import { ipv6FromBytes, ipv6ToBytes } from '@weft/core/ipv6';
import type { Mac } from '@weft/core/mac';
import { localMac, macToBytes } from '@weft/core/mac';
import { arrivals, arrives } from '@weft/lab/probe/arrives';
import {
  advertisementFrame,
  datagramFragments6,
  HIDING,
  redirectFrame,
  routerAdvertisementFrames,
  solicitationFrame,
  udpFrame6,
} from '@weft/lab/probe/frames6';
import type { Endpoint6 } from '@weft/lab/probe/frames6';
import { ping } from '@weft/lab/probe/ping';
import type { Place } from '@weft/lab/probe/place';
import { sendFrame } from '@weft/lab/probe/send-frame';
import { token as newToken } from '@weft/lab/probe/token';
import { waitFor } from '@weft/lab/wait';
import { linkGet, linkSet } from '@weft/netlink/link';
import { bridgeName } from './names.ts';
import { ALL_OUT, ALL_OUT6, ANY_IN6, ipv4, mac, vni } from './plan-builder.testing.ts';
import { TestUnderlay } from './test-node.testing.ts';
import type { TestNode } from './test-node.testing.ts';
import { gatewayIp6, ip6, TwoNodes } from './two-nodes.testing.ts';

const VNI = 10_001;
const ROUTERS: Endpoint6 = { mac: '33:33:00:00:00:02' as Mac, ip: ip6('ff02::2') };
const DHCP_SERVERS: Endpoint6 = { mac: '33:33:00:01:00:02' as Mac, ip: ip6('ff02::1:2') };
const address = (n: number): Ipv6 => ip6(`fd00:1::${n}`);

/** `counted`: how many of its frames are, by default all. */
type Lie = Readonly<{ name: string; reason: string; frames: readonly Uint8Array[]; token: Uint8Array; counted?: number }>;

/** Sent by 11 to 12; each has a token of its own, which may be the address or the MAC that it claims. */
function lies(): readonly Lie[] {
  const attacker = { mac: mac(11), ip: address(11) };
  const local = { mac: mac(11), ip: eui64Address(LINK_LOCAL, mac(11)) };
  const receiver = { mac: mac(12), ip: address(12) };
  const claims = (name: string, make: (target: Ipv6, told: Mac) => Uint8Array, by: 'target' | 'told', reason = 'spoof_nd'): Lie => {
    const target = ipv6FromBytes(Uint8Array.of(0xfd, 0, 0, 1, 0, 0, 0, 0, ...randomBytes(8)));
    const told = localMac(randomBytes(5));
    return { name, reason, frames: [make(target, told)], token: by === 'target' ? ipv6ToBytes(target) : macToBytes(told) };
  };
  const sends = (name: string, reason: string, make: (token: Uint8Array) => readonly Uint8Array[]): Lie => {
    const token = newToken();
    return { name, reason, frames: make(token), token };
  };
  const from = (ip: Ipv6) => ({ source: { mac: mac(11), ip }, destination: receiver });
  const own = { source: attacker, destination: receiver };
  const server = { source: local, destination: receiver, sourcePort: 547, destinationPort: 546 };
  return [
    sends('another’s address', 'spoof_ip', (payload) => [udpFrame6({ ...from(address(13)), payload })]),
    sends('another’s link-local address', 'spoof_ip', (payload) => [udpFrame6({ ...from(ip6('fe80::99')), payload })]),
    claims('a solicitation from another’s address', (target, told) => solicitationFrame({ ...from(address(13)), target, told }), 'target'),
    claims('a solicitation that tells another’s MAC', (_, told) => solicitationFrame({ ...own, target: address(12), told }), 'told'),
    claims('a solicitation whether another’s address is taken', (target) => solicitationFrame({ ...from(ip6('::')), target }), 'target'),
    claims('an advertisement of another’s address', (target) => advertisementFrame({ ...own, target, told: mac(11) }), 'target'),
    claims('an advertisement of another’s MAC', (_, told) => advertisementFrame({ ...own, target: address(11), told }), 'told'),
    claims('an advertisement as another', (_, told) => advertisementFrame({ ...from(address(13)), target: address(11), told }), 'told'),
    claims('a redirect', (target) => redirectFrame({ source: local, destination: receiver, target }), 'target', 'spoof_ra'),
    ...HIDING.map((hiding) =>
      sends(`a router advertisement, ${hiding}`, hiding === 'plain' ? 'spoof_ra' : 'headers', (token) =>
        routerAdvertisementFrames(local, token, hiding),
      ),
    ),
    sends('a DHCPv6 server', 'spoof_dhcp', (payload) => [udpFrame6({ ...server, payload })]),
    // The second fragment is nothing without the first.
    {
      ...sends('a DHCPv6 server behind an empty fragment', 'headers', (payload) =>
        datagramFragments6({ ...server, payload, headBytes: 0 }),
      ),
      counted: 1,
    },
  ];
}

function twoWorkloads(underlay: TestUnderlay): TestNode {
  const node = underlay.node(1);
  node.builder.segment(VNI).group(1, [ALL_OUT, ALL_OUT6, ANY_IN6]);
  for (const n of [11, 12]) node.builder.workload({ n, vni: VNI }, { ips: [ipv4(`10.0.0.${n}`), address(n)] });
  node.apply();
  return node;
}

async function reaches(from: Place, target: Ipv6, payloadBytes = 56): Promise<void> {
  await waitFor({ expected: `an echo of ${target}`, withinMs: 5000 }, async () => {
    const { received } = await ping(from, target, { timeoutMs: 250, payloadBytes });
    return received === 1 ? { done: undefined } : { seen: 'none' };
  });
}

test('each lie that a workload tells in IPv6 is dropped and counted under its reason, and arrives where no guard stands', async () => {
  using underlay = new TestUnderlay();
  const node = twoWorkloads(underlay);
  const [attacker, receiver] = [node.at(11), node.at(12)];
  await reaches(attacker, address(12));
  await reaches(attacker, address(12), 3000);
  const counts = (): Readonly<Record<string, number>> => node.drops({ n: 11, vni: VNI });
  assert.deepEqual(counts(), {}, 'what is true is no lie');
  const all = lies();
  const send =
    ({ frames }: Lie) =>
    (): void => {
      for (const frame of frames) sendFrame(attacker, frame);
    };
  for (const lie of all) {
    const before = counts()[`port ${lie.reason} sent`] ?? 0;
    const probe = { receiver, token: lie.token, sender: send(lie), withinMs: 100 };
    assert.equal((await arrives({ ...probe, expect: 'silence' })).count, 0, lie.name);
    assert.equal(
      (counts()[`port ${lie.reason} sent`] ?? 0) - before,
      lie.counted ?? lie.frames.length,
      `${lie.name} is counted as ${lie.reason}`,
    );
  }
  for (const chain of ['prerouting', 'forward']) node.nft('fabric', `insert rule bridge weft ${chain} accept`);
  // Behind it the kernel drops redirects that no connection has, and fragments smaller than anybody need make.
  const rtnl = node.rtnl('fabric');
  const plain = { stp: 0, mcastSnooping: 0, nfCallIptables: 0, nfCallIp6tables: 0, nfCallArptables: 0 };
  linkSet(rtnl, linkGet(rtnl, bridgeName(vni(VNI)))!.index, { bridge: plain });
  for (const lie of all) {
    const { count } = await arrives({ receiver, token: lie.token, sender: send(lie), withinMs: 2000, expect: 'arrival' });
    assert.ok(count > 0, `${lie.name}, without a guard`);
  }
});

test('what looks for routers and DHCPv6 gets to the gateway on the other node, and to nobody else', async () => {
  using nodes = new TwoNodes('mesh', { ipv6: true });
  nodes.apply();
  const [w1, w2] = [nodes.workload(1), nodes.workload(2)];
  const gateway = { netns: nodes.gatewayNetns(1), ifname: 'seg10001', mac: w1.mac };
  await reaches(w2, gatewayIp6(1));
  const source = { mac: w2.mac, ip: eui64Address(LINK_LOCAL, w2.mac) };
  const payload = newToken();
  const solicit = udpFrame6({ source, destination: DHCP_SERVERS, payload, sourcePort: 546, destinationPort: 547 });
  const seen = async (frame: Uint8Array, token: Uint8Array, receiver: Place, expect: 'arrival' | 'silence'): Promise<number> =>
    (await arrives({ receiver, token, sender: () => sendFrame(w2, frame), withinMs: expect === 'arrival' ? 3000 : 150, expect })).count;
  assert.equal(await seen(solicit, payload, gateway, 'arrival'), 1, 'DHCPv6, at the gateway');
  assert.equal(await seen(solicit, payload, w1, 'silence'), 0, 'DHCPv6, at a workload');
  const other = newToken();
  const group = udpFrame6({ source: { ...source, ip: ip6('fd00:1::12') }, destination: ROUTERS, payload: other });
  const [atGateway, atWorkload] = await arrivals({
    receivers: [gateway, w1],
    token: other,
    sender: () => sendFrame(w2, group),
    withinMs: 150,
    expect: 'silence',
  });
  assert.deepEqual([atGateway?.count, atWorkload?.count], [0, 0], 'anything else to that group');
  const target = ip6('fd00:1::dead');
  const unknown = solicitationFrame({
    source,
    destination: { mac: '33:33:ff:00:de:ad' as Mac, ip: ip6('ff02::1:ff00:dead') },
    target,
    told: w2.mac,
  });
  assert.equal(await seen(unknown, ipv6ToBytes(target), w1, 'silence'), 0, 'who asks for what nobody has');
});
