import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PortId } from '@weft/core/uuid';
import type { Plan, PlanRef } from '@weft/core/plan/plan';
import { FakeKernel } from '@weft/lab/fake/fake-kernel';
import { Dataplane } from './dataplane.ts';
import { sha256 } from './kernel-contract.ts';
import { objectKey } from './kernel-object.ts';
import { KernelLacks } from './kernel-support.ts';
import { portName } from './names.ts';
import { ALL_OUT, concentratorId, fromGroup, groupId, instanceId, ipv4, mac, PlanBuilder, portId, tcpIn } from './plan-builder.testing.ts';

const VNI = 10_001;
const FACTS = {
  vtep: ipv4('172.30.0.1'),
  underlayInterface: 'under',
  vxlanPort: 14_789,
  mtu: 1450,
  uplinkInterface: undefined,
  connectionsPerPort: 1000,
};

type Warning = Readonly<{ fields: object; message: string }>;

function start(kernel: FakeKernel, warnings: Warning[] = []): Dataplane {
  const log = { info: () => {}, warn: (fields: object, message: string) => void warnings.push({ fields, message }) };
  return new Dataplane({ facts: FACTS, runDir: '/run/x' }, { kernel, log, sha256 });
}

const newKernel = (): FakeKernel => new FakeKernel({}, { sha256 });
const twoWorkloads = (): PlanBuilder =>
  new PlanBuilder()
    .segment(VNI)
    .group(1)
    .workload({ n: 11, vni: VNI })
    .workload({ n: 12, vni: VNI })
    .member(1, ipv4('10.0.0.11'))
    .member(1, ipv4('10.0.0.12'));
const keysOf = (kernel: FakeKernel): string[] => kernel.objects().map(objectKey);
const isOpen = (kernel: FakeKernel, n: number): boolean => keysOf(kernel).includes(`element fabric bridge from ${portName(portId(n))}`);

test('two ids that shorten to one name: the second is refused with both ids, and all else is in place', () => {
  const kernel = newKernel();
  const dataplane = start(kernel);
  const { plan } = twoWorkloads();
  const twin = {
    ...plan.get('port', portId(11))!,
    portId: `${portId(11).slice(0, -1)}f` as PortId,
    mac: mac(20),
    ips: [ipv4('10.0.0.20')],
  };
  const twinInstance = { ...plan.get('instance', instanceId(11))!, instanceId: instanceId(20), portId: twin.portId };
  plan.set('port', twin.portId, { ...twin, instanceId: instanceId(20) });
  plan.set('instance', instanceId(20), twinInstance);
  const failures = dataplane.apply(plan, 'all');
  const failure = failures.get(`port ${twin.portId}`);
  assert.equal(failure?.code, 'name_clash');
  assert.match(failure?.message ?? '', new RegExp(`port ${twin.portId}.*port ${portId(11)}`));
  assert.ok(isOpen(kernel, 11) && isOpen(kernel, 12));
  assert.deepEqual(
    [...failures.keys()].filter((owner) => !owner.endsWith(twin.portId) && !owner.startsWith('instance')),
    [],
  );
  // With the first gone, the second has its name.
  plan.delete('port', portId(11));
  plan.delete('instance', instanceId(11));
  const refs: PlanRef[] = [
    { kind: 'port', key: portId(11) },
    { kind: 'instance', key: instanceId(11) },
  ];
  for (const owner of failures.keys()) refs.push({ kind: owner.split(' ')[0] as 'port', key: owner.split(' ')[1]! });
  assert.deepEqual(dataplane.apply(plan, refs), new Map());
  assert.ok(keysOf(kernel).includes(`element fabric bridge macs ${portName(portId(11))} . ${mac(20)}`));
});

