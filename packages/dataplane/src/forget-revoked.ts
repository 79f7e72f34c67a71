import type { Plan } from '@weft/core/plan/plan';
import type { Kernel } from './kernel.ts';
import { overAt } from './over.ts';
import { isByPlan } from './revocation.ts';
import type { Revocations, Revoked } from './revocation.ts';

/** Revocations that are carried out together: what the plan has to be asked for, of all of a gateway at once. Values are keys of `revoking`. */
export function groupRevoked(revoking: ReadonlyMap<string, Revoked>): (readonly (readonly [key: string, item: Revoked])[])[] {
  return [...Map.groupBy(revoking, ([key, item]) => groupOf(key, item)).values()];
}

function groupOf(key: string, item: Revoked): string {
  if (item.denied === true) return 'denied';
  return isByPlan(item) ? item.place : key;
}

/** Ends the connections of one group. Throws what the kernel throws. */
export function forgetRevoked(
  kernel: Pick<Kernel, 'forget' | 'forgetOver' | 'forgetMarked' | 'forgetDenied'>,
  plan: Plan,
  items: readonly Revoked[],
  revocations: Pick<Revocations, 'judge'>,
): void {
  const [first] = items;
  if (first === undefined) return;
  const { place, zone, address, mark } = first;
  if (first.denied === true) {
    const { addresses, isAllowed } = revocations.judge(plan, items);
    kernel.forgetDenied(place, addresses, isAllowed);
  } else if (isByPlan(first)) kernel.forgetOver(place, zone, overAt(plan, place, items));
  else if (mark === undefined) kernel.forget(place, zone, address);
  else kernel.forgetMarked(place, zone, mark);
}
