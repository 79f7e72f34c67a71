import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Plan } from '@weft/core/plan/plan';
import { arrives } from '@weft/lab/probe/arrives';
import { sendDatagram } from '@weft/lab/probe/send-frame';
import { arriving, throughput, upload } from '@weft/lab/probe/throughput';
import type { Flow, FlowEnd } from '@weft/lab/probe/throughput';
import { token as newToken } from '@weft/lab/probe/token';
import { waitFor } from '@weft/lab/wait';
import { linkDelete, linkGet, linkList, linkSet } from '@weft/netlink/link';
import { TC_CLSACT, TC_ROOT, clsactAdd, qdiscDelete, qdiscList, tbfReplace } from '@weft/netlink/qdisc';
import { redirectList } from '@weft/netlink/redirect';
import { gatewayPlace, limitName, portName, uplinkName } from './names.ts';
import { concentratorId, ipv4, mac, portId, vni } from './plan-builder.testing.ts';
import { reachable, TestUnderlay } from './test-node.testing.ts';
import type { TestNode } from './test-node.testing.ts';

const VNI = 10_001;
const PORT = portName(portId(11));
const IFB = limitName(portId(11));
const UPLINK = { address: ipv4('203.0.113.11'), prefixLength: 24, gateway: ipv4('203.0.113.254') };
const GATEWAY = gatewayPlace(concentratorId(1));
const BOTH = { ingressKbps: 4000, egressKbps: 2000 };

/** 11, which may be limited, and four beside it. */
function withWorkloads(underlay: TestUnderlay): TestNode {
  const node = underlay.node(1);
  node.builder.segment(VNI).group(1);
  for (const n of [11, 12, 13, 14, 15]) node.builder.workload({ n, vni: VNI }).member(1, ipv4(`10.0.0.${n}`));
  return node;
}

const limit = (node: TestNode, rateLimit: typeof BOTH | undefined): void => {
  node.builder.workload({ n: 11, vni: VNI }, { rateLimit });
  node.apply([{ kind: 'port', key: portId(11) }]);
};
const contentsOf = (node: TestNode): Map<string, string> => new Map(node.kernel.observe().map(({ key, content }) => [key, content]));
const flowing = (name: string, from: FlowEnd, to: FlowEnd): Promise<Flow> => upload({ name, from, to, kbps: 40_000, timeoutMs: 5000 });

/** Waits until they flow so fast, in kbit/s. Being too slow for a while is no failure here: this machine may be busy. */
async function flows(expected: string, all: readonly Flow[], isRight: (rates: readonly number[]) => boolean): Promise<void> {
  await waitFor({ expected, withinMs: 15_000, everyMs: 0 }, async () => {
    const rates = await throughput(all, 500);
    return isRight(rates) ? { done: undefined } : { seen: rates.map((rate) => rate.toFixed(0)).join(', ') };
  });
}

/**
 * Waits until so much more was read of each. What TCP had on its way when its rate was cut is lost for the most part, and has to come again
 * at the new rate before anything after it can be read: half a second's worth at 40 Mbit/s is more than a second's at 2. So what a limit
 * does is seen where frames arrive, and here only that the connections go on.
 */
async function goOn(flows: readonly Flow[], bytes: number): Promise<void> {
  const before = flows.map((flow) => flow.arrivedBytes());
  await waitFor({ expected: `${bytes} bytes more of each`, withinMs: 10_000 }, () => {
    const more = flows.map((flow, at) => flow.arrivedBytes() - (before[at] ?? 0));
    return more.every((each) => each >= bytes) ? { done: undefined } : { seen: more.join(', ') };
  });
}

test('a running connection is held to a limit, to another one, and to none, while its neighbour flows freely', async () => {
  using underlay = new TestUnderlay();
  const node = withWorkloads(underlay);
  node.apply();
  for (const [from, to] of [
    [11, 12],
    [13, 11],
    [14, 15],
  ] as const) {
    await reachable(node.at(from), ipv4(`10.0.0.${to}`));
  }
  using outOf = await flowing('11 → 12', node.at(11), node.at(12));
  using into = await flowing('13 → 11', node.at(13), node.at(11));
  using beside = await flowing('14 → 15', node.at(14), node.at(15));
  const connections = [outOf, into, beside];
  using at12 = arriving('frames at 12', node.at(12));
  using at11 = arriving('frames at 11', node.at(11));
  using at15 = arriving('frames at 15', node.at(15));
  const all = [at12, at11, at15];
  const free = ([out = 0, inwards = 0, other = 0]: readonly number[]): boolean => Math.min(out, inwards, other) > 10_000;
  await flows('all to be fast', all, free);
  limit(node, BOTH);
  await flows('2 Mbit/s out, 4 in', all, ([out = 0, inwards = 0, other = 0]) => {
    return out > 1000 && out <= 2200 && inwards > 3000 && inwards <= 4400 && other > 10_000;
  });
  await goOn(connections, 100_000);
  const fabric = node.rtnl('fabric');
  const handleOf = (name: string): number | undefined =>
    qdiscList(fabric).find(({ index, tbf }) => tbf !== undefined && index === linkGet(fabric, name)?.index)?.handle;
  const before = handleOf(IFB);
  limit(node, { ingressKbps: 2000, egressKbps: 6000 });
  assert.equal(handleOf(IFB), before, 'one that grows is changed in place');
  await flows('6 Mbit/s out, 2 in', all, ([out = 0, inwards = 0, other = 0]) => {
    return out > 4500 && out <= 6600 && inwards > 1000 && inwards <= 2200 && other > 10_000;
  });
  await goOn(connections, 100_000);
  limit(node, undefined);
  await flows('all to be fast again', all, free);
  await goOn(connections, 1_000_000);
});

