import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cidr } from '@weft/core/cidr';
import type { Ipv4 } from '@weft/core/ipv4';
import { FakeClock } from '@weft/ssntp/fake-clock';
import { recordingLog } from './test-support.ts';
import { underlayOf, UnderlayWatch } from './underlay.ts';
import type { NodeAddress, Underlay } from './underlay.ts';

const NETWORKS = ['10.88.0.0/24', '10.99.0.0/24'] as Cidr[];
const at = (ip: string, ifname = 'data0'): NodeAddress => ({ ip: ip as Ipv4, ifname });
const underlay = (vtep: string, underlayInterface = 'data0'): Underlay => ({ vtep: vtep as Ipv4, underlayInterface });

test('the first address in the first compute network is chosen, and kept as long as it is there', () => {
  const addresses = [at('192.168.0.1', 'mgmt0'), at('10.99.0.7', 'old0'), at('10.88.0.7'), at('10.88.0.8')];
  assert.deepEqual(underlayOf(NETWORKS, addresses), underlay('10.88.0.7'));
  assert.deepEqual(underlayOf(NETWORKS, addresses, underlay('10.88.0.8')), underlay('10.88.0.8'));
  assert.deepEqual(
    underlayOf(NETWORKS, addresses, underlay('10.99.0.7')),
    underlay('10.99.0.7', 'old0'),
    'a later network is no reason to go',
  );
  assert.deepEqual(underlayOf(NETWORKS, addresses, underlay('10.88.0.9')), underlay('10.88.0.7'));
  assert.deepEqual(underlayOf(NETWORKS, [at('10.88.0.7', 'other0')], underlay('10.88.0.7')), underlay('10.88.0.7', 'other0'));
  assert.equal(underlayOf(NETWORKS, [at('192.168.0.1')]), undefined);
  assert.equal(underlayOf(NETWORKS, [at('192.168.0.1')], underlay('192.168.0.1')), undefined, 'an address outside is none');
  assert.equal(underlayOf([], addresses), undefined);
});

function watched(addresses: NodeAddress[], computeNetworks: readonly Cidr[] = NETWORKS) {
  const clock = new FakeClock();
  const log = recordingLog();
  const changes: Underlay[] = [];
  const deps = { clock, log, addresses: () => addresses, changed: (found: Underlay) => void changes.push(found) };
  const watch = new UnderlayWatch({ computeNetworks }, deps);
  watch.start();
  return { watch, clock, log, changes };
}

test('a change is told once, a second after it happened at most, and an address that is added is none', () => {
  const addresses = [at('10.88.0.7')];
  const { watch, clock, changes } = watched(addresses);
  assert.deepEqual(changes, [underlay('10.88.0.7')]);
  addresses.push(at('10.88.0.8'));
  clock.advance(5000);
  assert.equal(changes.length, 1);
  addresses.shift();
  clock.advance(1000);
  assert.deepEqual(changes.slice(1), [underlay('10.88.0.8')]);
  clock.advance(5000);
  assert.equal(changes.length, 2);
  assert.deepEqual(watch.current, underlay('10.88.0.8'));
  watch.stop();
  assert.equal(clock.pending, 0);
});

test('a wait is mentioned when it begins, after 1, 2, 5, 10, 20, 40 and 60 seconds, and then once a minute', () => {
  const { clock, log } = watched([]);
  const mentioned = (): unknown[] => log.lines.map(({ fields }) => (fields as { waitedSeconds: unknown }).waitedSeconds);
  clock.advance(180_000);
  assert.deepEqual(mentioned(), [0, 1, 2, 5, 10, 20, 40, 60, 120, 180]);
  assert.match(log.lines[0]?.message ?? '', /no address in a compute network, waiting for one/);
  assert.match(watched([], []).log.lines[0]?.message ?? '', /set cluster\.computeCidrs/);
});

test('an address that goes and comes back changes nothing, and each loss is mentioned', () => {
  const addresses = [at('10.88.0.7')];
  const { watch, clock, log, changes } = watched(addresses);
  for (let round = 0; round < 2; round += 1) {
    const lost = addresses.pop()!;
    clock.advance(1000);
    assert.deepEqual(watch.current, underlay('10.88.0.7'), 'there is nothing better to say');
    addresses.push(lost);
    clock.advance(1000);
  }
  assert.equal(changes.length, 1);
  assert.deepEqual(
    log.lines.map(({ level }) => level),
    ['warn', 'info', 'warn', 'info'],
  );
});
