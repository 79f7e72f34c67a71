import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCidr } from '@weft/core/cidr';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import { dhcpHostKey } from '@weft/core/plan/dhcphost';
import { gatewayKey } from '@weft/core/plan/gateway';
import { peerKey } from '@weft/core/plan/peer';
import { Plan, planRefText } from '@weft/core/plan/plan';
import type { PlanRef } from '@weft/core/plan/plan';
import { segmentKey } from '@weft/core/plan/segment';
import { vtepKey } from '@weft/core/plan/vtep';
import { vtepFilterKey } from '@weft/core/plan/vtepfilter';
import type { ConcentratorId, NodeId } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';
import { InvalidValue } from '@weft/core/weft-error';
import { FakeClock } from '@weft/ssntp/fake-clock';
import type { TenantEvent } from '@weft/ssntp/payloads/tenant-event';
import * as fc from 'fast-check';
import { HINT_LIFE_MS } from './hint-sender.ts';
import { Hints, overlay } from './hints.ts';
import { dhcpHost, gatewayBody, portBody, recordingLog, testId, testMac, VNI } from './test-support.ts';

const GATEWAY = testId<ConcentratorId>(9);
const AGENT = testId<NodeId>(0xa1);
const VTEP = '10.88.0.3' as Ipv4;

const hint = (more: Partial<TenantEvent> = {}): TenantEvent => ({
  agent_uuid: AGENT,
  agent_ip: VTEP,
  tenant_uuid: undefined,
  tenant_subnet: parseCidr('10.0.0.0/24'),
  concentrator_uuid: GATEWAY,
  concentrator_ip: undefined,
  vni: VNI,
  weft_epoch: 'e1',
  weft_revision: 5,
  weft_ports: [{ mac: testMac(7), ips: ['10.0.0.7' as Ipv4] }],
  ...more,
});

/** The plan of a host: the segment and its gateway, which has 10.0.0.1 and the MAC …:01. */
function hostPlan(): Plan {
  const plan = new Plan();
  plan.set('segment', segmentKey(VNI), { vni: VNI, tunnel: 'vxlan', topology: 'concentrator', hub: true, mtu: 1450 });
  plan.set('gateway', gatewayKey(GATEWAY), gatewayBody(9));
  return plan;
}

function joined(plan: Plan, number = 7, vtep = VTEP): Plan {
  plan.set('vtep', vtepKey(VNI, vtep), { vni: VNI, address: vtep });
  plan.set('vtepfilter', vtepFilterKey(vtep), { address: vtep });
  plan.set('peer', peerKey(VNI, testMac(number)), { vni: VNI, mac: testMac(number), ips: [`10.0.0.${number}` as Ipv4], vtep });
  const lease = dhcpHost(9, `10.0.0.${number}`, testMac(number));
  plan.set('dhcphost', dhcpHostKey(VNI, lease.address), lease);
  return plan;
}

class Bench {
  readonly clock = new FakeClock();
  readonly log = recordingLog();
  plan: Plan | undefined = hostPlan();
  epoch = 'e1';
  revision = 4;
  readonly hints = new Hints({
    plan: () => (this.plan === undefined ? undefined : { epoch: this.epoch, revision: this.revision, plan: this.plan }),
    computeNetworks: () => [parseCidr('10.88.0.0/24')],
    vtep: () => '10.88.0.2' as Ipv4,
    clock: this.clock,
    log: this.log,
  });

  /** What the hints add to the plan. */
  added(): string[] {
    return difference(this.plan ?? new Plan(), this.hints.over(this.plan ?? new Plan()));
  }
}

const text = (refs: Iterable<PlanRef>): string[] => Array.from(refs, planRefText).toSorted();
const difference = (a: Plan, b: Plan): string[] => {
  const before = new Set(text(a.refs()));
  return text(b.refs()).filter((ref) => !before.has(ref));
};
const JOINED = text(joined(new Plan()).refs());

