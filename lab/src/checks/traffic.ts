import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { PingStream } from '../probe/ping-stream.ts';
import type { PingStreamResult } from '../probe/ping-stream.ts';
import { pause } from '../probe/ticker.ts';
import type { LabTenant } from '../scenario.ts';

/** The promise is made at 100 packets a second (design §11); this leaves room for a busy machine. */
const PER_SECOND = 200;
const PROMISED_PER_SECOND = 100;
const AT_LEAST_MS = 5000;

export type Flow = Readonly<{ tenant: LabTenant; from: string; to: string }>;

/** Between the nodes in both topologies, and out to the world by way of a gateway: every kind of path that there is. */
export function everyFlow(context: CheckContext): Flow[] {
  const { red, blue } = context.scenario;
  return [
    { tenant: red, from: 'alpha', to: 'charlie' },
    { tenant: blue, from: 'alpha', to: 'charlie' },
    { tenant: red, from: 'bravo', to: 'outside' },
  ];
}

/**
 * Lets traffic flow while something is done to the cluster, for at least five seconds, and fails if one packet of any flow was lost. Returns
 * the sums for people. What `disturb` throws comes first.
 */
export async function undisturbed(context: CheckContext, flows: readonly Flow[], disturb: () => Promise<void>): Promise<string> {
  using stack = new DisposableStack();
  const streams = flows.map(({ tenant, from, to }) => {
    const place = context.place(context.workload(tenant, from));
    const target = to === 'outside' ? context.lab.topology.outsideHost : context.workload(tenant, to).ip;
    return stack.use(new PingStream({ place, target, perSecond: PER_SECOND }));
  });
  const startMs = performance.now();
  for (const stream of streams) stream.start();
  await disturb();
  await pause(Math.max(0, AT_LEAST_MS - (performance.now() - startMs)), context.signal);
  const results = await Promise.all(streams.map((stream) => stream.stop()));
  for (const [index, result] of results.entries()) {
    const { tenant, from, to } = flows[index]!;
    const name = `${tenant.name} ${from} → ${to}`;
    const fast = result.achievedPerSecond >= PROMISED_PER_SECOND;
    expect(
      fast,
      `${name} at ${PROMISED_PER_SECOND} packets a second or more`,
      `${result.achievedPerSecond.toFixed(0)}, since this machine is busy`,
    );
    expect(result.lost === 0, `no packet lost of ${name}`, lossText(result), `${context.lab.paths.root}/*/log`);
  }
  const sent = results.reduce((sum, result) => sum + result.sent, 0);
  const rate = Math.min(...results.map((result) => result.achievedPerSecond));
  return `0 of ${sent} packets lost on ${flows.length} paths, each at ${rate.toFixed(0)} a second`;
}

function lossText({ lost, sent, longestGapMs, sendErrors }: PingStreamResult): string {
  const refused = sendErrors > 0 ? `, ${sendErrors} of them refused by the sender's own stack` : '';
  return `${lost} of ${sent} lost${refused}, longest gap ${longestGapMs.toFixed(0)} ms`;
}
