import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import type { Cidr } from '@weft/core/cidr';
import { ipv4ToBytes } from '@weft/core/ipv4';
import { METADATA_ADDRESS, METADATA_PORT } from '@weft/core/metadata-address';
import { encodeEthernet, ETHERTYPE_IPV4 } from '@weft/core/packet/ethernet';
import { encodeIpv4, ipv4Packet } from '@weft/core/packet/ipv4';
import type { PortBody } from '@weft/core/plan/port';
import { arpRequest } from '@weft/lab/packet/arp';
import { arrives, TokenListener } from '@weft/lab/probe/arrives';
import { arpFrame, udpFrame, vxlanFrame } from '@weft/lab/probe/frames';
import type { Endpoint } from '@weft/lab/probe/frames';
import { httpGet } from '@weft/lab/probe/http-get';
import { ping } from '@weft/lab/probe/ping';
import { sendFrame } from '@weft/lab/probe/send-frame';
import { tcpConnect, tcpHold } from '@weft/lab/probe/tcp-connect';
import { TcpServer } from '@weft/lab/probe/tcp-server';
import { token as newToken } from '@weft/lab/probe/token';
import { waitFor } from '@weft/lab/wait';
import { addrReplace } from '@weft/netlink/addr';
import { linkGet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { gatewayLegName, gatewayPlace, METADATA_MAC, METADATA_PLACE, metadataLegName, WORKLOAD_LINK } from './names.ts';
import { ALL_OUT, concentratorId, fromGroup, GATEWAY_MAC, groupId, ipv4, mac, portId, tcpOut, vni } from './plan-builder.testing.ts';
import { reachable, TestUnderlay, vtepOf } from './test-node.testing.ts';
import type { Station, TestNode } from './test-node.testing.ts';

const RED = 10_001;
const BLUE = 10_002;
const SOON = { timeoutMs: 5000 };
const NOT = { timeoutMs: 250 };
const ELSEWHERE = ipv4('169.254.169.253');

/** Red's 11 and 12, blue's 11 with the same address and MAC (its number is 21), each segment with its gateway here. */
function twoTenants(underlay: TestUnderlay, as: Partial<PortBody> = {}): TestNode {
  const node = underlay.node(1);
  node.builder.segment(RED).segment(BLUE).group(1).gateway(1, [RED]).gateway(2, [BLUE]);
  node.builder.workload({ n: 11, vni: RED }, as).workload({ n: 12, vni: RED });
  node.builder.workload({ n: 11, vni: BLUE }, { number: 21 });
  for (const n of [11, 12]) node.builder.member(1, ipv4(`10.0.0.${n}`));
  node.apply();
  return node;
}

/** Listens where the metadata service of a segment would. */
function serve(node: TestNode, number: number, port = METADATA_PORT): TcpServer {
  const place = { netns: node.inside(METADATA_PLACE), ifname: metadataLegName(vni(number)), mac: METADATA_MAC, ip: METADATA_ADDRESS };
  return new TcpServer({ place, port, device: place.ifname });
}

const ask = (station: Station, options = SOON, port = METADATA_PORT) => tcpConnect(station, METADATA_ADDRESS, port, options);

async function asked(station: Station, what: string): Promise<void> {
  const outcome = await ask(station);
  assert.ok(outcome.kind === 'connected', `${what}: ${outcome.kind}`);
  assert.equal(outcome.seenAs, station.ip, what);
}

test('two tenants with the same addresses reach the leg of their own segment, and the gateway sees nothing of it', async () => {
  using underlay = new TestUnderlay();
  const node = twoTenants(underlay);
  const [red, blue] = [node.at(11), node.at(11, 21)];
  using redServer = serve(node, RED);
  using blueServer = serve(node, BLUE);
  await reachable(red, ipv4('10.0.0.1'));
  const gateway = { netns: node.inside(gatewayPlace(concentratorId(1))), ifname: gatewayLegName(vni(RED)), mac: GATEWAY_MAC };
  using other = new TokenListener({ place: gateway, token: ipv4ToBytes(ELSEWHERE) });
  using metadata = new TokenListener({ place: gateway, token: ipv4ToBytes(METADATA_ADDRESS) });
  await tcpConnect(red, ELSEWHERE, METADATA_PORT, NOT);
  await asked(red, 'red by its default route');
  assert.ok(other.look() > 0, 'what goes to another address comes to the gateway');
  assert.equal(metadata.look(), 0);
  assert.deepEqual([redServer.peers, blueServer.peers], [['10.0.0.11'], []]);
  await asked(node.at(12), 'a neighbour');
  await asked(blue, 'blue');
  assert.deepEqual([redServer.peers, blueServer.peers], [['10.0.0.11', '10.0.0.12'], ['10.0.0.11']]);
  assert.deepEqual(node.drops({ n: 12, vni: RED }), {});
});

test('a workload without a gateway has a way there, and ARP for it is answered', async () => {
  using underlay = new TestUnderlay();
  const node = twoTenants(underlay);
  const instance = [...node.builder.plan.of('instance')].find(([, { name }]) => name === 'w12')!;
  node.builder.plan.set('instance', instance[0], { ...instance[1], gateway: undefined });
  node.apply();
  using server = serve(node, RED);
  await asked(node.at(12), 'by a route on the link');
  assert.deepEqual(server.peers, ['10.0.0.12']);
  assert.equal((await ping(node.at(12), METADATA_ADDRESS, { count: 1, timeoutMs: 250 })).received, 0, 'only its service answers');
  node.builder.plan.set('instance', instance[0], instance[1]);
  node.apply();
  await asked(node.at(12), 'by its gateway again');
  // Its cache asks by unicast before it asks everybody.
  const question = arpRequest({ mac: mac(12), ip: ipv4('10.0.0.12') }, METADATA_ADDRESS);
  using answers = new TokenListener({ place: node.at(12), token: arpAnswer() });
  sendFrame(node.at(12), arpFrame({ source: mac(12), destination: METADATA_MAC, message: question }));
  await waitFor({ expected: 'an answer', withinMs: 2000 }, () => (answers.look() > 0 ? { done: undefined } : { seen: 'none' }));
  assert.deepEqual(node.restarted().apply(node.builder.plan, 'all'), new Map());
});

/** Operation, sender's MAC and address. */
const arpAnswer = (): Uint8Array =>
  Uint8Array.of(0, 2, ...METADATA_MAC.split(':').map((byte) => Number.parseInt(byte, 16)), ...ipv4ToBytes(METADATA_ADDRESS));

test('something else on that address is refused and counted, and the namespace is no way to anybody', async () => {
  using underlay = new TestUnderlay();
  const node = twoTenants(underlay);
  using open = serve(node, RED);
  using other = serve(node, RED, 81);
  await asked(node.at(11), 'its service');
  assert.equal((await ask(node.at(11), NOT, 81)).kind, 'timeout');
  assert.equal(node.drops({ n: 11, vni: RED })['port metadata sent'], 1);
  assert.equal(other.peers.length, 0);
  assert.equal(open.peers.length, 1);
  // To its MAC, but meant for a neighbour or another tenant: it forwards nothing.
  await reachable(node.at(11), ipv4('10.0.0.12'));
  const lies = [
    [node.at(12), '10.0.0.12'],
    [node.at(11, 21), '10.0.0.11'],
  ] as const;
  for (const [receiver, ip] of lies) {
    const before = node.drops({ n: 11, vni: RED })['port metadata sent'] ?? 0;
    const token = newToken();
    const frame = udpFrame({ source: node.at(11), destination: { mac: METADATA_MAC, ip: ipv4(ip) }, payload: token });
    const sender = (): void => sendFrame(node.at(11), frame);
    assert.equal((await arrives({ receiver, sender, token, withinMs: 150, expect: 'silence' })).count, 0);
    assert.equal(node.drops({ n: 11, vni: RED })['port metadata sent'], before + 1);
  }
  // Nothing begins there: what it sends by itself does not come out.
  const leg = { netns: node.inside(METADATA_PLACE), ifname: metadataLegName(vni(RED)), mac: METADATA_MAC };
  const token = newToken();
  const frame = udpFrame({ source: { mac: METADATA_MAC, ip: METADATA_ADDRESS }, destination: node.at(11), payload: token });
  assert.equal(
    (await arrives({ receiver: node.at(11), sender: () => sendFrame(leg, frame), token, withinMs: 150, expect: 'silence' })).count,
    0,
  );
  using victim = new TcpServer({ place: node.at(11), port: 22 });
  assert.equal((await tcpConnect({ ...leg, ip: METADATA_ADDRESS }, ipv4('10.0.0.11'), 22, NOT)).kind === 'connected', false);
  assert.equal(victim.peers.length, 0);
});

test('nobody asks as somebody else: not by a forged address, not by its pairs, not without port security', async () => {
  const forms: readonly (readonly [what: string, as: Partial<PortBody>, counted: string])[] = [
    ['guarded', {}, 'port spoof_ip sent'],
    ['with pairs', { pairs: [{ mac: mac(11), cidr: '10.0.0.0/24' as Cidr }] }, 'port metadata_source sent'],
    ['without port security', { portSecurity: false, groups: [] }, 'port metadata_source sent'],
  ];
  for (const [what, as, counted] of forms) {
    using underlay = new TestUnderlay();
    const node = twoTenants(underlay, as);
    using server = serve(node, RED);
    const attacker = node.at(11);
    await asked(attacker, `${what}, as itself`);
    await asked(node.at(12), 'the neighbour');
    using rtnl = Rtnl.open(attacker.netns);
    addrReplace(rtnl, { index: linkGet(rtnl, WORKLOAD_LINK)!.index, address: ipv4('10.0.0.12'), prefix: 32 });
    const forged = await httpGet(
      { ...attacker, ip: ipv4('10.0.0.12') },
      { target: METADATA_ADDRESS, port: METADATA_PORT, path: '/', ...NOT },
    );
    assert.equal(forged.kind, 'timeout', what);
    assert.ok((node.drops({ n: 11, vni: RED })[counted] ?? 0) > 0, `${what}: ${JSON.stringify(node.drops({ n: 11, vni: RED }))}`);
    assert.deepEqual(server.peers, ['10.0.0.11', '10.0.0.12'], what);
  }
});

test('groups are asked as of any destination: what a port may not send it may not ask, from one moment to the next', async () => {
  using underlay = new TestUnderlay();
  const node = twoTenants(underlay);
  using server = serve(node, RED);
  await asked(node.at(11), 'all out');
  node.builder.group(3, [tcpOut(81)]).workload({ n: 11, vni: RED, groups: [3] });
  node.apply();
  assert.equal((await ask(node.at(11), NOT)).kind, 'timeout', 'another port only');
  assert.ok((node.drops({ n: 11, vni: RED })['port group sent'] ?? 0) > 0);
  node.builder.group(3, [tcpOut(METADATA_PORT)]);
  node.apply([{ kind: 'group', key: groupId(3) }]);
  await asked(node.at(11), 'that port');
  node.builder.group(3, [ALL_OUT, fromGroup(1)], { stateless: true });
  node.apply([{ kind: 'group', key: groupId(3) }]);
  await asked(node.at(11), 'stateless');
  node.builder.workload({ n: 11, vni: RED, groups: [] }, { portSecurity: false });
  node.apply();
  await asked(node.at(11), 'without port security');
  node.builder.workload({ n: 11, vni: RED }, { adminStateUp: false });
  node.apply();
  assert.equal((await ask(node.at(11), NOT)).kind, 'timeout', 'administratively down');
  assert.equal(server.peers.length, 4);
});

test('connections without end are cut off at the port, and a neighbour is served meanwhile', async () => {
  using underlay = new TestUnderlay();
  const node = twoTenants(underlay);
  using server = serve(node, RED);
  await asked(node.at(12), 'before');
  using held = await tcpHold(node.at(11), METADATA_ADDRESS, METADATA_PORT, { count: 400, timeoutMs: 500 });
  assert.ok(held.connected >= 200 && held.connected < 300, `${held.connected} of 400`);
  await asked(node.at(12), 'meanwhile');
  assert.ok((node.drops({ n: 11, vni: RED })['port metadata_rate sent'] ?? 0) > 0);
  assert.ok(server.peers.length > 0);
});

test('what another node or a gateway sends to the service does not come to it', async () => {
  using underlay = new TestUnderlay();
  const node = twoTenants(underlay);
  const two = underlay.node(2);
  node.builder.peer({ n: 13, vni: RED }, vtepOf(2));
  node.apply();
  const receiver = { netns: node.inside(METADATA_PLACE), ifname: metadataLegName(vni(RED)), mac: METADATA_MAC };
  const service = { mac: METADATA_MAC, ip: METADATA_ADDRESS };
  const arrivals = async (expect: 'arrival' | 'silence', token: Uint8Array, sender: () => void): Promise<number> =>
    (await arrives({ receiver, sender, token, withinMs: expect === 'arrival' ? 2000 : 200, expect })).count;
  await reachable(node.at(11), ipv4('10.0.0.1'));
  const [mine, remote, routed] = [newToken(), newToken(), newToken()];
  assert.equal(await arrivals('arrival', mine, () => sendFrame(node.at(11), synFrame(node.at(11), service, mine))), 1);
  const stranger = { mac: mac(13), ip: ipv4('10.0.0.13') };
  const inner = synFrame(stranger, service, remote);
  const under = { netns: two.netns, ifname: 'under', mac: linkGet(two.rtnl('node'), 'under')!.mac!, ip: vtepOf(2) };
  const home = { mac: linkGet(node.rtnl('node'), 'under')!.mac!, ip: vtepOf(1) };
  const tunnelled = vxlanFrame({ source: under, destination: home, port: node.facts.vxlanPort, vni: vni(RED), inner });
  const before = node.counter('fabric', 'bridge', 'metadata');
  assert.equal(await arrivals('silence', remote, () => sendFrame(under, tunnelled)), 0);
  assert.equal(node.counter('fabric', 'bridge', 'metadata'), before + 1, 'it came as far as the leg');
  const gateway = { netns: node.inside(gatewayPlace(concentratorId(1))), ifname: gatewayLegName(vni(RED)), mac: GATEWAY_MAC };
  const asGateway = synFrame({ mac: GATEWAY_MAC, ip: ipv4('10.0.0.1') }, service, routed);
  assert.equal(await arrivals('silence', routed, () => sendFrame(gateway, asGateway)), 0);
  assert.equal(node.counter('fabric', 'bridge', 'metadata'), before + 2);
});

/** The first packet of a TCP connection to the service, with data that it should not have. */
function synFrame(source: Endpoint, destination: Endpoint, token: Uint8Array): Uint8Array {
  const header = Uint8Array.of(0x9c, 0x40, 0, METADATA_PORT, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0);
  const packet = encodeIpv4(ipv4Packet(source.ip, destination.ip, 6, Uint8Array.of(...header, ...token)));
  return encodeEthernet({ source: source.mac, destination: destination.mac, etherType: ETHERTYPE_IPV4, payload: packet });
}

test('legs come with a segment’s first port and go with its last, a lost one comes back, and nothing is left', () => {
  using underlay = new TestUnderlay();
  const node = twoTenants(underlay);
  const places = (): string[] => readdirSync(`${node.runDir}/netns`);
  const legs = (): string[] =>
    node.kernel.observe().flatMap(({ object }) => (object.kind === 'link' && object.place === 'metadata' ? [object.name] : []));
  assert.deepEqual(legs().toSorted(), [`seg${RED}`, `seg${BLUE}`]);
  assert.ok(places().includes(METADATA_PLACE));
  const all = (): Map<string, string> => new Map(node.kernel.observe().map(({ key, content }) => [key, content]));
  const before = all();
  node.restarted();
  node.apply();
  assert.deepEqual(all(), before);
  node.builder.noWorkload(11);
  node.apply([{ kind: 'port', key: portId(11) }]);
  assert.equal(legs().length, 2, 'a neighbour still wants it');
  node.builder.noWorkload(21);
  node.apply();
  assert.deepEqual(legs(), [`seg${RED}`]);
  node.builder.noWorkload(12);
  node.apply();
  node.tidy();
  assert.ok(!places().includes(METADATA_PLACE));
  assert.deepEqual(
    node.kernel.observe().filter(({ key }) => /metadata|wm\d/.test(key) && !key.startsWith('table')),
    [],
  );
});