test('a hint admits its node and leads to its ports, exactly as the plan will', () => {
  const bench = new Bench();
  assert.deepEqual(text(bench.hints.added(hint())), JOINED);
  assert.deepEqual(bench.added(), JOINED);
  const expected = joined(hostPlan());
  for (const { kind, key } of expected.refs()) {
    assert.deepEqual(bench.hints.over(hostPlan()).get(kind, key), expected.get(kind, key), `${kind} ${key}`);
  }
  assert.deepEqual(text(bench.plan!.refs()), text(hostPlan().refs()), 'the plan itself is as it was');
  assert.deepEqual(
    bench.log.lines.map(({ message }) => message),
    ['a node joined a segment by its hint'],
  );
});

test('a hint that comes again changes nothing and is not news; one with other ports takes its place', () => {
  const bench = new Bench();
  bench.hints.added(hint());
  assert.deepEqual(bench.hints.added(hint()), []);
  assert.equal(bench.log.lines.length, 1);
  const other = hint({ weft_revision: 6, weft_ports: [{ mac: testMac(8), ips: [] }] });
  assert.deepEqual(text(bench.hints.added(other)), [
    `dhcphost ${VNI}/10.0.0.7`,
    `peer ${peerKey(VNI, testMac(7))}`,
    `peer ${peerKey(VNI, testMac(8))}`,
  ]);
  assert.deepEqual(bench.hints.added(hint()), [], 'the older one is late');
  assert.ok(bench.added().includes(`peer ${peerKey(VNI, testMac(8))}`));
});

test('a hint that the plan knows better, or that is not for this node, changes nothing', () => {
  const cases: [string, (bench: Bench) => TenantEvent][] = [
    ['the plan is as new', (bench) => ((bench.revision = 5), hint())],
    ['the plan names it all', (bench) => (joined(bench.plan!), hint())],
    ['there is no plan', (bench) => ((bench.plan = undefined), hint())],
    ['another epoch', () => hint({ weft_epoch: 'e2' })],
    ['an original agent', () => hint({ weft_epoch: undefined, weft_revision: 0, weft_ports: [] })],
    ['another concentrator', () => hint({ concentrator_uuid: testId(10) })],
    ['a segment that is not here', () => hint({ vni: (VNI + 1) as Vni })],
    ['a segment that the gateway has not', (bench) => (bench.plan!.delete('segment', segmentKey(VNI)), hint())],
  ];
  for (const [what, prepare] of cases) {
    const bench = new Bench();
    const event = prepare(bench);
    assert.deepEqual([bench.hints.added(event), bench.added(), bench.hints.size], [[], [], 0], what);
  }
});

test('a VTEP outside the compute networks, or this node’s own, is refused and what was hinted before stays', () => {
  const bench = new Bench();
  bench.hints.added(hint());
  for (const address of ['192.168.0.3', '10.88.0.2']) {
    assert.throws(() => bench.hints.added(hint({ weft_revision: 9, agent_ip: address as Ipv4 })), InvalidValue, address);
  }
  assert.deepEqual(bench.added(), JOINED);
});

test('what the plan says of a MAC or an address stands: a workload’s, an endpoint’s elsewhere, the gateway’s', () => {
  const bench = new Bench();
  joined(bench.plan!, 20, '10.88.0.4' as Ipv4);
  bench.plan!.set('port', testId(21), { ...portBody(21), ips: ['10.0.0.21' as Ipv4] });
  const ips = (...last: number[]) => last.map((each) => `10.0.0.${each}` as Ipv4);
  const ports = [
    { mac: testMac(20), ips: ips(30) },
    { mac: testMac(21), ips: ips(31) },
    { mac: testMac(1), ips: ips(32) },
    { mac: testMac(33), ips: ips(1, 20, 21, 33) },
    { mac: testMac(34), ips: ips(33, 34) },
  ];
  bench.hints.added(hint({ weft_ports: ports }));
  const whole = bench.hints.over(bench.plan!);
  assert.deepEqual(
    bench.added().filter((ref) => ref.startsWith('peer')),
    [33, 34].map((each) => `peer ${peerKey(VNI, testMac(each))}`),
  );
  assert.deepEqual(whole.get('peer', peerKey(VNI, testMac(33)))?.ips, ips(33));
  assert.deepEqual(whole.get('peer', peerKey(VNI, testMac(34)))?.ips, ips(34));
  assert.deepEqual(whole.get('peer', peerKey(VNI, testMac(20))), bench.plan!.get('peer', peerKey(VNI, testMac(20))));
});

