import type { ClusterState } from '../cluster-state.ts';
import type { Changes, Resource, ResourceKind } from '../resource.ts';
import { NotFound, putChanged, updated } from './context.ts';
import type { CommandContext } from './context.ts';

/** Gives a record these tags, in place of those that it has; the same ones again are no change. Throws NotFound. */
export function setTags(
  state: ClusterState,
  context: CommandContext,
  kind: ResourceKind,
  id: string,
  tags: readonly string[],
): Changes & Readonly<{ tags: readonly string[] }> {
  const old: Resource | undefined = state.get(kind, id);
  if (old === undefined) throw new NotFound(kind, id);
  const isSame = tags.length === 0 && old.tags === undefined;
  return { put: isSame ? [] : putChanged(old, updated(context, old, { tags: [...tags] })), remove: [], tags };
}