test('a group that nft refuses fails with its ports; everybody else is in place', () => {
  const kernel = newKernel();
  const dataplane = start(kernel);
  const builder = twoWorkloads()
    .group(2, [{ ...tcpIn(0), portMin: 90, portMax: 80 }])
    .workload({ n: 13, vni: VNI, groups: [1, 2] });
  const failures = dataplane.apply(builder.plan, 'all');
  assert.deepEqual([...failures.keys()].toSorted(), [`group ${groupId(2)}`, `port ${portId(13)}`]);
  assert.equal(failures.get(`group ${groupId(2)}`)?.code, 'nft_error');
  assert.ok(isOpen(kernel, 11) && isOpen(kernel, 12));
  assert.equal(isOpen(kernel, 13), false, 'closed before open');
  builder.group(2, [tcpIn(80)]);
  assert.deepEqual(
    dataplane.apply(
      builder.plan,
      [...failures.keys()].map((owner) => ({ kind: owner.split(' ')[0] as 'port', key: owner.split(' ')[1]! })),
    ),
    new Map(),
  );
  assert.ok(isOpen(kernel, 13));
});

test('a group that becomes one that nft refuses keeps its old rules, and does not hold up a change beside it', () => {
  const kernel = newKernel();
  const dataplane = start(kernel);
  const builder = twoWorkloads();
  dataplane.apply(builder.plan, 'all');
  const before = rulesOfGroup(kernel, 1);
  builder
    .group(1, [ALL_OUT, fromGroup(1), { ...tcpIn(0), portMin: 90, portMax: 80 }])
    .workload({ n: 13, vni: VNI })
    .noWorkload(12);
  const failures = dataplane.apply(builder.plan, 'all');
  assert.deepEqual([...failures.keys()], [`group ${groupId(1)}`]);
  assert.deepEqual(rulesOfGroup(kernel, 1), before);
  assert.ok(isOpen(kernel, 13));
  assert.equal(isOpen(kernel, 12), false);
});

function rulesOfGroup(kernel: FakeKernel, group: number): readonly string[] {
  const name = `gi_${groupId(group).replaceAll('-', '')}`;
  return kernel.objects().flatMap((object) => (object.kind === 'chain' && object.name === name ? object.rules : []));
}

test('a port in a segment that is not known yet is made when the segment comes', () => {
  const kernel = newKernel();
  const dataplane = start(kernel);
  const builder = new PlanBuilder().group(1).workload({ n: 11, vni: VNI }, { dhcp: true });
  assert.deepEqual(dataplane.apply(builder.plan, 'all'), new Map());
  assert.equal(isOpen(kernel, 11), false);
  builder.segment(VNI);
  assert.deepEqual(dataplane.apply(builder.plan, [{ kind: 'segment', key: String(VNI) }]), new Map());
  assert.ok(isOpen(kernel, 11));
});

test('an address that gets another MAC is announced once, on the bridge, also after it was nobody’s for a while', () => {
  const kernel = newKernel();
  const dataplane = start(kernel);
  const builder = twoWorkloads();
  const apply = (): void => assert.deepEqual(dataplane.apply(builder.plan, 'all'), new Map());
  apply();
  assert.deepEqual(kernel.announcements, []);
  const address = ipv4('10.0.0.12');
  builder.noWorkload(12).peerAt(VNI, { mac: mac(77), ips: [address] }, ipv4('172.30.0.2'));
  apply();
  apply();
  assert.deepEqual(kernel.announcements, [{ place: 'fabric', link: `wb${VNI}`, address, mac: mac(77) }]);
  builder.plan.delete('peer', `${VNI}/${mac(77)}`);
  apply();
  builder.workload({ n: 12, vni: VNI });
  apply();
  assert.deepEqual(kernel.announcements.at(-1), { place: 'fabric', link: `wb${VNI}`, address, mac: mac(12) });
  assert.equal(kernel.announcements.length, 2);
});

test('what was changed by somebody else is logged once, and not what is only unknown', () => {
  const kernel = newKernel();
  const warnings: Warning[] = [];
  const dataplane = start(kernel, warnings);
  const { plan } = twoWorkloads();
  dataplane.apply(plan, 'all');
  dataplane.observe();
  assert.deepEqual(warnings, []);
  const lost = kernel.objects().find((object) => object.kind === 'neigh')!;
  kernel.vandalise(lost);
  dataplane.observe();
  assert.deepEqual(warnings, [{ fields: { count: 1, first: [objectKey(lost)] }, message: 'the kernel was changed by somebody else' }]);
  dataplane.apply(plan, 'all');
  dataplane.observe();
  assert.equal(warnings.length, 1);
});

