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
/** So often it is looked, and over so many looks a flow is judged: TCP repairs in lumps what is lost. */
const WINDOW_MS = 500;
const WINDOWS = 4;
const SETTLED_MS = 20_000;
const CONNECT_MS = 5000;
/** Nobody listens there, and the limit does not care. */
const UDP_PORT = 4999;

type Expected = Readonly<{ flow: Flow; kbps: number | 'free' }>;

/**
 * What comes to a limited workload, and what another one sends, keeps to its rate, ±10 % of it as TCP payload; so does what a tenant gets from
 * the outside, and what another one sends there. (Each in one direction: acknowledgements of the other one would be part of its rate.) The
 * same connections are seen to be faster before, without a limit, and a neighbour's beside them stays so. Of datagrams sent above the rate as
 * many arrive as the rate allows.
 */
export const RATE_LIMIT: LabCheck = {
  id: 'rate-limit',
  needs: ['ping-mesh', 'outbound-nat'],
  disturbs: false,
  run: async (context) => {
    const { red, blue } = context.scenario;
    const admin = context.lab.client();
    const [receiver, sender] = [context.workload(red, 'bravo'), context.workload(red, 'alpha')];
    await using limits = new AsyncDisposableStack();
    limits.defer(async () => {
      for (const { portId } of [receiver, sender])
        await admin.ports.update(portId, { 'weft:ingress_kbps': null, 'weft:egress_kbps': null });
      for (const { id } of [red, blue]) await admin.tenants.update(id, { ingress_kbps: null, egress_kbps: null });
    });
    const rates = await tcpRates(context, async () => {
      await admin.ports.update(receiver.portId, { 'weft:ingress_kbps': INGRESS_KBPS });
      await admin.ports.update(sender.portId, { 'weft:egress_kbps': EGRESS_KBPS });
      await admin.tenants.update(blue.id, { ingress_kbps: INGRESS_KBPS });
      await admin.tenants.update(red.id, { egress_kbps: EGRESS_KBPS });
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
  const ofAlpha = await flow(upload({ ...common, name: 'red alpha → charlie', from: at(red, 'alpha'), to: at(red, 'charlie') }));
  const free = await flow(upload({ ...common, name: 'a neighbour open1 → open2', from: at(red, 'open1'), to: at(red, 'open2') }));
  const toBlue = await flow(download({ ...common, name: 'outside → blue', from: outside, to: at(blue, 'alpha') }));
  const ofRed = await flow(upload({ ...common, name: 'red → outside', from: at(red, 'charlie'), to: outside }));
  const flows = [toBravo, ofAlpha, free, toBlue, ofRed];
  await settled(
    context,
    'without limits',
    flows.map((each) => ({ flow: each, kbps: 'free' })),
  );
  await limit();
  return await settled(context, 'with limits', [
    { flow: toBravo, kbps: INGRESS_KBPS },
    { flow: ofAlpha, kbps: EGRESS_KBPS },
    { flow: free, kbps: 'free' },
    { flow: toBlue, kbps: INGRESS_KBPS },
    { flow: ofRed, kbps: EGRESS_KBPS },
  ]);
}

async function udpRate(context: CheckContext): Promise<string> {
  const { red } = context.scenario;
  const [from, to] = ['charlie', 'bravo'].map((name) => context.place(context.workload(red, name)));
  using _flood = udpFlood(from!, to!.ip, UDP_PORT, ASKED_KBPS);
  using flow = arriving('datagrams red charlie → bravo', to!);
  return await settled(context, `of ${mbps(ASKED_KBPS)} sent`, [{ flow, kbps: INGRESS_KBPS }]);
}

/** Waits until each of them has flowed as it should for a stretch, all of them beside one another; tells how fast. Throws DeadlinePassed. */
async function settled(context: CheckContext, when: string, expected: readonly Expected[]): Promise<string> {
  const flows = expected.map(({ flow }) => flow);
  const stretches = expected.map((): number[] => []);
  const right = new Map<number, number>();
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
    for (const [at, { kbps }] of expected.entries()) {
      const stretch = [...stretches[at]!, rates[at]!].slice(-WINDOWS);
      stretches[at] = stretch;
      if (stretch.length === WINDOWS && !right.has(at) && isRight(mean(stretch), kbps)) right.set(at, mean(stretch));
    }
    const text = flows.map(({ name }, at) => `${name} ${mbps(right.get(at) ?? mean(stretches[at]!))}`).join(', ');
    return right.size === flows.length ? { done: `${when}: ${text}` } : { seen: text };
  });
}

function isRight(rate: number, kbps: Expected['kbps']): boolean {
  return kbps === 'free' ? rate > FREE_KBPS : Math.abs(rate - kbps) <= TOLERANCE * kbps;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const mbps = (kbps: number): string => `${(kbps / 1000).toFixed(1)} Mbit/s`;
