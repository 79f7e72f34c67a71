/**
 * How much one node carries: what its data path costs to make, to look at and to take away again, and that nothing is left then.
 *
 *     ports      500 ports on one node, what the goal of `node` needs of the data path alone; then one more, and one less, with them present
 *     gateways   1,000 tenants' gateways on a network node, each with a segment of its own and an uplink, made and retired in batches
 *     segments   200 segments × 31 ports, plugged by 128 callers at a time, round the segments, then all removed
 *
 * A batch is what so many concurrent callers cause: the deltas that came while the last one was applied. The plan is made by hand; what the
 * launcher does beside the data path is not in the figures, but for what its dnsmasq weighs. `WEFT_SCALE` makes everything smaller: 0.1 is a
 * tenth. "answer" is what `apply` takes, and so what a caller waits for; "tidy" is what is deleted after it, beside whatever else happens.
 */
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PlanRef } from '@weft/core/plan/plan';
import { gatewayPlace } from '@weft/dataplane/names';
import type { Place } from '@weft/dataplane/names';
import { dnsmasqCommand, dnsmasqPath } from '@weft/launcher/dhcp/dnsmasq-command';
import { linkAdd, linkGet, linkList, linkSet } from '@weft/netlink/link';
import { addrReplace } from '@weft/netlink/addr';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsOpen, warmThreadPool } from '@weft/sys/netns';
import { openLinuxDataplane } from '@weft/dataplane/linux-dataplane';
import type { Dataplane } from '@weft/dataplane/dataplane';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { formatMs, percentile, table } from './figures.ts';
import { concentratorId, ScalePlan, VTEP } from './scale-plan.ts';

const CALLERS = 128;
const DNSMASQ_SAMPLE = 100;
const ONE_BY_ONE = 50;
const RUN_DIR = '/run/weft-scale';
const MIB = 1024 ** 2;

type Node = Readonly<{ dataplane: Dataplane; plan: ScalePlan; rtnl: Rtnl }>;

async function run(context: BenchmarkContext): Promise<void> {
  const scale = Number(process.env['WEFT_SCALE'] ?? 1);
  if (!(scale > 0 && scale <= 4)) throw new Error(`WEFT_SCALE is a number above 0 and up to 4, not ${process.env['WEFT_SCALE']}`);
  const count = (all: number): number => Math.max(1, Math.round(all * scale));
  await warmThreadPool();
  mkdirSync(`${RUN_DIR}/netns`, { recursive: true });
  using rtnl = Rtnl.open();
  wire(rtnl);
  const facts = {
    vtep: VTEP,
    underlayInterface: 'under',
    vxlanPort: 4789,
    mtu: 1450,
    uplinkInterface: 'uplink0',
    connectionsPerPort: 1000,
  };
  const log = { info: () => {}, warn: (fields: object, message: string) => console.error(message, fields) };
  const { dataplane, close } = openLinuxDataplane({ ...facts, runDir: RUN_DIR }, { log });
  using _ = { [Symbol.dispose]: close };
  const node = { dataplane, plan: new ScalePlan(), rtnl };
  apply(node, 'all');
  await ports(node, count(500), context);
  await gateways(node, count(1000), context);
  await segments(node, count(200), context);
}

async function ports(node: Node, count: number, context: BenchmarkContext): Promise<void> {
  const each = <T>(of: (segment: number, port: number) => T): T[] => Array.from({ length: count }, (_, at) => of(at % 2, at >> 1));
  const cpu = process.cpuUsage();
  const made = await inBatches(
    node,
    each((segment, port) => node.plan.port(segment, port)),
    context,
  );
  const { user, system } = process.cpuUsage(cpu);
  // One by one, in a segment that is there: first all of them come, then all go, since a namespace that goes holds up the next to come.
  const others = Array.from({ length: ONE_BY_ONE }, (_, port) => port + 1);
  apply(node, node.plan.port(2, 0)());
  const put = others.map((port) => timed(() => apply(node, node.plan.port(2, port)())));
  const gone = others.map((port) => timed(() => apply(node, node.plan.noPort(2, port, false)())));
  apply(node, node.plan.noPort(2, 0, true)());
  const removed = await inBatches(
    node,
    each((segment, port) => node.plan.noPort(segment, port, port === Math.floor((count - 1 - segment) / 2))),
    context,
  );
  const left = await nothingLeft(node);
  context.print(`  ${count} ports, ${CALLERS} callers`);
  context.print(table([HEAD, ['plug all', ...made.row], ['remove all', ...removed.row]]));
  context.print(
    `  processor time a port: ${formatMs(user / count / 1000)} of this process, ${formatMs(system / count / 1000)} of the kernel`,
  );
  context.print(`  with them present, one more: p50 ${formatMs(percentile(put, 0.5))}, one less ${formatMs(percentile(gone, 0.5))}`);
  context.print(`  zero left after ${formatMs(left)}\n`);
}