test('a limit that shrinks does not stop on what waits in larger pieces than it lets pass', async () => {
  using underlay = new TestUnderlay();
  const node = withWorkloads(underlay);
  node.apply();
  await reachable(node.at(11), ipv4('10.0.0.12'));
  using connection = await flowing('11 → 12', node.at(11), node.at(12));
  using wire = arriving('frames at 12', node.at(12));
  for (const round of [1, 2, 3]) {
    limit(node, { ingressKbps: 30_000, egressKbps: 30_000 });
    await flows(`a full queue, round ${round}`, [wire], ([rate = 0]) => rate > 20_000);
    limit(node, { ingressKbps: 2000, egressKbps: 2000 });
    await flows(`2 Mbit/s, round ${round}`, [wire], ([rate = 0]) => rate > 1000 && rate <= 2200);
  }
  await goOn([connection], 100_000);
});

test('what a limit drops is counted for the port whose limit it is, by direction, and for nobody else', async () => {
  using underlay = new TestUnderlay();
  const node = withWorkloads(underlay);
  node.apply();
  await reachable(node.at(11), ipv4('10.0.0.12'));
  const rates = (n: number): string[] => Object.keys(node.drops({ n, vni: VNI })).filter((kind) => kind.startsWith('port rate'));
  const flood = (from: number, to: number): void => {
    const payload = new Uint8Array(1400);
    for (let packet = 0; packet < 500; packet += 1) sendDatagram(node.at(from), { target: ipv4(`10.0.0.${to}`), port: 9, payload });
  };
  const counted = (expected: string[]) =>
    waitFor({ expected: expected.join(), withinMs: 5000 }, () => {
      const seen = rates(11).toSorted().join();
      return seen === expected.join() ? { done: true } : { seen };
    });
  flood(11, 12);
  assert.deepEqual(rates(11), [], 'without a limit');
  limit(node, BOTH);
  flood(11, 12);
  await counted(['port rate sent']);
  flood(12, 11);
  await counted(['port rate received', 'port rate sent']);
  assert.deepEqual([rates(12), rates(13)], [[], []]);
});

test('what a limited workload sends is judged as before: what it forges never arrives', async () => {
  using underlay = new TestUnderlay();
  const node = withWorkloads(underlay);
  node.apply();
  limit(node, BOTH);
  await reachable(node.at(11), ipv4('10.0.0.12'));
  const sent = async (token: Uint8Array, expect: 'arrival' | 'silence'): Promise<number> => {
    const sender = (): void => sendDatagram(node.at(11), { target: ipv4('10.0.0.12'), port: 9, payload: token });
    return (await arrives({ receiver: node.at(12), token, sender, withinMs: expect === 'arrival' ? 2000 : 300, expect })).count;
  };
  assert.equal(await sent(newToken(), 'arrival'), 1);
  const dropped = node.counter('fabric', 'bridge', 'spoof_mac');
  const inside = node.rtnl(
    node.kernel.observe().find(({ object }) => object.kind === 'link' && object.type === 'end' && object.place.startsWith('wl-'))!.object
      .place,
  );
  linkSet(inside, linkGet(inside, 'eth0')!.index, { mac: mac(0x99) });
  assert.equal(await sent(newToken(), 'silence'), 0);
  assert.ok(node.counter('fabric', 'bridge', 'spoof_mac') > dropped, 'dropped for its MAC, by its own port');
});

