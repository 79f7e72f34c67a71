import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Ipv4 } from '@weft/core/ipv4';
import { Plan } from '@weft/core/plan/plan';
import type { Vni } from '@weft/core/vni';
import { instanceBody, portBody, testId } from '../test-support.ts';
import { Askers } from './askers.ts';

const VNIS = [10_001, 10_002] as readonly number[] as readonly Vni[];
const address = (n: number): Ipv4 => `10.0.0.${n}` as Ipv4;

/** What a port is to become: on which segment, with which address, or gone. */
type Change = Readonly<{ port: number; vni: Vni; ip: number; up: boolean; gone: boolean }>;

const change: fc.Arbitrary<Change> = fc.record({
  port: fc.integer({ min: 1, max: 4 }),
  vni: fc.constantFrom(...VNIS),
  ip: fc.integer({ min: 1, max: 3 }),
  up: fc.boolean(),
  gone: fc.boolean(),
});

/** An address is one port's at a time. */
function isFree(plan: Plan, { port, vni, ip }: Change): boolean {
  return ![...plan.of('port').values()].some((body) => body.portId !== testId(port) && body.vni === vni && body.ips.includes(address(ip)));
}

function put(plan: Plan, wanted: Change): void {
  const key = testId(wanted.port);
  if (wanted.gone) {
    plan.delete('port', key);
    plan.delete('instance', key);
  } else if (isFree(plan, wanted)) {
    plan.set('port', key, { ...portBody(wanted.port), vni: wanted.vni, ips: [address(wanted.ip)], adminStateUp: wanted.up });
    plan.set('instance', key, instanceBody(wanted.port, ['true']));
  }
}

test('after any changes each address is that port’s which the plan says, and nobody’s on another segment', () => {
  fc.assert(
    fc.property(fc.array(fc.array(change, { minLength: 1, maxLength: 4 }), { maxLength: 8 }), (steps) => {
      const plan = new Plan();
      const askers = new Askers();
      for (const step of steps) {
        for (const wanted of step) put(plan, wanted);
        askers.take(
          plan,
          step.map(({ port }) => testId(port)),
        );
      }
      const whole = new Askers();
      whole.takeAll(plan);
      for (const vni of VNIS) {
        const own = [...plan.of('port').values()].filter((body) => body.vni === vni && body.adminStateUp);
        assert.deepEqual([askers.has(vni), whole.has(vni)], [own.length > 0, own.length > 0]);
        for (const n of [1, 2, 3]) {
          const expected = own.find(({ ips }) => ips.includes(address(n)))?.instanceId;
          assert.equal(askers.find(vni, address(n))?.instanceId, expected);
          assert.equal(whole.find(vni, address(n))?.instanceId, expected);
        }
      }
    }),
  );
});

test('an address that passes from one port to another in one change is the new one’s, in whatever order they are named', () => {
  for (const order of [
    [1, 2],
    [2, 1],
  ]) {
    const plan = new Plan();
    const askers = new Askers();
    put(plan, { port: 1, vni: VNIS[0]!, ip: 1, up: true, gone: false });
    askers.takeAll(plan);
    put(plan, { port: 1, vni: VNIS[0]!, ip: 1, up: true, gone: true });
    put(plan, { port: 2, vni: VNIS[0]!, ip: 1, up: true, gone: false });
    const touched = askers.take(
      plan,
      order.map((n) => testId(n)),
    );
    assert.deepEqual([...touched], [VNIS[0]]);
    assert.equal(askers.find(VNIS[0]!, '10.0.0.1')?.instanceId, testId(2));
    assert.equal(askers.find(VNIS[0]!, '10.0.0.2'), undefined);
    assert.equal(askers.find(VNIS[1]!, '10.0.0.1'), undefined);
  }
});
