import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cidr } from '@weft/core/cidr';
import type { Ipv4 } from '@weft/core/ipv4';
import { Plan } from '@weft/core/plan/plan';
import type { PlanRef } from '@weft/core/plan/plan';
import type { PortBody } from '@weft/core/plan/port';
import { segmentKey } from '@weft/core/plan/segment';
import type { SegmentBody } from '@weft/core/plan/segment';
import type { ConcentratorId, NodeId, TenantId } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';
import { FakeClock } from '@weft/ssntp/fake-clock';
import { framePayload } from '@weft/ssntp/frame';
import { frameName } from '@weft/ssntp/operands';
import { decodePayload } from '@weft/ssntp/payload';
import { parseTenantAdded, parseTenantRemoved } from '@weft/ssntp/payloads/tenant-event';
import type { TenantEvent } from '@weft/ssntp/payloads/tenant-event';
import * as fc from 'fast-check';
import { HINT_LIFE_MS, HintSender } from './hint-sender.ts';
import { portBody, testId, testMac, VNI } from './test-support.ts';

const NODE = testId<NodeId>(0xa0);
const OTHER = (VNI + 1) as Vni;
const GATEWAY = {
  concentratorId: testId<ConcentratorId>(9),
  tenantId: testId<TenantId>(8),
  vtep: '10.88.0.2' as Ipv4,
  subnet: '10.0.0.0/24' as Cidr,
};

const segment = (vni: Vni, gateway = true): SegmentBody => ({
  vni,
  tunnel: 'vxlan',
  topology: 'concentrator',
  hub: false,
  mtu: 1450,
  ...(gateway ? { gateway: GATEWAY } : {}),
});

/** A node's plan that changes as the controller's deltas would change it, and what its hints say. */
class Bench {
  readonly clock = new FakeClock();
  plan = new Plan();
  revision = 1;
  connected = true;
  said: string[] = [];
  events: TenantEvent[] = [];
  readonly sender = new HintSender(
    { nodeId: NODE },
    {
      clock: this.clock,
      vtep: () => '10.88.0.3' as Ipv4,
      plan: () => ({ epoch: 'e1', revision: this.revision, plan: this.plan }),
      send: (frame) => {
        if (!this.connected) return false;
        const name = frameName(frame.type, frame.operand);
        const event = (name === 'EVENT TenantAdded' ? parseTenantAdded : parseTenantRemoved)(decodePayload(framePayload(frame)));
        this.events.push(event);
        const macs = event.weft_ports.map(({ mac }) => Number.parseInt(mac.slice(-2), 16));
        this.said.push(`${name === 'EVENT TenantAdded' ? '+' : '-'}${event.vni - VNI} r${event.weft_revision} [${macs.join(' ')}]`);
        return true;
      },
    },
  );

  constructor() {
    for (const vni of [VNI, OTHER]) this.plan.set('segment', segmentKey(vni), segment(vni));
  }

  port(number: number, more: Partial<PortBody> = {}): PlanRef {
    this.plan.set('port', testId(number), { ...portBody(number), ...more });
    return { kind: 'port', key: testId(number) };
  }

  gone(number: number): PlanRef {
    this.plan.delete('port', testId(number));
    return { kind: 'port', key: testId(number) };
  }

  delta(...refs: readonly PlanRef[]): void {
    this.revision += 1;
    this.sender.changed(refs);
  }

  /** Lets `ms` pass and takes what was said. */
  take(ms = 100): string[] {
    this.clock.advance(ms);
    return this.said.splice(0);
  }
}

test('the first port of a segment is told with all that the host needs to know', () => {
  const bench = new Bench();
  bench.delta(bench.port(1, { ips: ['10.0.0.5' as Ipv4] }));
  bench.take();
  assert.deepEqual(bench.events, [
    {
      agent_uuid: NODE,
      agent_ip: '10.88.0.3',
      tenant_uuid: GATEWAY.tenantId,
      tenant_subnet: '10.0.0.0/24',
      concentrator_uuid: GATEWAY.concentratorId,
      concentrator_ip: '10.88.0.2',
      vni: VNI,
      weft_epoch: 'e1',
      weft_revision: 2,
      weft_ports: [{ mac: testMac(1), ips: ['10.0.0.5'] }],
    },
  ]);
});

test('a burst of ports is one hint, a further port another one with all of them, and nothing new is nothing said', () => {
  const bench = new Bench();
  for (const number of [1, 2, 3]) bench.delta(bench.port(number));
  assert.deepEqual(bench.take(), ['+0 r4 [1 2 3]']);
  bench.delta(bench.port(4));
  bench.delta(bench.gone(1));
  assert.deepEqual(bench.take(), ['+0 r6 [2 3 4]']);
  bench.delta({ kind: 'segment', key: segmentKey(VNI) }, { kind: 'port', key: testId(2) }, { kind: 'group', key: testId(1) });
  bench.sender.changed('all');
  assert.deepEqual(bench.take(), []);
});

