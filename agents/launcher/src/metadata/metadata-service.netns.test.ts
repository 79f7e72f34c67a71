import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import type { Ipv4 } from '@weft/core/ipv4';
import { METADATA_ADDRESS, METADATA_PORT } from '@weft/core/metadata-address';
import { planRefText } from '@weft/core/plan/plan';
import type { PlanRef } from '@weft/core/plan/plan';
import { instanceId, portId, vni } from '@weft/dataplane/plan-builder.testing';
import { TestUnderlay } from '@weft/dataplane/test-node.testing';
import type { Station, TestNode } from '@weft/dataplane/test-node.testing';
import { httpGet } from '@weft/lab/probe/http-get';
import type { HttpOutcome } from '@weft/lab/probe/http-get';
import { tcpHold } from '@weft/lab/probe/tcp-connect';
import { addrReplace } from '@weft/netlink/addr';
import { linkGet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { systemClock } from '@weft/ssntp/clock';
import { netnsDelete, warmThreadPool } from '@weft/sys/netns';
import { recordingLog } from '../test-support.ts';
import { MetadataService } from './metadata-service.ts';

const RED = 10_001;
const BLUE = 10_002;
const ID = '/latest/meta-data/instance-id';

/** A node with the real data path, and the service behind it as the launcher's loop would drive them. */
class Bench implements Disposable {
  readonly #stack = new DisposableStack();
  readonly node: TestNode;
  readonly log = recordingLog();
  service = this.#service();

  constructor() {
    this.node = this.#stack.use(new TestUnderlay()).node(1);
    const { builder } = this.node;
    builder.segment(RED).segment(BLUE).group(1);
    builder.workload({ n: 11, vni: RED }).workload({ n: 12, vni: RED });
    builder.workload({ n: 11, vni: BLUE }, { number: 21 });
    this.withoutGateways();
    this.reconcile('all');
  }

  /** They reach the service by a route of their own; each has something of its own to read. */
  withoutGateways(): void {
    const { builder } = this.node;
    for (const [, body] of builder.plan.of('instance'))
      builder.plan.set('instance', body.instanceId, { ...body, gateway: undefined, userData: btoa(`of ${body.name}`) });
  }

  reconcile(refs: readonly PlanRef[] | 'all'): void {
    const { plan } = this.node.builder;
    const scope = refs === 'all' ? 'all' : new Map(refs.map((ref) => [planRefText(ref), ref]));
    this.service.retire(plan, scope);
    this.node.apply(refs);
    this.service.apply(plan, scope);
    assert.deepEqual(this.service.failures(), new Map());
  }

  restart(): void {
    this.service.close();
    this.node.restarted();
    this.service = this.#service();
    this.reconcile('all');
  }

  [Symbol.dispose](): void {
    this.service.close();
    this.#stack.dispose();
  }

  #service(): MetadataService {
    const dataplane = {
      metadataLeg: (number: Parameters<TestNode['dataplane']['metadataLeg']>[0]) => this.node.dataplane.metadataLeg(number),
    };
    return new MetadataService({ domain: 'weft.internal' }, { dataplane, clock: systemClock, log: this.log, onFailures: () => undefined });
  }
}

const ask = (place: Station, path: string, more: Partial<Parameters<typeof httpGet>[1]> = {}): Promise<HttpOutcome> =>
  httpGet(place, { target: METADATA_ADDRESS, port: METADATA_PORT, path, timeoutMs: 3000, ...more });

async function told(place: Station, path: string, more: Partial<Parameters<typeof httpGet>[1]> = {}): Promise<string> {
  const outcome = await ask(place, path, more);
  return outcome.kind === 'answered' ? `${outcome.status} ${outcome.body}` : outcome.kind;
}

test('tenants with the same addresses are each told of their own instance, whatever a request says of its sender', async () => {
  await warmThreadPool();
  using bench = new Bench();
  const [red, neighbour, blue] = [bench.node.at(11), bench.node.at(12), bench.node.at(11, 21)];
  for (let round = 0; round < 3; round += 1) {
    assert.equal(await told(red, ID), `200 ${instanceId(11)}`);
    assert.equal(await told(neighbour, ID), `200 ${instanceId(12)}`);
    assert.equal(await told(blue, ID), `200 ${instanceId(21)}`);
  }
  assert.equal(await told(blue, '/openstack/latest/user_data'), '200 of w21');
  const lies = {
    'X-Forwarded-For': '10.0.0.12',
    Forwarded: 'for=10.0.0.12',
    Host: instanceId(12),
    'X-Instance-ID': instanceId(12),
    'X-Tenant-ID': 'x',
  };
  assert.equal(await told(red, ID, { headers: lies }), `200 ${instanceId(11)}`);
  assert.equal(await told(red, '/latest/user-data', { headers: lies }), '200 of w11');
  assert.equal((await told(red, '/latest/nothing')).slice(0, 3), '404');
  assert.equal((await told(red, ID, { method: 'PUT' })).slice(0, 3), '405');
});

