import type { CheckContext } from '../check-context.ts';
import { arriving, download, throughput, upload } from '../probe/throughput.ts';
import type { Flow } from '../probe/throughput.ts';
import { udpFlood } from '../probe/udp-flood.ts';
import { waitFor } from '../wait.ts';
import type { LabCheck } from './lab-check.ts';

/** What every flow would like: so much that on a busy machine, where probes are woken late and skip what they missed, enough is left of it. */
const ASKED_KBPS = 60_000;
/** Two different ones, so that no direction passes for the other. */
const INGRESS_KBPS = 6000;
const EGRESS_KBPS = 4000;
const TOLERANCE = 0.1;
/** Faster than this is not limited, on a busy machine too. */
const FREE_KBPS = 9000;
const WINDOW_MS = 600;
/** In a row: a flow that merely passes by the rate is not held to it. */
const WINDOWS = 2;
const SETTLED_MS = 20_000;
const CONNECT_MS = 5000;
/** Nobody listens there, and the limit does not care. */
const UDP_PORT = 4999;

type Expected = Readonly<{ flow: Flow; kbps: number | 'free' }>;

/**
 * A workload that is limited sends and receives at its rates, ±10 % of them as TCP payload, and a tenant that is limited exchanges no more with
 * the outside. The same connections are seen to be faster before, without a limit, and a neighbour's beside them stays so. Of datagrams sent
 * above the rate as many arrive as the rate allows.
 */
export const RATE_LIMIT: LabCheck = {
  id: 'rate-limit',
  needs: ['ping-mesh', 'outbound-nat'],
  disturbs: false,
  run: async (context) => {
    const { red, blue } = context.scenario;
    const admin = context.lab.client();
    const limited = context.workload(red, 'bravo');
    await using limits = new AsyncDisposableStack();
    limits.defer(async () => {
      await admin.ports.update(limited.portId, { 'weft:ingress_kbps': null, 'weft:egress_kbps': null });
      await admin.tenants.update(blue.id, { ingress_kbps: null, egress_kbps: null });
    });
    const rates = await tcpRates(context, async () => {
      await admin.ports.update(limited.portId, { 'weft:ingress_kbps': INGRESS_KBPS, 'weft:egress_kbps': EGRESS_KBPS });
      await admin.tenants.update(blue.id, { ingress_kbps: INGRESS_KBPS, egress_kbps: EGRESS_KBPS });
    });
    return `${rates}; ${await udpRate(context)}`;
  },
};

/** Connections that run already are held to the limits. */
async function tcpRates(context: CheckContext, limit: () => Promise<void>): Promise<string> {
  const { red, blue } = context.scenario;
  const { signal } = context;
  const at = (tenant: typeof red, name: string) => context.place(context.workload(tenant, name));
  const outside = { ...context.outsidePlace(), ip: context.lab.topology.outsideHost };
  const common = { kbps: ASKED_KBPS, timeoutMs: CONNECT_MS, signal };
  using stack = new DisposableStack();
  const flow = async (making: Promise<Flow>): Promise<Flow> => stack.use(await making);
  const toBravo = await flow(upload({ ...common, name: 'red charlie → bravo', from: at(red, 'charlie'), to: at(red, 'bravo') }));
  const ofBravo = await flow(upload({ ...common, name: 'red bravo → charlie', from: at(red, 'bravo'), to: at(red, 'charlie') }));
  const neighbour = await flow(
    upload({ ...common, name: 'its neighbour alpha → charlie', from: at(red, 'alpha'), to: at(red, 'charlie') }),
  );
  const toBlue = await flow(download({ ...common, name: 'outside → blue', from: outside, to: at(blue, 'alpha') }));
  const ofBlue = await flow(upload({ ...common, name: 'blue → outside', from: at(blue, 'charlie'), to: outside }));
  const flows = [toBravo, ofBravo, neighbour, toBlue, ofBlue];
  await settled(
    context,
    'without limits',
    flows.map((each) => ({ flow: each, kbps: 'free' })),
  );
  await limit();
  return await settled(context, 'with limits', [
    { flow: toBravo, kbps: INGRESS_KBPS },
    { flow: ofBravo, kbps: EGRESS_KBPS },
    { flow: neighbour, kbps: 'free' },
    { flow: toBlue, kbps: INGRESS_KBPS },
    { flow: ofBlue, kbps: EGRESS_KBPS },
  ]);
}

async function udpRate(context: CheckContext): Promise<string> {
  const { red } = context.scenario;
  const [from, to] = ['charlie', 'bravo'].map((name) => context.place(context.workload(red, name)));
  using _flood = udpFlood(from!, to!.ip, UDP_PORT, ASKED_KBPS);
  using flow = arriving('datagrams red charlie → bravo', to!);
  return await settled(context, `of ${mbps(ASKED_KBPS)} sent`, [{ flow, kbps: INGRESS_KBPS }]);
}

/** Waits until each of them has flowed as it should for a while, all of them beside one another; tells how fast. Throws DeadlinePassed. */
async function settled(context: CheckContext, when: string, expected: readonly Expected[]): Promise<string> {
  const flows = expected.map(({ flow }) => flow);
  const inARow = expected.map(() => 0);
  const right: number[] = [];
  const wanted = expected.map(
    ({ flow, kbps }) => `${flow.name} ${kbps === 'free' ? `above ${mbps(FREE_KBPS)}` : `at ${mbps(kbps)} ± 10 %`}`,
  );
  const options = {
    expected: `${wanted.join(', ')} ${when}`,
    withinMs: SETTLED_MS,
    where: `${context.lab.paths.root}/*/log`,
    signal: context.signal,
    everyMs: 0,
  };
  return waitFor(options, async () => {
    const rates = await throughput(flows, WINDOW_MS, context.signal);
    for (const [at, rate] of rates.entries()) {
      if (right[at] !== undefined) continue;
      inARow[at] = isRight(rate, expected[at]!.kbps) ? inARow[at]! + 1 : 0;
      if (inARow[at] >= WINDOWS) right[at] = rate;
    }
    const text = rates.map((rate, at) => `${flows[at]!.name} ${mbps(right[at] ?? rate)}`).join(', ');
    return expected.every((_, at) => right[at] !== undefined) ? { done: `${when}: ${text}` } : { seen: text };
  });
}

function isRight(rate: number, kbps: Expected['kbps']): boolean {
  return kbps === 'free' ? rate > FREE_KBPS : Math.abs(rate - kbps) <= TOLERANCE * kbps;
}

const mbps = (kbps: number): string => `${(kbps / 1000).toFixed(1)} Mbit/s`;