test('limits survive a restarted process untouched, are put right after any damage, and leave nothing behind', () => {
  using underlay = new TestUnderlay();
  const node = withWorkloads(underlay);
  node.builder.gateway(1, [VNI], { uplink: UPLINK });
  node.apply();
  const bare = contentsOf(node);
  limit(node, BOTH);
  node.builder.gateway(1, [VNI], { uplink: UPLINK, rateLimit: { ingressKbps: 100_000_000, egressKbps: 64 } });
  node.apply();
  const intact = contentsOf(node);
  const queues = (): unknown => [qdiscList(node.rtnl('fabric')), qdiscList(node.rtnl(GATEWAY))];
  const before = queues();
  node.restarted();
  node.apply();
  assert.deepEqual([contentsOf(node), queues()], [intact, before], 'not even made anew');
  const fabric = node.rtnl('fabric');
  const gateway = node.rtnl(GATEWAY);
  const index = (name: string, rtnl = fabric): number => linkGet(rtnl, name)!.index;
  const slow = { bytesPerSecond: 8000, burstBytes: 4096, limitBytes: 5000 };
  const damages: Record<string, () => void> = {
    'the queue of a port is gone': () => qdiscDelete(fabric, index(PORT), TC_ROOT),
    'the queue of a port is slower': () => tbfReplace(fabric, { index: index(PORT), ...slow }),
    'the queue of an ifb is gone': () => qdiscDelete(fabric, index(IFB), TC_ROOT),
    'the redirection is gone': () => qdiscDelete(fabric, index(PORT), TC_CLSACT),
    'the redirection is empty': () => {
      qdiscDelete(fabric, index(PORT), TC_CLSACT);
      clsactAdd(fabric, index(PORT));
    },
    'the ifb is gone': () => linkDelete(fabric, index(IFB)),
    'the ifb is down': () => linkSet(fabric, index(IFB), { up: false }),
    'the port is gone': () => linkDelete(fabric, index(PORT)),
    'the uplink is gone': () => linkDelete(gateway, index(uplinkName(concentratorId(1)), gateway)),
    'the queue of the uplink is gone': () => qdiscDelete(gateway, index(uplinkName(concentratorId(1)), gateway), TC_ROOT),
    'the ifb of the uplink is gone': () => linkDelete(gateway, index(limitName(concentratorId(1)), gateway)),
  };
  for (const [what, damage] of Object.entries(damages)) {
    damage();
    assert.notDeepEqual(contentsOf(node), intact, `${what}: it is seen`);
    node.dataplane.observe();
    node.apply();
    assert.deepEqual(contentsOf(node), intact, what);
    assert.deepEqual(redirectList(fabric, index(PORT)), [{ index: index(PORT), to: index(IFB) }], what);
  }
  limit(node, undefined);
  node.builder.gateway(1, [VNI], { uplink: UPLINK });
  node.apply();
  assert.deepEqual(contentsOf(node), bare);
  node.tidy();
  assert.ok(!linkList(fabric).some(({ kind }) => kind === 'ifb'));
  limit(node, BOTH);
  assert.deepEqual(node.dataplane.apply(new Plan(), 'all'), new Map());
  node.tidy();
  assert.deepEqual(
    linkList(fabric).map(({ name }) => name),
    ['lo'],
  );
});

test('a tenant’s traffic with the outside is held to its limits, that of another tenant’s gateway is not', async () => {
  using underlay = new TestUnderlay();
  const node = withWorkloads(underlay);
  const OTHER = 10_002;
  node.builder.segment(OTHER).workload({ n: 21, vni: OTHER });
  node.builder.gateway(1, [VNI], { uplink: UPLINK, rateLimit: BOTH });
  node.builder.gateway(2, [OTHER], { uplink: { ...UPLINK, address: ipv4('203.0.113.12') } });
  node.apply();
  const outside = underlay.host('uplink', UPLINK.gateway);
  for (const n of [11, 21]) await reachable(node.at(n), UPLINK.gateway);
  using limited = await flowing('11 → outside', node.at(11), outside);
  using free = await flowing('21 → outside', node.at(21), outside);
  await flows('2 Mbit/s of one tenant, more of the other', [limited, free], ([slow = 0, fast = 0]) => {
    return slow > 1000 && slow <= 2200 && fast > 10_000;
  });
  const rates = (gateway: number, n: number): string[] => {
    const traces = { concentratorId: concentratorId(gateway), mac: mac(n), addresses: [ipv4(`10.0.0.${n}`)], publicAddresses: [] };
    const drops = node.dataplane.gatewayDrops({ ...traces, vni: vni(gateway === 1 ? VNI : OTHER) }) ?? [];
    return drops.flatMap(({ kind, packets }) => (kind.startsWith('gateway rate') && packets > 0 ? [kind] : []));
  };
  const payload = new Uint8Array(1400);
  for (let packet = 0; packet < 500; packet += 1) sendDatagram(node.at(11), { target: UPLINK.gateway, port: 9, payload });
  await waitFor({ expected: 'drops by the limit', withinMs: 5000 }, () => {
    const seen = rates(1, 11).join();
    return seen === 'gateway rate sent' ? { done: true } : { seen };
  });
  assert.deepEqual(rates(2, 21), []);
});
