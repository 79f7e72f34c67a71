import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Ipv4 } from '@weft/core/ipv4';
import { dhcpHostKey } from '@weft/core/plan/dhcphost';
import { memberKey } from '@weft/core/plan/member';
import { Plan } from '@weft/core/plan/plan';
import { parseSynced } from '@weft/core/plan/sync';
import type { Sync, Synced, SyncItem } from '@weft/core/plan/sync';
import type { InstanceId, NodeId, SecurityGroupId, Uuid } from '@weft/core/uuid';
import { openLinuxDataplane } from '@weft/dataplane/linux-dataplane';
import { WORKLOAD_LINK } from '@weft/dataplane/names';
import { dhcpClient } from '@weft/lab/probe/dhcp-client';
import { ping } from '@weft/lab/probe/ping';
import { PingStream } from '@weft/lab/probe/ping-stream';
import { addrReplace } from '@weft/netlink/addr';
import { linkAdd, linkDelete, linkGet, linkSet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import type { SsntpClientHandler } from '@weft/ssntp/client';
import { systemClock } from '@weft/ssntp/clock';
import { framePayload, routedFrame } from '@weft/ssntp/frame';
import type { Frame } from '@weft/ssntp/frame';
import { Command, frameName, FrameType } from '@weft/ssntp/operands';
import { decodePayload, encodePayload } from '@weft/ssntp/payload';
import { netnsDelete, netnsOpen, warmThreadPool } from '@weft/sys/netns';
import { Launcher } from './launcher.ts';
import { interfaceAddresses, readNodeFacts } from './node-facts.ts';
import { planItems } from './plan-item.ts';
import {
  dhcpHost,
  eventually,
  gatewayBody,
  instanceBody,
  portBody,
  recordingLog,
  temporaryDirectory,
  testId,
  testMac,
  VNI,
} from './test-support.ts';

const NODE = testId<NodeId>(0xa0);
const GROUP = testId<SecurityGroupId>(0x60);
const CONFIGURATION = { configure: { launcher: { compute_net: ['172.30.0.0/24'] } } };
const address = (number: number): Ipv4 => `10.0.0.${10 + number}` as Ipv4;

/** A node with a real data path, in the namespace of this test. */
class Node implements AsyncDisposable {
  readonly #directory = temporaryDirectory();
  readonly log = recordingLog();
  readonly #sent: Frame[] = [];
  #handler: SsntpClientHandler | undefined;
  #dataplane: ReturnType<typeof openLinuxDataplane> | undefined;
  #launcher: Launcher | undefined;

  constructor() {
    using rtnl = Rtnl.open();
    linkAdd(rtnl, { kind: 'veth', name: 'under', peer: { name: 'wire' }, mtu: 1500, up: true });
    linkSet(rtnl, linkGet(rtnl, 'wire')!.index, { up: true });
    addrReplace(rtnl, { index: linkGet(rtnl, 'under')!.index, address: '172.30.0.11' as Ipv4, prefix: 24 });
  }

  get runDir(): string {
    return join(this.#directory.path, 'run');
  }

  async start(): Promise<void> {
    this.#launcher = new Launcher(
      {
        nodeId: NODE,
        hostname: 'n1',
        roles: ['compute', 'network'],
        stateDir: join(this.#directory.path, 'state'),
        runDir: this.runDir,
        environment: { PATH: process.env['PATH'] ?? '' },
      },
      {
        clock: systemClock,
        random: Math.random,
        log: this.log,
        facts: () => readNodeFacts(this.#directory.path),
        addresses: interfaceAddresses,
        dataplane: (_configure, underlay) => {
          const facts = {
            ...underlay,
            vxlanPort: 14_789,
            mtu: 1450,
            uplinkInterface: undefined,
            connectionsPerPort: 1000,
          };
          this.#dataplane = openLinuxDataplane({ ...facts, runDir: this.runDir }, { log: this.log });
          return this.#dataplane.dataplane;
        },
        client: (handler) => {
          this.#handler = handler;
          return { start: () => undefined, close: () => Promise.resolve(), send: (frame) => this.#sent.push(frame) > 0 };
        },
      },
    );
    await this.#launcher.start();
  }

  async stop(): Promise<void> {
    await this.#launcher?.stop();
    this.#dataplane?.close();
  }

  sync(...syncs: readonly Sync[]): void {
    for (const sync of syncs)
      this.#handler?.frame(routedFrame(FrameType.COMMAND, Command.Sync, NODE, encodePayload(sync), testId<Uuid>(0xc0)));
  }

  connect(): void {
    this.#handler?.connected(CONFIGURATION, testId<Uuid>(0xc0));
  }

  full(revision: number, items: readonly SyncItem[]): void {
    this.sync({ op: 'begin', epoch: 'e1', revision }, { op: 'chunk', seq: 0, items }, { op: 'end', seq: 1, count: items.length });
  }

  reports(): Synced[] {
    return this.#sent
      .filter((frame) => frameName(frame.type, frame.operand) === 'STATUS Synced')
      .map((frame) => parseSynced(decodePayload(framePayload(frame))));
  }

  /** Waits for the report of a revision, and says what failed in it. */
  async applied(revision: number): Promise<Synced['failed']> {
    const report = await eventually(`revision ${revision} is applied`, () =>
      this.reports().findLast((synced) => synced.revision === revision),
    );
    return report.failed;
  }

  workload(number: number): string {
    return this.#dataplane!.dataplane.workloadNetns(testId<InstanceId>(number));
  }

  /** What this node runs: every process's working directory is the node's. */
  pids(): number[] {
    return readdirSync('/proc').flatMap((name) =>
      /^\d+$/.test(name) && cwdOf(name).startsWith(this.#directory.path) ? [Number(name)] : [],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    for (const name of readdirSync(join(this.runDir, 'netns'))) netnsDelete(join(this.runDir, 'netns', name));
    using rtnl = Rtnl.open();
    linkDelete(rtnl, linkGet(rtnl, 'under')!.index);
    this.#directory[Symbol.dispose]();
  }
}

function cwdOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

/** Workloads 1 and 2 with fixed addresses, 3 with DHCP, in one group, and the gateway that serves DHCP. */
function planOfThree(): Plan {
  const plan = new Plan();
  plan.set('segment', String(VNI), { vni: VNI, tunnel: 'vxlan', topology: 'mesh', hub: false, mtu: 1450 });
  const any = { protocol: undefined, portMin: undefined, portMax: undefined, remoteCidr: undefined };
  plan.set('group', GROUP, {
    groupId: GROUP,
    rules: [
      { direction: 'egress', ...any, remoteGroup: undefined },
      { direction: 'ingress', ...any, remoteGroup: GROUP },
    ],
  });
  plan.set('gateway', testId(9), gatewayBody(9));
  for (const number of [1, 2, 3]) {
    const ip = address(number);
    plan.set('port', testId(number), { ...portBody(number), mac: testMac(10 + number), ips: [ip], groups: [GROUP] });
    plan.set('member', memberKey(GROUP, ip), { groupId: GROUP, address: ip });
    plan.set('dhcphost', dhcpHostKey(VNI, ip), dhcpHost(9, ip, testMac(10 + number)));
    plan.set('instance', testId(number), {
      ...instanceBody(number, ['sleep', '1000']),
      mac: testMac(10 + number),
      addressing: number === 3 ? 'dhcp' : 'static',
      addresses: [{ address: ip, prefixLength: 24 }],
      gateway: '10.0.0.1' as Ipv4,
    });
  }
  return plan;
}

test('a plan becomes workloads that reach each other and get leases; a restart of the launcher interrupts nothing; without them nothing is left', async () => {
  await warmThreadPool();
  await using node = new Node();
  await node.start();
  node.connect();
  const plan = planOfThree();
  node.full(1, planItems(plan));
  assert.deepEqual(await node.applied(1), {});
  assert.equal(node.pids().length, 4, 'three workloads and a DHCP server');

  using first = netnsOpen(node.workload(1));
  using third = netnsOpen(node.workload(3));
  const from = { netns: first, ifname: WORKLOAD_LINK, mac: testMac(11), ip: address(1) };
  const reached = await ping(from, address(2), { count: 3, intervalMs: 10, timeoutMs: 5000 });
  assert.equal(reached.received, 3);
  const lease = await dhcpClient({ netns: third, ifname: WORKLOAD_LINK, mac: testMac(13) }, { timeoutMs: 5000 });
  assert.deepEqual(
    [lease.kind, lease.kind === 'bound' && lease.address, lease.kind === 'bound' && lease.router],
    ['bound', address(3), '10.0.0.1'],
  );

  using stream = new PingStream({ place: from, target: address(2) });
  stream.start();
  const before = node.pids();
  await node.stop();
  await node.start();
  node.connect();
  node.sync({ op: 'delta', epoch: 'e1', from: 1, revision: 2, upsert: [], remove: [] });
  assert.deepEqual(await node.applied(2), {});
  const { lost, sent } = await stream.stop();
  assert.ok(sent > 0);
  assert.equal(lost, 0);
  assert.deepEqual(node.pids(), before);

  node.sync({ op: 'delta', epoch: 'e1', from: 2, revision: 3, upsert: [], remove: planItems(plan) });
  assert.deepEqual(await node.applied(3), {});
  await eventually('no process is left', () => node.pids().length === 0);
  assert.deepEqual(readdirSync(join(node.runDir, 'netns')), ['fabric']);
  assert.deepEqual(
    node.log.lines.filter(({ level }) => level === 'error' || level === 'warn'),
    [],
  );
});
