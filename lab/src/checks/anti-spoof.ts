import type { Forgery } from '../probe/forgeries.ts';
import { sendFrame } from '../probe/send-frame.ts';
import type { LabCheck } from './lab-check.ts';
import { lie, lieNames, tellLie } from './lies.ts';
import { expectReach } from './reach.ts';

/** What also a port without port security may send; the rest never passes, so it is shown to arrive at the node's end of the cable only. */
const PASSES_OPEN = new Set<Forgery['reason']>(['spoof_mac', 'spoof_ip', 'spoof_arp', 'spoof_dhcp']);

/**
 * Red alpha lies, in every way that anti-spoofing knows. Each lie is first told by open1, whose port has no port security, and is seen to
 * arrive; then by alpha, whose cable it leaves, and nobody hears it.
 */
export const ANTI_SPOOF: LabCheck = {
  id: 'anti-spoof',
  needs: ['ping-mesh'],
  disturbs: false,
  run: async (context) => {
    const { red } = context.scenario;
    const [alpha, bravo, charlie, open1, open2] = ['alpha', 'bravo', 'charlie', 'open1', 'open2'].map((name) =>
      context.workload(red, name),
    );
    const where = context.logOf('compute1');
    const lies = lieNames(alpha!, open2!, bravo!);
    for (const [index, { name, reason }] of lies.entries()) {
      if (PASSES_OPEN.has(reason)) {
        const { frame, mark } = lie(index, open1!, open2!, bravo!);
        await expectReach(context, {
          what: `${name} of red open1, which has no port security,`,
          token: mark,
          send: () => sendFrame(context.place(open1!), frame),
          at: [{ name: 'red open2', place: context.place(open2!) }],
          notAt: [],
          where,
        });
      }
      await tellLie(context, { index, attacker: alpha!, receiver: open2!, victim: bravo!, others: [charlie!, open1!] });
    }
    context.forgetNeighbours(context.place(open2!));
    return `${lies.length} lies, none heard: ${lies.map(({ name }) => name).join(', ')}`;
  },
};
