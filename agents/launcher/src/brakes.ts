import type { HoldReason } from '@weft/core/plan/sync';
import type { Plan } from '@weft/core/plan/plan';

/** A plan with its place in the controller's history. */
export type PlanRevision = Readonly<{ epoch: string; revision: number; plan: Plan }>;

/** Both must be passed: a small node may lose most of its ports, and a big one a few. */
const REMOVED_PORTS = 10;
const REMOVED_SHARE = 0.2;

/**
 * The brakes of design §5: why a full plan must wait for an operator's word, or undefined. A controller whose store is empty, foreign or an
 * old copy would otherwise strip every node in an instant.
 */
export function brake(own: PlanRevision | undefined, next: PlanRevision): HoldReason | undefined {
  if (own === undefined) return undefined;
  if (next.epoch !== own.epoch) return 'unknown_epoch';
  if (next.revision < own.revision) return 'older_revision';
  const removed = removedPorts(own.plan, next.plan);
  return removed > REMOVED_PORTS && removed > own.plan.count('port') * REMOVED_SHARE ? 'too_many_removals' : undefined;
}

/** How many of the ports in `own` are not in `next`. */
export function removedPorts(own: Plan, next: Plan): number {
  const kept = next.of('port');
  let removed = 0;
  for (const key of own.of('port').keys()) if (!kept.has(key)) removed += 1;
  return removed;
}
