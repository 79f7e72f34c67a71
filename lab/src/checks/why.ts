import type { PortWhyView } from '@weft/api/v1';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { udpFrame } from '../probe/frames.ts';
import type { Endpoint } from '../probe/frames.ts';
import { sendDatagram, sendFrame } from '../probe/send-frame.ts';
import { token } from '../probe/token.ts';
import { TENANT_GATEWAY } from '../scenario.ts';
import type { Workload } from '../scenario.ts';
import { waitFor } from '../wait.ts';
import type { LabCheck } from './lab-check.ts';
import { expectReach } from './reach.ts';

/** Nothing is served there. */
const CLOSED_PORT = 9;
const COUNTED_MS = 5000;

const LIE = 'alpha: spoof_ip sent at the port';
const STRANGER = 'charlie: group received at the port';
const NO_SERVICE = 'alpha: service sent at the gateway';

/**
 * The tenant asks why, by its own token. Three packets are sent where each arrives, and then where it is dropped – at the sender's port, at the
 * receiver's on another node, at the gateway –: each is counted once, for its port and its reason, and for nobody else.
 */
export const WHY: LabCheck = {
  id: 'why',
  needs: ['anti-spoof', 'default-security-group'],
  disturbs: false,
  run: async (context) => {
    const { red } = context.scenario;
    const all = ['alpha', 'bravo', 'charlie', 'open1', 'open2'].map((name) => context.workload(red, name));
    const [alpha, bravo, charlie, open1, open2] = all as [Workload, Workload, Workload, Workload, Workload];
    const before = await counts(context, all);
    const send = async (what: string, from: Workload, source: Endpoint, to: Workload, at: Workload | undefined): Promise<void> => {
      const mark = token();
      const seenAt =
        at === undefined
          ? { name: `the node's end of ${from.name}'s cable`, place: context.portPlace(from) }
          : { name: at.name, place: context.place(at) };
      const frame = udpFrame({ source, destination: to, payload: mark });
      await expectReach(context, { what, token: mark, send: () => sendFrame(context.place(from), frame), at: [seenAt], notAt: [] });
    };
    await send('what open1 sends from bravo’s address', open1, { mac: open1.mac, ip: bravo.ip }, open2, open2);
    await send('what alpha sends from bravo’s address', alpha, { mac: alpha.mac, ip: bravo.ip }, open2, undefined);
    await send('what open1 sends to open2', open1, open1, open2, open2);
    await send('what open1 sends to charlie', open1, open1, charlie, undefined);
    const mark = token();
    await expectReach(context, {
      what: 'what alpha sends to its gateway',
      token: mark,
      send: () => sendDatagram(context.place(alpha), { target: TENANT_GATEWAY, port: CLOSED_PORT, payload: mark }),
      at: [{ name: 'the gateway', place: context.gatewayPlace(red) }],
      notAt: [],
    });
    const wanted = [LIE, STRANGER, NO_SERVICE].map((key) => `${key} 1`).toSorted();
    await waitFor({ expected: `exactly: ${wanted.join(', ')}`, withinMs: COUNTED_MS, signal: context.signal }, async () => {
      const grown = [...(await counts(context, all))].flatMap(([key, packets]) => {
        const more = packets - (before.get(key) ?? 0);
        return more === 0 ? [] : [`${key} ${more}`];
      });
      return grown.toSorted().join() === wanted.join() ? { done: undefined } : { seen: grown.join(', ') || 'nothing' };
    });
    context.forgetNeighbours(context.place(open2));
    return `${wanted.length} drops, each counted at its port for its reason`;
  },
};

/** Of all these workloads, for the reasons that are probed: others send by themselves what is dropped for other reasons. */
async function counts(context: CheckContext, workloads: readonly Workload[]): Promise<ReadonlyMap<string, number>> {
  const { client } = context.scenario.red;
  const found = new Map<string, number>();
  for (const { name, portId, node } of workloads) {
    const { drops, unanswered } = await client.why(portId);
    expect(unanswered.length === 0, `the nodes of ${name} to answer`, `no answer of ${unanswered.join(', ')}`, context.logOf(node));
    for (const drop of drops) if (isProbed(drop)) found.set(`${name}: ${drop.reason} ${drop.direction} at the ${drop.where}`, drop.packets);
  }
  return found;
}

function isProbed({ reason }: PortWhyView['drops'][number]): boolean {
  return ['spoof_ip', 'group', 'service'].includes(reason);
}
