/** A workload that lies about itself to its neighbours, in every way that anti-spoofing knows. */
import type { CheckContext } from '../check-context.ts';
import { forgeries } from '../probe/forgeries.ts';
import type { Forgery } from '../probe/forgeries.ts';
import { sendFrame } from '../probe/send-frame.ts';
import { token } from '../probe/token.ts';
import { TENANT_GATEWAY } from '../scenario.ts';
import type { Workload } from '../scenario.ts';
import { expectReach } from './reach.ts';

/** The frame of the lie with that index in {@link lieNames}, and the mark that is in it. */
export function lie(
  index: number,
  attacker: Workload,
  receiver: Workload,
  victim: Workload,
): Readonly<{ frame: Uint8Array; mark: Uint8Array }> {
  const mark = token();
  return { frame: forgeries({ attacker, receiver, victim, gateway: TENANT_GATEWAY, token: mark })[index]!.frame, mark };
}

export function lieNames(attacker: Workload, receiver: Workload, victim: Workload): readonly Pick<Forgery, 'name' | 'reason'>[] {
  return forgeries({ attacker, receiver, victim, gateway: TENANT_GATEWAY, token: token() });
}

export type Lie = Readonly<{ index: number; attacker: Workload; receiver: Workload; victim: Workload; others: readonly Workload[] }>;

/** Tells one lie: it must leave the attacker's cable, and nobody may hear it. All are of one tenant. */
export async function tellLie(context: CheckContext, { index, attacker, receiver, victim, others }: Lie): Promise<void> {
  const { frame, mark } = lie(index, attacker, receiver, victim);
  const who = `${attacker.tenant} ${attacker.name}`;
  await expectReach(context, {
    what: `${lieNames(attacker, receiver, victim)[index]!.name} of ${who}`,
    token: mark,
    send: () => sendFrame(context.place(attacker), frame),
    at: [{ name: `the node's end of ${who}'s cable`, place: context.portPlace(attacker) }],
    notAt: [receiver, victim, ...others].map((each) => ({ name: `${each.tenant} ${each.name}`, place: context.place(each) })),
    where: context.logOf(attacker.node),
  });
}