test('a lease that the plan has for an address is the address’s owner: the hinted port gets it only if it is that', () => {
  const bench = new Bench();
  const ips = ['10.0.0.7', '10.0.0.8', '10.9.0.7'] as Ipv4[];
  bench.plan!.set('dhcphost', `${VNI}/10.0.0.7`, dhcpHost(9, '10.0.0.7', testMac(7)));
  bench.plan!.set('dhcphost', `${VNI}/10.0.0.8`, dhcpHost(9, '10.0.0.8', testMac(8)));
  bench.hints.added(hint({ weft_ports: [{ mac: testMac(7), ips }] }));
  assert.deepEqual(bench.hints.over(bench.plan!).get('peer', peerKey(VNI, testMac(7)))?.ips, ['10.0.0.7', '10.9.0.7']);
  const leases = bench.added().filter((ref) => ref.startsWith('dhcphost'));
  assert.deepEqual(leases, [], 'one is there, one is another’s, and one is in no subnet of the gateway');
});

test('a plan as new as the hint ends it, whatever it says; an older one only where it names the same', () => {
  const bench = new Bench();
  bench.hints.added(hint({ weft_revision: 9 }));
  bench.revision = 8;
  bench.plan!.set('vtepfilter', vtepFilterKey(VTEP), { address: VTEP });
  assert.deepEqual(text(bench.hints.planChanged()), [`vtepfilter ${VTEP}`], 'it is the plan’s now');
  bench.plan!.delete('vtepfilter', vtepFilterKey(VTEP));
  assert.deepEqual(text(bench.hints.planChanged()), [`vtepfilter ${VTEP}`], 'and the hint’s again');
  bench.revision = 9;
  assert.deepEqual(text(bench.hints.planChanged()), JOINED);
  assert.deepEqual([bench.added(), bench.hints.size], [[], 0]);
  bench.hints.added(hint({ weft_revision: 11 }));
  joined(bench.plan!);
  bench.hints.planChanged();
  assert.equal(bench.hints.size, 0, 'the plan of revision 9 names it all');
});

test('a plan of another epoch ends all hints', () => {
  const bench = new Bench();
  bench.hints.added(hint());
  [bench.epoch, bench.revision] = ['e2', 1];
  assert.deepEqual(text(bench.hints.planChanged()), JOINED);
  assert.equal(bench.hints.size, 0);
});

test('TenantRemoved takes back what its agent said, and no more', () => {
  const bench = new Bench();
  const other = hint({ agent_uuid: testId(0xa2), agent_ip: '10.88.0.4' as Ipv4, weft_ports: [{ mac: testMac(8), ips: [] }] });
  bench.hints.added(hint());
  bench.hints.added(other);
  assert.deepEqual(text(bench.hints.removed(hint({ weft_ports: [] }))), JOINED);
  assert.deepEqual(bench.hints.removed(hint({ weft_ports: [] })), []);
  assert.deepEqual(bench.added(), [`peer ${peerKey(VNI, testMac(8))}`, `vtep ${VNI}/10.88.0.4`, 'vtepfilter 10.88.0.4']);
});

test('a hint outlives its time until a plan is taken over, for nothing else would reach its node', () => {
  const bench = new Bench();
  bench.hints.added(hint({ weft_revision: 99 }));
  bench.clock.advance(HINT_LIFE_MS - 1);
  assert.deepEqual(bench.hints.planChanged(), []);
  bench.clock.advance(100 * HINT_LIFE_MS);
  assert.deepEqual(bench.added(), JOINED);
  assert.deepEqual(text(bench.hints.planChanged()), JOINED);
  assert.deepEqual(bench.added(), []);
});

test('the number of hints is bounded: the oldest goes', () => {
  const bench = new Bench();
  for (let n = 0; n < 1030; n += 1) {
    const mac = `02:00:00:01:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}` as Mac;
    bench.hints.added(hint({ agent_uuid: testId(0x1000 + n), weft_ports: [{ mac, ips: [] }] }));
  }
  assert.equal(bench.hints.size, 1024);
  assert.equal(bench.added().includes(`peer ${VNI}/02:00:00:01:00:05`), false);
  assert.ok(bench.added().includes(`peer ${VNI}/02:00:00:01:00:06`));
});

