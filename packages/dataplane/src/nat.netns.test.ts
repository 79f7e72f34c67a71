import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cidr } from '@weft/core/cidr';
import type { Ipv4 } from '@weft/core/ipv4';
import type { CompiledNatRule } from '@weft/core/plan/nat';
import { ping } from '@weft/lab/probe/ping';
import type { Place } from '@weft/lab/probe/place';
import { tcpConnect } from '@weft/lab/probe/tcp-connect';
import { tcpServer } from '@weft/lab/probe/tcp-server';
import type { TcpServer } from '@weft/lab/probe/tcp-server';
import { udpAsk, udpEcho } from '@weft/lab/probe/udp-echo';
import { Conntrack } from '@weft/netlink/conntrack';
import { Dataplane } from './dataplane.ts';
import { assertOver, Talk } from './talk.testing.ts';
import { gatewayId, ip, OUTSIDE, OUTSIDE_TOO, setGateway, setPublicIp, sha256, TwoNodes } from './two-nodes.testing.ts';

const [PUBLIC, SPARE] = [ip('203.0.113.101'), ip('203.0.113.102')];
const GATEWAY = ip('203.0.113.11');
const REFUSED_MS = 700;
const NAT = { kind: 'nat', key: gatewayId(1) } as const;
const [W1, W2, W3] = [ip('10.0.0.11'), ip('10.0.0.12'), ip('10.1.0.13')];

const only = (address: Ipv4): Cidr => `${address}/32` as Cidr;
const any = { protocol: undefined, remoteCidr: undefined, portMin: undefined, portMax: undefined } as const;

/** What leaves with another source. */
const out = (address: Ipv4 | undefined, given: Partial<CompiledNatRule> = {}): CompiledNatRule => ({
  ...any,
  direction: 'outbound',
  address,
  local: undefined,
  to: undefined,
  ...given,
});

/** TCP ports of an address that lead inside. */
const led = (
  address: Ipv4 | undefined,
  ports: readonly [number, number],
  to: CompiledNatRule['to'],
  given: Partial<CompiledNatRule> = {},
) =>
  ({
    ...any,
    direction: 'inbound',
    protocol: 'tcp',
    portMin: ports[0],
    portMax: ports[1],
    address,
    local: undefined,
    to,
    ...given,
  }) satisfies CompiledNatRule;

/** Of tenant 1, on its own. */
function setNat({ hub: { plan, dataplane } }: TwoNodes, ...rules: readonly CompiledNatRule[]): void {
  if (rules.length === 0) plan.delete(NAT.kind, NAT.key);
  else plan.set(NAT.kind, NAT.key, { concentratorId: gatewayId(1), rules });
  assert.deepEqual(dataplane.apply(plan, [NAT]), new Map());
}

/** Whom the server saw, or why there was no connection. */
async function connect(from: Place, target: Ipv4, port: number, timeoutMs = 3000): Promise<string> {
  const outcome = await tcpConnect(from, target, port, { timeoutMs });
  return outcome.kind === 'connected' ? outcome.seenAs : outcome.kind;
}

function workloads(nodes: TwoNodes): [Place, Place, Place, Place] {
  return [1, 2, 3, 4].map((n) => nodes.workload(n)) as [Place, Place, Place, Place];
}

test('what goes out leaves with the address that the first rule that fits gives it, before addresses that are 1:1, and nothing else does', async () => {
  using nodes = new TwoNodes('mesh');
  setPublicIp(nodes.hub.plan, PUBLIC, W2);
  setPublicIp(nodes.hub.plan, SPARE, undefined);
  nodes.apply();
  const [w1, w2, w3, w4] = workloads(nodes);
  using _web = tcpServer(nodes.outside, 80);
  using _mail = tcpServer(nodes.outside, 25);
  using _inside = tcpServer(w3, 80);
  assert.deepEqual([await connect(w1, OUTSIDE, 80), await connect(w2, OUTSIDE, 80)], [GATEWAY, PUBLIC], 'without rules');
  setNat(nodes, out(SPARE, { local: [W1] }));
  assert.deepEqual(
    [await connect(w1, OUTSIDE, 80), await connect(w2, OUTSIDE, 80), await connect(w3, OUTSIDE, 80)],
    [SPARE, PUBLIC, GATEWAY],
  );
  assert.equal(await connect(w1, W3, 80), W1, 'within the tenant');
  assert.equal((await ping(w1, OUTSIDE, { count: 2, intervalMs: 20, timeoutMs: 2000 })).received, 2, 'any protocol');
  setNat(nodes, out(SPARE, { protocol: 'tcp', portMin: 25, portMax: 26, remoteCidr: only(OUTSIDE) }));
  assert.deepEqual([await connect(w1, OUTSIDE, 25), await connect(w2, OUTSIDE, 25)], [SPARE, SPARE], 'all of the tenant’s');
  assert.deepEqual([await connect(w1, OUTSIDE, 80), await connect(w1, OUTSIDE_TOO, 25)], [GATEWAY, GATEWAY], 'another port or address');
  assert.notEqual(await connect(w4, OUTSIDE, 25), SPARE, 'another tenant');
  setNat(nodes, out(undefined, { local: [W2], remoteCidr: only(OUTSIDE) }), out(SPARE));
  assert.equal(await connect(w2, OUTSIDE, 80), GATEWAY, 'an exception to the address of its own');
  assert.deepEqual([await connect(w2, OUTSIDE_TOO, 80), await connect(w1, OUTSIDE, 80)], [SPARE, SPARE]);
  setNat(nodes);
  assert.deepEqual([await connect(w1, OUTSIDE, 80), await connect(w2, OUTSIDE, 80)], [GATEWAY, PUBLIC], 'without rules');
});