async function gateways(node: Node, count: number, context: BenchmarkContext): Promise<void> {
  const before = await Footprint.now();
  const made = await inBatches(
    node,
    Array.from({ length: count }, (_, n) => node.plan.tenant(n)),
    context,
  );
  const with1 = await Footprint.now();
  const looked = timed(() => node.dataplane.observe());
  const compared = timed(() => apply(node, 'all'));
  const asked = timed(() => node.dataplane.disturbed());
  const dnsmasq = await dnsmasqWeight(node, Math.min(count, DNSMASQ_SAMPLE), context);
  const retired = await inBatches(
    node,
    Array.from({ length: count }, (_, n) => node.plan.noTenant(n)),
    context,
  );
  const left = await nothingLeft(node);
  const after = await Footprint.now();
  context.print(`  ${count} gateways, a segment, leg and uplink each, ${CALLERS} at a time`);
  context.print(table([HEAD, ['make', ...made.row], ['retire', ...retired.row]]));
  context.print(`  full look ${formatMs(looked)}, comparing after it ${formatMs(compared)}, "disturbed?" ${formatMs(asked)}`);
  context.print(`  memory each: ${with1.perEach(before, count)}; not given back after all: ${after.perEach(before, count)}`);
  if (dnsmasq !== undefined) context.print(`  dnsmasq: ${dnsmasq}`);
  context.print(`  zero left after ${formatMs(left)}\n`);
}

async function segments(node: Node, count: number, context: BenchmarkContext): Promise<void> {
  const ports = 31;
  const before = await Footprint.now();
  const each = <T>(of: (segment: number, port: number) => T): T[] =>
    Array.from({ length: count * ports }, (_, at) => of(at % count, Math.floor(at / count)));
  const made = await inBatches(
    node,
    each((segment, port) => node.plan.port(segment, port)),
    context,
  );
  const full = await Footprint.now();
  const looked = timed(() => node.dataplane.observe());
  const compared = timed(() => apply(node, 'all'));
  const removed = await inBatches(
    node,
    each((segment, port) => node.plan.noPort(segment, port, port === ports - 1)),
    context,
  );
  const left = await nothingLeft(node);
  const after = await Footprint.now();
  context.print(`  ${count} segments × ${ports} ports, ${CALLERS} callers`);
  context.print(table([HEAD, ['plug all', ...made.row], ['remove all', ...removed.row]]));
  context.print(`  full look ${formatMs(looked)}, comparing after it ${formatMs(compared)}`);
  context.print(
    `  memory a port: ${full.perEach(before, count * ports)}; not given back after all: ${after.perEach(before, count * ports)}`,
  );
  context.print(`  zero left after ${formatMs(left)}`);
}

const HEAD = ['', 'altogether', 'each', 'answer p50', 'p99', 'max', 'tidy max'];

/** Changes the plan and applies it, so many changes at a time; what was put off is done in between, as the launcher would. */
async function inBatches(
  node: Node,
  changes: readonly (() => readonly PlanRef[])[],
  { signal }: BenchmarkContext,
): Promise<Readonly<{ row: readonly string[] }>> {
  const answers: number[] = [];
  const tidied: number[] = [];
  const started = performance.now();
  for (let at = 0; at < changes.length; at += CALLERS) {
    signal.throwIfAborted();
    const refs = changes.slice(at, at + CALLERS).flatMap((change) => change());
    answers.push(timed(() => apply(node, refs)));
    tidied.push(tidy(node).ms);
    await nextTurn();
  }
  const ms = performance.now() - started;
  const [p50, p99] = [percentile(answers, 0.5), percentile(answers, 0.99)];
  const cells = [ms, ms / changes.length, p50, p99, Math.max(...answers), Math.max(...tidied)];
  return { row: cells.map((cell) => formatMs(cell)) };
}

function apply({ dataplane, plan }: Node, changed: Iterable<PlanRef> | 'all'): void {
  const [failed] = dataplane.apply(plan.plan, changed);
  if (failed !== undefined) throw new Error(`${failed[0]} could not be applied: ${failed[1].message}`);
}

/** How long it took, and whether there is more. */
function tidy({ dataplane }: Node): Readonly<{ more: boolean; ms: number }> {
  const started = performance.now();
  const more = dataplane.tidy();
  return { more, ms: performance.now() - started };
}

