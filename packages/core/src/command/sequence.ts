import type { ClusterState } from '../cluster-state.ts';
import type { Changes, Resource } from '../resource.ts';
import { resourceKey } from '../resource.ts';

/**
 * Several commands as one: each is decided on what those before it left, and together they are one change that happens or does not.
 * The state is the same afterwards, also when a command throws.
 */
export function sequence<X extends Changes>(
  state: ClusterState,
  commands: readonly ((state: ClusterState) => X)[],
): Changes & Readonly<{ results: readonly X[] }> {
  const undo: Changes[] = [];
  const original = new Map<string, Resource | undefined>();
  const final = new Map<string, Resource | undefined>();
  const results: X[] = [];
  try {
    for (const command of commands) {
      const changes = command(state);
      for (const resource of [...changes.remove, ...changes.put]) {
        const key = resourceKey(resource);
        if (!original.has(key)) original.set(key, state.get(resource.kind, resource.id));
      }
      undo.push(inverse(state, changes));
      state.apply(changes);
      for (const resource of changes.remove) final.set(resourceKey(resource), undefined);
      for (const resource of changes.put) final.set(resourceKey(resource), resource);
      results.push(changes);
    }
  } finally {
    for (const changes of undo.toReversed()) state.apply(changes);
  }
  const put: Resource[] = [];
  const remove: Resource[] = [];
  for (const [key, resource] of final) {
    const before = original.get(key);
    if (resource !== undefined) put.push(resource);
    else if (before !== undefined) remove.push(before);
  }
  return { put, remove, results };
}

/** What takes the changes back, computed before they are applied. */
export function inverse(state: ClusterState, changes: Changes): Changes {
  const put = new Map<string, Resource>();
  const remove: Resource[] = [];
  for (const resource of [...changes.remove, ...changes.put]) {
    const before = state.get(resource.kind, resource.id);
    if (before === undefined) remove.push(resource);
    else put.set(resourceKey(resource), before);
  }
  return { put: [...put.values()], remove };
}