const anyHint = fc
  .record({
    agent: fc.nat(2),
    vtep: fc.nat(2),
    revision: fc.integer({ min: 1, max: 9 }),
    ports: fc.uniqueArray(fc.record({ mac: fc.nat(5), ip: fc.nat(5) }), { selector: ({ mac }) => mac, maxLength: 4 }),
  })
  .map(({ agent, vtep, revision, ports }) =>
    hint({
      agent_uuid: testId(0xa0 + agent),
      agent_ip: `10.88.0.${3 + vtep}` as Ipv4,
      weft_revision: revision,
      weft_ports: ports.map(({ mac, ip }) => ({ mac: testMac(mac), ips: [`10.0.0.${ip}` as Ipv4] })),
    }),
  );
const anyPlan = fc
  .array(fc.record({ number: fc.integer({ min: 2, max: 5 }), vtep: fc.nat(2) }), { maxLength: 4 })
  .map((peers) => peers.reduce((plan, { number, vtep }) => joined(plan, number, `10.88.0.${3 + vtep}` as Ipv4), hostPlan()));

test('whatever is hinted, no key, MAC or address of the plan is touched, and no MAC or address is given twice', () => {
  fc.assert(
    fc.property(anyPlan, fc.array(anyHint, { maxLength: 5 }), (plan, hints) => {
      const added = overlay(plan, hints);
      const names = (peers: Plan): string[] => [...peers.of('peer').values()].flatMap(({ mac, ips }) => [mac, ...ips]);
      for (const { kind, key } of added.refs()) assert.equal(plan.get(kind, key), undefined, `${kind} ${key}`);
      const all = [...names(added), testMac(1), '10.0.0.1'];
      assert.equal(new Set(all).size, all.length);
      const known = new Set(names(plan));
      assert.deepEqual(
        names(added).filter((name) => known.has(name)),
        [],
      );
    }),
  );
});

test('after any hints and plans, applying what each step names leaves the kernel’s side equal to plan and hints', () => {
  const step = fc.oneof(
    anyHint.map((event) => ({ kind: 'added' as const, event })),
    anyHint.map((event) => ({ kind: 'removed' as const, event })),
    fc.tuple(anyPlan, fc.nat(9)).map(([plan, revision]) => ({ kind: 'plan' as const, plan, revision })),
    fc.integer({ min: 2, max: 5 }).map((number) => ({ kind: 'delta' as const, number })),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const bench = new Bench();
      bench.revision = 0;
      const applied = new Map(Array.from(bench.plan!.refs(), (ref) => [planRefText(ref), bench.plan!.get(ref.kind, ref.key)] as const));
      const apply = (refs: Iterable<PlanRef>): void => {
        const desired = bench.hints.over(bench.plan!);
        for (const ref of refs) {
          const body = desired.get(ref.kind, ref.key);
          if (body === undefined) applied.delete(planRefText(ref));
          else applied.set(planRefText(ref), body);
        }
      };
      for (const next of steps) {
        if (next.kind === 'added') apply(bench.hints.added(next.event));
        else if (next.kind === 'removed') apply(bench.hints.removed(next.event));
        else if (next.kind === 'plan') {
          const before = [...bench.plan!.refs()];
          [bench.plan, bench.revision] = [next.plan, next.revision];
          apply([...before, ...next.plan.refs(), ...bench.hints.planChanged()]);
        } else {
          const key = peerKey(VNI, testMac(next.number));
          if (!bench.plan!.delete('peer', key)) joined(bench.plan!, next.number);
          apply([...joined(new Plan(), next.number).refs(), ...bench.hints.planChanged()]);
        }
        const desired = bench.hints.over(bench.plan!);
        assert.deepEqual([...applied.keys()].toSorted(), text(desired.refs()), JSON.stringify(next));
        for (const ref of desired.refs()) assert.deepEqual(applied.get(planRefText(ref)), desired.get(ref.kind, ref.key), planRefText(ref));
      }
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 300) },
  );
});