/** Servers by name, and who of them answers. */
class Servers implements Disposable {
  readonly #servers: ReadonlyMap<string, TcpServer>;

  constructor(places: Readonly<Record<string, readonly [place: Place, port: number]>>) {
    this.#servers = new Map(Object.entries(places).map(([name, [place, port]]) => [name, tcpServer(place, port)]));
  }

  /** `web sees 203.0.113.254`, or why there was no connection. */
  async answer(from: Place, target: Ipv4, port: number, timeoutMs = 3000): Promise<string> {
    const before = new Map([...this.#servers].map(([name, { peers }]) => [name, peers.length]));
    const seenAs = await connect(from, target, port, timeoutMs);
    const [name] = [...this.#servers].find(([each, { peers }]) => peers.length > (before.get(each) ?? 0)) ?? [];
    return name === undefined ? seenAs : `${name} sees ${seenAs}`;
  }

  [Symbol.dispose](): void {
    for (const server of this.#servers.values()) server[Symbol.dispose]();
  }
}

for (const topology of ['mesh', 'concentrator'] as const) {
  test(`${topology}: what arrives is led to a workload, from where the rule says, before forwards and the address as a whole`, async () => {
    using nodes = new TwoNodes(topology);
    const { plan } = nodes.hub;
    setPublicIp(plan, PUBLIC, W2);
    const forward = { concentratorId: gatewayId(1), address: PUBLIC, protocol: 'tcp', port: 8081, internal: W2, internalPort: 81 } as const;
    plan.set('forward', `${PUBLIC}/tcp/8081`, forward);
    nodes.apply();
    const [w1, w2, w3, w4] = workloads(nodes);
    using servers = new Servers({
      web: [w1, 80],
      whole: [w2, 8080],
      forwarded: [w2, 81],
      first: [w3, 90],
      second: [w3, 91],
      third: [w3, 92],
    });
    const fromOutside = (port: number): Promise<string> => servers.answer(nodes.outside, PUBLIC, port);
    assert.deepEqual([await fromOutside(8080), await fromOutside(8081)], [`whole sees ${OUTSIDE}`, `forwarded sees ${OUTSIDE}`]);
    const range = led(PUBLIC, [8080, 8082], { address: W3, port: 90 });
    setNat(nodes, { ...range, remoteCidr: only(OUTSIDE_TOO) });
    assert.deepEqual([await fromOutside(8080), await fromOutside(8081)], [`whole sees ${OUTSIDE}`, `forwarded sees ${OUTSIDE}`]);
    setNat(nodes, { ...range, remoteCidr: only(OUTSIDE) }, led(undefined, [80, 80], { address: W1, port: 80 }));
    for (const [port, name] of [
      [8080, 'first'],
      [8081, 'second'],
      [8082, 'third'],
    ] as const)
      assert.equal(await fromOutside(port), `${name} sees ${OUTSIDE}`);
    assert.equal(await servers.answer(w1, PUBLIC, 8080), 'whole sees 10.0.0.1', 'from within, it is not about');
    assert.equal(await servers.answer(nodes.outside, GATEWAY, 80), `web sees ${OUTSIDE}`, 'the gateway’s own address');
    assert.equal(await servers.answer(w4, GATEWAY, 80), 'web sees 203.0.113.12', 'another tenant');
    assert.equal(await servers.answer(nodes.outside, GATEWAY, 81, REFUSED_MS), 'timeout', 'a port that leads nowhere');
    setNat(nodes, range);
    assert.equal(await servers.answer(w1, PUBLIC, 8081), 'second sees 10.1.0.1', 'a neighbour in another subnet');
    assert.equal(await servers.answer(w3, PUBLIC, 8081), 'second sees 10.1.0.1', 'the workload itself');
    assert.equal(await servers.answer(nodes.outside, GATEWAY, 80, REFUSED_MS), 'timeout', 'a rule that is gone');
    setNat(nodes);
    assert.deepEqual([await fromOutside(8080), await fromOutside(8081)], [`whole sees ${OUTSIDE}`, `forwarded sees ${OUTSIDE}`]);
  });
}

test('datagrams are led and answered, and the firewall judges behind the rule', async () => {
  using nodes = new TwoNodes('mesh');
  const { plan, dataplane } = nodes.hub;
  setPublicIp(plan, PUBLIC, undefined);
  nodes.apply();
  const [w1] = workloads(nodes);
  using _echo = udpEcho(w1, 53);
  using _web = tcpServer(w1, 80);
  setNat(
    nodes,
    led(PUBLIC, [5353, 5353], { address: W1, port: 53 }, { protocol: 'udp' }),
    led(PUBLIC, [8080, 8080], { address: W1, port: 80 }),
  );
  const answer = await udpAsk(nodes.outside, PUBLIC, 5353, { payload: Uint8Array.of(1, 2), timeoutMs: 2000 });
  assert.deepEqual(answer.kind === 'answered' && [answer.from, [...answer.bytes]], [PUBLIC, [1, 2]]);
  assert.equal(await connect(nodes.outside, PUBLIC, 8080), OUTSIDE);
  const deny = { ...any, direction: 'inbound', action: 'deny', protocol: 'tcp', portMin: 80, portMax: 80, local: [W1] } as const;
  plan.set('firewall', gatewayId(1), { concentratorId: gatewayId(1), rules: [deny] });
  assert.deepEqual(dataplane.apply(plan, [{ kind: 'firewall', key: gatewayId(1) }]), new Map());
  assert.equal(await connect(nodes.outside, PUBLIC, 8080, REFUSED_MS), 'timeout');
});

test('running connections of a rule that goes or changes end, whoever goes on talking, and those of others go on', async () => {
  using nodes = new TwoNodes('mesh');
  const { plan } = nodes.hub;
  for (const address of [PUBLIC, SPARE]) setPublicIp(plan, address, undefined);
  nodes.apply();
  const [w1, w2, w3] = workloads(nodes);
  const kept = [led(PUBLIC, [82, 82], { address: W2, port: 82 }), out(SPARE, { local: [W3] })];
  const shifted = led(PUBLIC, [8080, 8080], { address: W1, port: 80 });
  const going = [shifted, led(undefined, [81, 81], { address: W1, port: 81 }), out(SPARE, { local: [W1, W2] })];
  setNat(nodes, ...going, ...kept);
  using a = await new Talk(nodes.outside, PUBLIC, 8080, { place: w1, port: 80 }).start();
  using b = await new Talk(nodes.outside, GATEWAY, 81, { place: w1, port: 81 }).start();
  using c = await new Talk(w1, OUTSIDE, 90, { place: nodes.outside, port: 90 }).start();
  using d = await new Talk(nodes.outside, PUBLIC, 82, { place: w2, port: 82 }).start();
  using e = await new Talk(w3, OUTSIDE, 91, { place: nodes.outside, port: 91 }).start();
  using f = await new Talk(w2, OUTSIDE, 92, { place: nodes.outside, port: 92 }).start();
  using conntrack = Conntrack.open(nodes.gatewayNetns(1));
  const marks = (): number[] => conntrack.list().flatMap(({ mark }) => (mark === 0 ? [] : [mark]));
  const before = marks();
  assert.equal(new Set(before).size, 6);
  // Another order, and one workload of several less, change nothing for the rest.
  setNat(nodes, ...kept, out(SPARE, { local: [W2] }), { ...shifted, to: { address: W1, port: 8000 } });
  await assertOver([a, b, c], [d, e, f], 'those of rules that went');
  assert.equal(marks().filter((mark) => before.includes(mark)).length, 3);
});

test('a restarted process ends nothing, and a gateway whose table is replaced keeps its rules', async () => {
  using nodes = new TwoNodes('mesh');
  const { plan, dataplane, kernel, runDir } = nodes.hub;
  setPublicIp(plan, SPARE, undefined);
  nodes.apply();
  const [w1] = workloads(nodes);
  using _web = tcpServer(nodes.outside, 80);
  using _inside = tcpServer(w1, 80);
  setNat(nodes, out(SPARE), led(undefined, [8080, 8089], { address: W1, port: 80 }));
  assert.equal(await connect(w1, OUTSIDE, 80), SPARE);
  using conntrack = Conntrack.open(nodes.gatewayNetns(1));
  const held = (): number => conntrack.list().filter(({ mark }) => mark !== 0).length;
  const before = held();
  assert.ok(before > 0);
  const seen = (): string[] =>
    kernel
      .observe()
      .map(({ key, content }) => `${key} ${content}`)
      .toSorted();
  const there = seen();
  const facts = { vtep: ip('172.30.0.11'), underlayInterface: 'under', vxlanPort: 14_789, mtu: 1450, uplinkInterface: 'up' };
  const log = { info: () => {}, warn: () => {} };
  const restarted = new Dataplane({ facts: { ...facts, connectionsPerPort: 1000 }, runDir }, { kernel, log, sha256 });
  assert.deepEqual(restarted.apply(plan, 'all'), new Map());
  assert.deepEqual([held(), seen()], [before, there]);
  setGateway(plan, 1, [1]);
  assert.deepEqual(dataplane.apply(plan, [{ kind: 'gateway', key: gatewayId(1) }]), new Map());
  assert.deepEqual([await connect(w1, OUTSIDE, 80), await connect(nodes.outside, GATEWAY, 8080)], [SPARE, OUTSIDE]);
});
