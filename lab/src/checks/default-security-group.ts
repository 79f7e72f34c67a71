import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { tcpConnect } from '../probe/tcp-connect.ts';
import type { TcpOutcome } from '../probe/tcp-connect.ts';
import { tcpServer } from '../probe/tcp-server.ts';
import type { Workload } from '../scenario.ts';
import type { LabCheck } from './lab-check.ts';

const PORT = 8080;
/** A refused SYN is sent again after a second: one that was merely lost would get through. */
const REFUSED_MS = 1500;
const CONNECTED_MS = 5000;

/** The default group admits connections of its own members only; outward everything is allowed, and so are the answers to that. */
export const DEFAULT_SECURITY_GROUP: LabCheck = {
  id: 'default-security-group',
  needs: ['ping-mesh'],
  disturbs: false,
  run: async (context) => {
    const { red } = context.scenario;
    const [alpha, charlie, open1, open2] = ['alpha', 'charlie', 'open1', 'open2'].map((name) => context.workload(red, name));
    using inGroup = tcpServer(context.place(charlie!), PORT);
    using outside = tcpServer(context.place(open1!), PORT);
    using alsoOutside = tcpServer(context.place(open2!), PORT);
    const member = await connect(context, alpha!, charlie!, inGroup.port, 'connected', 'both are in the default group');
    await connect(context, charlie!, open1!, outside.port, 'connected', 'members may connect to anybody');
    // The probe itself works from there…
    await connect(context, open1!, open2!, alsoOutside.port, 'connected', 'neither port has port security');
    // … but does not get into the group.
    await connect(context, open1!, charlie!, inGroup.port, 'timeout', 'open1 is not in the default group');
    return `member to member connects in ${member.toFixed(1)} ms, outward connects, a stranger is refused`;
  },
};

async function connect(
  context: CheckContext,
  from: Workload,
  to: Workload,
  port: number,
  wanted: 'connected' | 'timeout',
  why: string,
): Promise<number> {
  const timeoutMs = wanted === 'connected' ? CONNECTED_MS : REFUSED_MS;
  const startMs = performance.now();
  const outcome = await tcpConnect(context.place(from), to.ip, port, { timeoutMs, signal: context.signal });
  const result = wanted === 'connected' ? 'to connect' : 'to get no answer';
  expect(
    outcome.kind === wanted,
    `TCP from red ${from.name} to ${to.name} ${result} (${why})`,
    outcomeText(outcome),
    context.logOf(to.node),
  );
  return performance.now() - startMs;
}

export function outcomeText(outcome: TcpOutcome): string {
  if (outcome.kind === 'connected') return `connected, seen as ${outcome.seenAs}`;
  return outcome.kind === 'unreachable' ? `unreachable (${outcome.errno})` : outcome.kind;
}