test('a public address whose failure is not told is in place, or gone: each call that fails on the way is somebody’s', () => {
  const address = ipv4('203.0.113.20');
  const refs: PlanRef[] = [{ kind: 'publicip', key: address }];
  const uplink = { address: ipv4('203.0.113.10'), prefixLength: 24, gateway: ipv4('203.0.113.1') };
  const present = (kernel: FakeKernel): number =>
    keysOf(kernel).filter((key) => key.includes(address) || key.includes('public_out')).length;
  for (const goes of [false, true]) {
    let [told, calls] = [0, 0];
    for (; ; calls += 1) {
      const kernel = new FakeKernel({ nodeLinks: ['up'] }, { sha256 });
      const log = { info: () => {}, warn: () => {} };
      const dataplane = new Dataplane({ facts: { ...FACTS, uplinkInterface: 'up' }, runDir: '/run/x' }, { kernel, log, sha256 });
      const { plan } = new PlanBuilder().segment(VNI, { hub: true }).gateway(1, [VNI], { uplink });
      const body = { concentratorId: concentratorId(1), address, internal: ipv4('10.0.0.11') };
      if (goes) plan.set('publicip', address, body);
      assert.deepEqual(dataplane.apply(plan, 'all'), new Map());
      if (goes) plan.delete('publicip', address);
      else plan.set('publicip', address, body);
      const whole = goes ? 0 : 3;
      kernel.failCall(calls + 1, 'ENOMEM');
      const failed = [...dataplane.apply(plan, refs).keys()];
      kernel.revive();
      // As the launcher and the controller take it: a failure of the node's may be anybody's removal.
      if (goes ? failed.length > 0 : failed.includes(`publicip ${address}`)) told += 1;
      else assert.equal(present(kernel), whole, `${goes ? 'removal' : 'arrival'}, call ${calls + 1}: ${failed.join()}`);
      assert.deepEqual(dataplane.apply(plan, failed.length === 0 ? [] : 'all'), new Map());
      assert.equal(present(kernel), whole, 'mended by the next pass');
      if (failed.length === 0 && calls > 20) break;
    }
    assert.ok(told > 0, 'some calls matter');
  }
});

/** Each takes from workload 11 something that it had; `after` is whose connections must end. */
const REVOCATIONS: Record<string, (builder: PlanBuilder) => void> = {
  'the port goes': (builder) => builder.noWorkload(11),
  'the port is switched off': (builder) => builder.workload({ n: 11, vni: VNI }, { adminStateUp: false }),
  'the port leaves a group': (builder) => builder.workload({ n: 11, vni: VNI, groups: [] }),
  'the port gets port security': (builder) => builder.workload({ n: 11, vni: VNI, groups: [1] }),
  'its group loses a rule': (builder) => builder.group(1, [fromGroup(1)]),
  'its address changes': (builder) => builder.workload({ n: 11, vni: VNI }, { ips: [ipv4('10.0.0.99')] }),
  'it is no longer a member': (builder) => builder.noMember(1, ipv4('10.0.0.11')),
};

function before(what: string): PlanBuilder {
  const builder = twoWorkloads();
  return what === 'the port gets port security' ? builder.workload({ n: 11, vni: VNI }, { portSecurity: false, groups: [] }) : builder;
}

const refsOf = (plan: Plan): PlanRef[] => [
  ...plan.refs(),
  { kind: 'port', key: portId(11) },
  { kind: 'instance', key: instanceId(11) },
  { kind: 'member', key: `${groupId(1)}/10.0.0.11` },
];

for (const [what, change] of Object.entries(REVOCATIONS)) {
  test(`connections end when ${what}, wherever a process dies on the way`, () => {
    const address = ipv4('10.0.0.11');
    for (let death = 1; ; death += 1) {
      const kernel = newKernel();
      const dataplane = start(kernel);
      const builder = before(what);
      dataplane.apply(builder.plan, 'all');
      const zone = zoneIn(kernel);
      change(builder);
      // Only what is forgotten once the rules are changed counts.
      let changedAt = Number.POSITIVE_INFINITY;
      const rules = rulesIn(kernel);
      kernel.watch(() => {
        if (changedAt === Number.POSITIVE_INFINITY && rulesIn(kernel) !== rules) changedAt = kernel.forgotten.length;
      });
      kernel.dieAtCall(death);
      dataplane.apply(builder.plan, refsOf(builder.plan));
      const died = kernel.died;
      kernel.revive();
      assert.deepEqual(start(kernel).apply(builder.plan, 'all'), new Map());
      const ended = kernel.forgotten.slice(changedAt);
      assert.ok(
        ended.some((entry) => entry.zone === zone && entry.address === address),
        `killed at call ${death}`,
      );
      assert.equal(
        keysOf(kernel).some((key) => key.includes(' revoking ')),
        false,
        'nothing is left to revoke',
      );
      if (!died) break;
    }
  });
}

