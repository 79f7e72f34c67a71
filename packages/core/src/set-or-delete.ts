/** An index of one value a key: `remove` takes away only the value that is named, for another may have taken the key meanwhile. */
export function setOrDelete<K, V>(map: Map<K, V>, key: K, value: V, verb: 'add' | 'remove'): void {
  if (verb === 'add') map.set(key, value);
  else if (map.get(key) === value) map.delete(key);
}
