import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import { Plan } from '@weft/core/plan/plan';
import type { InstanceId, PortId, SecurityGroupId } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';
import { linkAdd, linkGet, linkSet } from '@weft/netlink/link';
import { addrReplace } from '@weft/netlink/addr';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsCreateUnpinned, netnsOpen, netnsSelf } from '@weft/sys/netns';
import { Dataplane } from './dataplane.ts';
import type { Kernel, NftChange } from './kernel.ts';
import { LinuxKernel } from './linux-kernel.ts';
import { WORKLOAD_LINK } from './names.ts';
import { reachable } from './test-node.testing.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const SILENT = { info: () => {}, warn: () => {} };
const VNI = 10_001 as Vni;
const GROUP = '5b0f9f2e-0000-4000-8000-000000000001' as SecurityGroupId;
const id = <T extends string>(n: number): T => `0000000${n}-0000-4000-8000-000000000000` as T;
const ip = (n: number): Ipv4 => `10.0.0.1${n}` as Ipv4;
const mac = (n: number): Mac => `02:00:0a:00:00:1${n}` as Mac;

function workload(plan: Plan, n: number): void {
  const instanceId = id<InstanceId>(n);
  const portId = id<PortId>(n);
  plan.set('port', portId, {
    portId,
    vni: VNI,
    mac: mac(n),
    ips: [ip(n)],
    instanceId,
    adminStateUp: true,
    portSecurity: true,
    groups: [GROUP],
  });
  plan.set('member', `${GROUP}/${ip(n)}`, { groupId: GROUP, address: ip(n) });
  plan.set('instance', instanceId, {
    instanceId,
    name: `w${n}`,
    generation: 1,
    runner: 'namespace',
    command: ['true'],
    portId,
    mac: mac(n),
    mtu: 1450,
    addressing: 'static',
    addresses: [{ address: ip(n), prefixLength: 24 }],
    gateway: '10.0.0.1' as Ipv4,
  });
}

function twoWorkloads(): Plan {
  const plan = new Plan();
  plan.set('segment', String(VNI), { vni: VNI, tunnel: 'vxlan', topology: 'mesh', hub: false, mtu: 1450 });
  plan.set('group', GROUP, {
    groupId: GROUP,
    rules: [
      { direction: 'egress', protocol: undefined, portMin: undefined, portMax: undefined, remoteCidr: undefined, remoteGroup: undefined },
      { direction: 'ingress', protocol: undefined, portMin: undefined, portMax: undefined, remoteCidr: undefined, remoteGroup: GROUP },
    ],
  });
  workload(plan, 1);
  workload(plan, 2);
  plan.set('peer', `${VNI}/${mac(3)}`, { vni: VNI, mac: mac(3), ips: [ip(3)], vtep: '172.30.0.12' as Ipv4 });
  plan.set('vtep', `${VNI}/172.30.0.12`, { vni: VNI, address: '172.30.0.12' as Ipv4 });
  plan.set('vtepfilter', '172.30.0.12', { address: '172.30.0.12' as Ipv4 });
  return plan;
}

/** Counts what reaches the kernel. */
function counting(kernel: Kernel): { kernel: Kernel; changes: string[] } {
  const changes: string[] = [];
  return {
    changes,
    kernel: {
      observe: () => kernel.observe(),
      observing: () => kernel.observing(),
      transact: (place, change: NftChange) => {
        changes.push(`transact ${place}`);
        kernel.transact(place, change);
      },
      put: (object) => {
        if (object.kind !== 'netns') changes.push(`put ${JSON.stringify(object)}`);
        return kernel.put(object);
      },
      remove: (object) => {
        changes.push(`remove ${JSON.stringify(object)}`);
        kernel.remove(object);
      },
      announce: (...args) => kernel.announce(...args),
      forget: (...args) => kernel.forget(...args),
      forgetOver: (...args) => kernel.forgetOver(...args),
      forgetDenied: (...args) => kernel.forgetDenied(...args),
      forgetMarked: (...args) => kernel.forgetMarked(...args),
      queueDrops: (...args) => kernel.queueDrops(...args),
      counted: (...args) => kernel.counted(...args),
      losses: (where) => kernel.losses(where),
      settle: () => kernel.settle(),
      tidy: () => kernel.tidy(),
    },
  };
}

const FACTS = {
  vtep: '172.30.0.11' as Ipv4,
  underlayInterface: 'under',
  vxlanPort: 14_789,
  mtu: 1450,
  uplinkInterface: undefined,
  connectionsPerPort: 1000,
};

/** A node's namespace with an underlay, inside which a dataplane works; everything goes with it. */
function node(): { runDir: string; kernel: LinuxKernel; dataplane: () => { dataplane: Dataplane; changes: string[] } } & Disposable {
  const runDir = mkdtempSync(join(tmpdir(), 'weft-dataplane-'));
  const netns = netnsCreateUnpinned();
  using rtnl = Rtnl.open(netns);
  linkAdd(rtnl, { kind: 'veth', name: 'under', peer: { name: 'wire' }, mtu: 1500 });
  for (const name of ['under', 'wire']) linkSet(rtnl, linkGet(rtnl, name)?.index ?? 0, { up: true });
  addrReplace(rtnl, { index: linkGet(rtnl, 'under')?.index ?? 0, address: FACTS.vtep, prefix: 24 });
  const kernel = netns.run(() => new LinuxKernel({ runDir }, { sha256 }));
  return {
    runDir,
    kernel,
    dataplane: () => {
      const counted = counting(kernel);
      return {
        dataplane: new Dataplane({ facts: FACTS, runDir }, { kernel: counted.kernel, log: SILENT, sha256 }),
        changes: counted.changes,
      };
    },
    [Symbol.dispose]: () => {
      const { dataplane } = { dataplane: new Dataplane({ facts: FACTS, runDir }, { kernel, log: SILENT, sha256 }) };
      dataplane.apply(new Plan(), 'all');
      kernel.remove({ kind: 'netns', place: 'fabric', loopback: false, sysctls: {} });
      kernel[Symbol.dispose]();
      netns[Symbol.dispose]();
      rmSync(runDir, { recursive: true });
    },
  };
}

test('two workloads of one group reach each other, and a second look finds nothing to do', async () => {
  using self = netnsSelf();
  assert.ok(self.inode > 0);
  using here = node();
  const plan = twoWorkloads();
  const first = here.dataplane();
  assert.deepEqual(first.dataplane.apply(plan, 'all'), new Map());
  using netns = netnsOpen(first.dataplane.workloadNetns(id<InstanceId>(1)));
  const from = { netns, ifname: WORKLOAD_LINK, mac: mac(1), ip: ip(1) };
  await reachable(from, ip(2));

  first.changes.length = 0;
  first.dataplane.observe();
  assert.deepEqual(first.dataplane.apply(plan, 'all'), new Map());
  assert.deepEqual(first.changes, [], 'the same process, after looking again');

  const second = here.dataplane();
  assert.deepEqual(second.dataplane.apply(plan, 'all'), new Map());
  assert.deepEqual(second.changes, [], 'a restarted process');
});