test('a revocation that fails is tried again, and nobody loses a connection who only gains', () => {
  const kernel = newKernel();
  const dataplane = start(kernel);
  const builder = twoWorkloads();
  dataplane.apply(builder.plan, 'all');
  const swept = kernel.forgotten.length;
  builder
    .group(1, [ALL_OUT, fromGroup(1), tcpIn(80)])
    .group(2)
    .workload({ n: 11, vni: VNI, groups: [1, 2] });
  builder.workload({ n: 13, vni: VNI }).member(1, ipv4('10.0.0.13'));
  dataplane.apply(builder.plan, 'all');
  assert.equal(kernel.forgotten.length, swept, 'nothing was taken away');
  builder.group(1, [ALL_OUT, fromGroup(1)]);
  const refs: PlanRef[] = [{ kind: 'group', key: groupId(1) }];
  // What others took away is asked first, then come the rules, then the one look for all three addresses.
  kernel.failCall(3, 'ENOBUFS');
  assert.deepEqual([...dataplane.apply(builder.plan, refs).keys()], ['node']);
  assert.deepEqual(dataplane.apply(builder.plan, []), new Map());
  const ended = new Set(kernel.forgotten.slice(swept).map(({ address }) => address));
  assert.deepEqual(ended, new Set(['10.0.0.11', '10.0.0.12', '10.0.0.13']));
});

/** The rules of workload 11 and its group, as one text. */
function rulesIn(kernel: FakeKernel): string {
  const link = portName(portId(11));
  return JSON.stringify(
    kernel.objects().filter((object) => {
      if (object.kind === 'chain') return object.name.endsWith(link) || object.name.startsWith('gi_');
      return object.kind === 'element' && (object.key[0] === link || object.set.startsWith('members_'));
    }),
  );
}

function zoneIn(kernel: FakeKernel): number {
  const element = kernel.objects().find((object) => object.kind === 'element' && object.set === 'zone');
  return Number(element?.kind === 'element' ? element.value : 0);
}

/** Knows no ifb until its module is loaded. */
class KernelWithoutIfb extends FakeKernel {
  loaded = false;

  override put(object: Parameters<FakeKernel['put']>[0]): boolean {
    if (!this.loaded && object.kind === 'link' && object.type === 'ifb') throw new KernelLacks([{ what: 'ifb interfaces', module: 'ifb' }]);
    return super.put(object);
  }
}

test('a limit that the kernel has no module for fails its port by the module’s name; the port works, and is limited once it is loaded', () => {
  const kernel = new KernelWithoutIfb({}, { sha256 });
  const dataplane = start(kernel);
  const { plan } = twoWorkloads().workload({ n: 11, vni: VNI }, { rateLimit: { ingressKbps: 1000, egressKbps: 1000 } });
  const port: PlanRef = { kind: 'port', key: portId(11) };
  const failures = dataplane.apply(plan, 'all');
  assert.deepEqual([...failures.keys()], [`port ${portId(11)}`]);
  assert.match(failures.get(`port ${portId(11)}`)?.message ?? '', /this kernel lacks ifb interfaces \(module ifb\)/);
  assert.ok(isOpen(kernel, 11) && isOpen(kernel, 12));
  assert.ok(keysOf(kernel).includes(`qdisc fabric ${portName(portId(11))}`), 'what can be limited is');
  assert.equal(dataplane.apply(plan, [port]).size, 1, 'it is said again, and not forgotten');
  kernel.loaded = true;
  assert.deepEqual(dataplane.apply(plan, [port]), new Map());
  assert.ok(keysOf(kernel).includes(`redirect fabric ${portName(portId(11))}`));
});