test('the last port’s going takes the hint back at once; a port that is replaced in one delta does not', () => {
  const bench = new Bench();
  bench.delta(bench.port(1));
  bench.take();
  bench.delta(bench.port(2), bench.gone(1));
  assert.deepEqual(bench.take(), ['+0 r3 [2]']);
  bench.delta(bench.gone(2));
  assert.deepEqual(bench.take(0), ['-0 r3 []']);
  bench.delta(bench.gone(2));
  assert.deepEqual(bench.take(), []);
  bench.delta(bench.port(3));
  bench.delta(bench.gone(3));
  assert.deepEqual(bench.take(), [], 'what was never said needs no taking back');
  bench.port(4);
  bench.sender.changed('all');
  assert.deepEqual(bench.take(), ['+0 r7 [4]']);
  bench.gone(4);
  bench.sender.changed('all');
  assert.deepEqual(bench.take(), ['-0 r7 []']);
});

test('a gateway that is placed later is told then, and one on this node never', () => {
  const bench = new Bench();
  bench.plan.set('segment', segmentKey(VNI), segment(VNI, false));
  bench.delta(bench.port(1));
  assert.deepEqual(bench.take(), []);
  bench.plan.set('segment', segmentKey(VNI), segment(VNI));
  bench.delta({ kind: 'segment', key: segmentKey(VNI) });
  assert.deepEqual(bench.take(), ['+0 r3 [1]']);
});

test('each new connection hears what is open, with the revision that brought it', () => {
  const bench = new Bench();
  bench.connected = false;
  bench.delta(bench.port(1));
  bench.delta(bench.port(2, { vni: OTHER }));
  assert.deepEqual(bench.take(), []);
  bench.revision = 9;
  bench.connected = true;
  bench.sender.again();
  assert.deepEqual(bench.take(), ['+0 r3 [1]', '+1 r3 [2]']);
  bench.sender.again();
  assert.deepEqual(bench.take(), ['+0 r3 [1]', '+1 r3 [2]']);
});

test('a hint is open until the controller changes the plan when it is five minutes old, however long that takes', () => {
  const bench = new Bench();
  bench.delta(bench.port(1));
  bench.take();
  bench.clock.advance(10 * HINT_LIFE_MS);
  bench.sender.again();
  assert.deepEqual(bench.take(), ['+0 r2 [1]'], 'nobody has said anything better');
  bench.delta(bench.port(2));
  bench.delta(bench.gone(1), bench.gone(2));
  bench.sender.again();
  assert.deepEqual(bench.take(), []);
  bench.delta(bench.port(3));
  assert.deepEqual(bench.take(), ['+0 r5 [3]'], 'the first port of the segment again');
});

test('a launcher that is started anew tells what its saved plan has, and one that stops leaves no timer', () => {
  const bench = new Bench();
  bench.port(1);
  bench.sender.begin();
  assert.deepEqual(bench.take(), ['+0 r1 [1]']);
  bench.delta(bench.port(2));
  bench.sender.stop();
  assert.equal(bench.clock.pending, 0);
  assert.deepEqual(bench.take(), []);
});

test('a hint is as long as its receiver takes: 256 ports with 16 addresses', () => {
  const bench = new Bench();
  const ips = Array.from({ length: 20 }, (_, n) => `10.0.0.${n + 1}` as Ipv4);
  const macOf = (n: number) => `02:00:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`;
  bench.delta(...Array.from({ length: 300 }, (_, n) => bench.port(n + 1, { mac: macOf(n) as never, ips })));
  bench.take();
  assert.deepEqual(
    bench.events.map(({ weft_ports: ports }) => [ports.length, ports[0]?.ips.length]),
    [[256, 16]],
  );
});

test('after any changes what was said last about a segment is what is there', () => {
  const step = fc.record({ number: fc.integer({ min: 1, max: 4 }), vni: fc.constantFrom(VNI, OTHER), verb: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const bench = new Bench();
      for (const { number, vni, verb } of steps) {
        if (verb === 0) bench.sender.changed('all');
        else if (verb === 1) bench.sender.again();
        else if (verb === 2) bench.clock.advance(100);
        else bench.delta(verb === 3 ? bench.gone(number) : bench.port(number, { vni }));
      }
      bench.clock.advance(100);
      for (const vni of [VNI, OTHER]) {
        const there = [...bench.plan.of('port').values()].filter((port) => port.vni === vni).map(({ mac }) => mac);
        const told = bench.events.findLast((event) => event.vni === vni)?.weft_ports.map(({ mac }) => mac) ?? [];
        assert.deepEqual(told, there.toSorted(), `${vni}: ${JSON.stringify(steps)}`);
      }
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 300) },
  );
});
