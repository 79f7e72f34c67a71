import { Bench } from 'tinybench';
import { formatCount, formatMs, table } from './figures.ts';

/** One thing to measure. `perCall`: how many of the things that the table counts one call does. */
export type MicroTask = Readonly<{ name: string; fn: () => unknown; perCall?: number; asynchronous?: boolean }>;

export type MicroResult = Readonly<{ name: string; p50Ms: number; p99Ms: number; perSecond: number }>;

/** Measures each task by itself, warmed up, for at least `timeMs`; prints a table and gives the figures back. Throws what a task throws. */
export async function measure(
  tasks: readonly MicroTask[],
  options: Readonly<{ print: (text: string) => void; signal: AbortSignal; timeMs?: number }>,
): Promise<readonly MicroResult[]> {
  const bench = new Bench({ time: options.timeMs ?? 1000, warmupTime: 250, throws: true });
  for (const { name, fn, asynchronous = false } of tasks) bench.add(name, fn, { async: asynchronous });
  const results: MicroResult[] = [];
  for (const task of tasks) {
    options.signal.throwIfAborted();
    const { result } = await bench.getTask(task.name)!.run();
    if (!('latency' in result)) throw new Error(`${task.name} was not measured: ${result.state}`);
    const count = task.perCall ?? 1;
    const { p50, p99, mean } = result.latency;
    results.push({ name: task.name, p50Ms: p50 / count, p99Ms: p99 / count, perSecond: (1000 * count) / mean });
  }
  const rows = results.map(({ name, p50Ms, p99Ms, perSecond }) => [name, formatMs(p50Ms), formatMs(p99Ms), formatCount(perSecond)]);
  options.print(table([['', 'p50', 'p99', 'a second'], ...rows]));
  return results;
}