test('nobody is told as somebody else on his segment', async () => {
  await warmThreadPool();
  using bench = new Bench();
  const { plan } = bench.node.builder;
  plan.set('port', portId(11), { ...plan.get('port', portId(11))!, portSecurity: false, groups: [] });
  bench.reconcile([{ kind: 'port', key: portId(11) }]);
  const attacker = bench.node.at(11);
  assert.equal(await told(bench.node.at(12), ID), `200 ${instanceId(12)}`);
  using rtnl = Rtnl.open(attacker.netns);
  addrReplace(rtnl, { index: linkGet(rtnl, 'eth0')!.index, address: '10.0.0.12' as Ipv4, prefix: 32 });
  assert.equal(await told({ ...attacker, ip: '10.0.0.12' as Ipv4 }, ID, { timeoutMs: 300 }), 'timeout');
  assert.ok((bench.node.drops({ n: 11, vni: RED })['port metadata_source sent'] ?? 0) > 0);
  assert.equal(await told(attacker, ID), `200 ${instanceId(11)}`, 'as itself it is');
});

test('a restarted launcher serves again, and so does one whose namespace or leg somebody took away', async () => {
  await warmThreadPool();
  using bench = new Bench();
  const serves = async (what: string): Promise<void> => {
    for (const [place, n] of [
      [bench.node.at(11), 11],
      [bench.node.at(11, 21), 21],
    ] as const)
      assert.equal(await told(place, ID), `200 ${instanceId(n)}`, what);
  };
  await serves('at first');
  bench.service.close();
  assert.equal(await told(bench.node.at(11), ID, { timeoutMs: 300 }), 'timeout', 'without it nobody answers');
  bench.restart();
  await serves('after a restart');
  netnsDelete(bench.node.dataplane.metadataLeg(vni(RED)).netns);
  assert.ok(bench.node.dataplane.disturbed());
  bench.node.dataplane.observe();
  bench.reconcile('all');
  await serves('in a new namespace');
});

test('what an instance is comes and goes with the plan, and without ports nothing is left', async () => {
  await warmThreadPool();
  using bench = new Bench();
  const { builder } = bench.node;
  const old = builder.plan.get('instance', instanceId(11))!;
  builder.plan.set('instance', old.instanceId, { ...old, publicIps: ['203.0.113.9' as Ipv4] });
  bench.reconcile([{ kind: 'instance', key: old.instanceId }]);
  assert.equal(await told(bench.node.at(11), '/latest/meta-data/public-ipv4'), '200 203.0.113.9');
  // 13 gets the address of 12, which leaves.
  builder.noWorkload(12).workload({ n: 12, vni: RED }, { number: 13 });
  bench.withoutGateways();
  bench.reconcile([12, 13].flatMap((n) => [{ kind: 'port', key: portId(n) } as const, { kind: 'instance', key: instanceId(n) } as const]));
  assert.equal(await told(bench.node.at(12, 13), ID), `200 ${instanceId(13)}`);
  using held = await tcpHold(bench.node.at(11), METADATA_ADDRESS, METADATA_PORT, { count: 5, timeoutMs: 2000 });
  assert.equal(held.connected, 5);
  for (const n of [11, 13, 21]) builder.noWorkload(n);
  bench.reconcile('all');
  assert.deepEqual(readdirSync(`${bench.node.runDir}/netns`), ['fabric']);
  assert.deepEqual(bench.log.lines, []);
});

test('whatever connections one workload holds open, neither a neighbour nor another tenant waits for it', async () => {
  await warmThreadPool();
  using bench = new Bench();
  const attacker = bench.node.at(11);
  assert.equal(await told(attacker, ID), `200 ${instanceId(11)}`);
  using held = await tcpHold(attacker, METADATA_ADDRESS, METADATA_PORT, { count: 150, timeoutMs: 1000 });
  assert.ok(held.connected > 0);
  assert.equal(await told(bench.node.at(12), ID), `200 ${instanceId(12)}`);
  assert.equal(await told(bench.node.at(11, 21), ID), `200 ${instanceId(21)}`);
});