/** Until nothing is left but the node's own; how long that took. */
async function nothingLeft(node: Node): Promise<number> {
  const started = performance.now();
  while (tidy(node).more) await nextTurn();
  const places = readdirSync(`${RUN_DIR}/netns`).toSorted();
  if (places.join(' ') !== 'fabric') throw new Error(`namespaces were left: ${places.join(' ')}`);
  using netns = netnsOpen(`${RUN_DIR}/netns/fabric`);
  using rtnl = Rtnl.open(netns);
  const links = linkList(rtnl).filter(({ name }) => name !== 'lo');
  if (links.length > 0) throw new Error(`${links.length} links were left in the fabric, ${links[0]?.name} the first`);
  const known = new Set(['lo', 'under', 'under-peer', 'uplink0', 'uplink0-peer']);
  const others = linkList(node.rtnl).filter(({ name }) => !known.has(name));
  if (others.length > 0) throw new Error(`${others.length} links were left in the node, ${others[0]?.name} the first`);
  return performance.now() - started;
}

/** What dnsmasq takes, in a sample of the gateways; undefined if it is not installed. */
async function dnsmasqWeight(node: Node, count: number, { signal, scratch }: BenchmarkContext): Promise<string | undefined> {
  const before = await Footprint.now();
  const started = performance.now();
  const files = {
    hostsDirectory: scratch,
    namesDirectory: scratch,
    configurationFile: '/dev/null',
    leaseFile: '',
    domain: 'scale.internal',
  };
  const children = Array.from({ length: count }, (_, n) => {
    const body = node.plan.plan.get('gateway', concentratorId(n))!;
    const [program = '', ...args] = dnsmasqCommand(body, { ...files, leaseFile: `${scratch}/leases${n}` }) ?? [];
    const place: Place = gatewayPlace(concentratorId(n));
    using netns = netnsOpen(`${RUN_DIR}/netns/${place}`);
    const env = { PATH: dnsmasqPath(process.env['PATH'] ?? '') };
    return netns.run(() => spawn(program, args, { env, stdio: 'ignore', signal }));
  });
  try {
    await Promise.all(children.map(async (child) => await once(child, 'spawn')));
    const spawnedMs = performance.now() - started;
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const alive = children.filter(({ exitCode }) => exitCode === null);
    const pss = alive.map(({ pid }) => Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]));
    const weight = (await Footprint.now()).perEach(before, count);
    return `${alive.length} of ${count} run, spawned in ${formatMs(spawnedMs)}; each ${percentile(pss, 0.5)} kB PSS, ${weight}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  } finally {
    const ended = children
      .filter(({ pid, exitCode }) => pid !== undefined && exitCode === null)
      .map(async (child) => {
        const exit = once(child, 'exit');
        child.kill('SIGKILL');
        await exit;
      });
    await Promise.all(ended);
  }
}

/** What the machine has in use. Others on it show here as well. */
class Footprint {
  readonly available: number;
  readonly slab: number;
  readonly rss: number;

  private constructor() {
    const text = readFileSync('/proc/meminfo', 'utf8');
    const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) * 1024;
    this.available = field('MemAvailable');
    this.slab = field('Slab');
    this.rss = process.memoryUsage.rss();
  }

  static async now(): Promise<Footprint> {
    globalThis.gc?.();
    await nextTurn();
    return new Footprint();
  }

  perEach(before: Footprint, count: number): string {
    const kb = (bytes: number): string => `${(bytes / count / 1024).toFixed(1)} kB`;
    const rss = `this process ${(this.rss / MIB).toFixed(0)} MB, ${kb(this.rss - before.rss)} of it new`;
    return `MemAvailable ${kb(before.available - this.available)}, slab ${kb(this.slab - before.slab)} (${rss})`;
  }
}

function timed(work: () => void): number {
  const started = performance.now();
  work();
  return performance.now() - started;
}

/** The node's two interfaces, each with another end that nobody listens at. */
function wire(rtnl: Rtnl): void {
  for (const name of ['under', 'uplink0']) {
    linkAdd(rtnl, { kind: 'veth', name, peer: { name: `${name}-peer` }, up: true });
    linkSet(rtnl, linkGet(rtnl, `${name}-peer`)!.index, { up: true });
  }
  addrReplace(rtnl, { index: linkGet(rtnl, 'under')!.index, address: VTEP, prefix: 16 });
}

export const scaleBenchmark: Benchmark = {
  name: 'scale',
  about: 'a thousand gateways on one node, and 200 segments × 31 ports: made, looked at, taken away',
  needsKernel: true,
  run,
};
