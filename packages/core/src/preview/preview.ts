import { canonicalJson } from '../canonical-json.ts';
import type { ClusterState } from '../cluster-state.ts';
import { applyAffected } from '../plan/affected.ts';
import type { PlanRef } from '../plan/plan.ts';
import { render } from '../plan/render.ts';
import type { ClusterFacts } from '../plan/render.ts';
import type { Changes, Resource } from '../resource.ts';
import type { NodeId } from '../uuid.ts';
import { reachDifference } from './reach-difference.ts';
import type { DifferenceLimits, ReachDifference } from './reach-difference.ts';

export type PreviewAction = 'create' | 'update' | 'delete';
/** One record: as it is and as it would be; undefined where it is not. */
export type RecordPreview = Readonly<{ action: PreviewAction; before: Resource | undefined; after: Resource | undefined }>;
/** What would change in one node's plan. */
export type NodePreview = Readonly<{
  nodeId: NodeId;
  hostname: string;
  resources: readonly (PlanRef & Readonly<{ action: PreviewAction }>)[];
}>;

export type Preview = Readonly<{ changes: readonly RecordPreview[]; nodes: readonly NodePreview[]; reachability: ReachDifference }>;

/**
 * What a command would do, without doing it: it decides on one fork of the state, and its changes are applied to another. So the state is
 * as before whatever happens, also in the order of its listings, and this costs what the changes concern. Throws what the command throws.
 */
export function preview(
  state: ClusterState,
  facts: ClusterFacts,
  command: (state: ClusterState) => Changes,
  limits?: DifferenceLimits,
): Preview {
  const changes = command(state.fork());
  const after = state.fork();
  const affected = applyAffected(after, changes);
  const nodes: NodePreview[] = [];
  for (const nodeId of affected.nodes()) {
    const resources = [...affected.of(nodeId)].flatMap(({ kind, key }) => {
      const was = render(state, facts, nodeId, kind, key);
      const will = render(after, facts, nodeId, kind, key);
      const action = was === undefined ? 'create' : will === undefined ? 'delete' : 'update';
      const same = was === undefined || will === undefined ? was === will : canonicalJson(was) === canonicalJson(will);
      return same ? [] : [{ kind, key, action } as const];
    });
    const hostname = (after.nodes.get(nodeId) ?? state.nodes.get(nodeId))?.hostname ?? '';
    if (resources.length > 0) nodes.push({ nodeId, hostname, resources });
  }
  return { changes: recordPreviews(state, after, changes), nodes, reachability: reachDifference(state, after, facts, changes, limits) };
}

function recordPreviews(before: ClusterState, after: ClusterState, changes: Changes): readonly RecordPreview[] {
  const records = new Map([...changes.remove, ...changes.put].map((record) => [`${record.kind}/${record.id}`, record]));
  return [...records.values()].map(({ kind, id }) => {
    const [was, will] = [before.get(kind, id), after.get(kind, id)];
    return { action: was === undefined ? 'create' : will === undefined ? 'delete' : 'update', before: was, after: will };
  });
}
