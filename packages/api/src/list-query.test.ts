import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { AttributeTable } from './attribute.ts';
import type { Caller } from './caller.ts';
import { list, parseListQuery } from './list-query.ts';
import type { Query } from './list-query.ts';

type Source = Readonly<{ record: Readonly<{ id: string; name: string; up: boolean; size: number; gateway: string | null }> }>;

const table = {
  id: { show: (source) => source.record.id, filter: 'equal' },
  name: { show: (source) => source.record.name, filter: 'equal' },
  up: { show: (source) => source.record.up, filter: 'equal' },
  size: { show: (source) => source.record.size, filter: 'equal', seenBy: 'admin' },
  gateway: { show: (source) => source.record.gateway, filter: 'equal' },
  note: { show: () => 'n' },
} as const satisfies AttributeTable<Source>;

const admin: Caller = { kind: 'admin' };
const sources: readonly Source[] = [
  { record: { id: 'b', name: 'two', up: true, size: 20, gateway: null } },
  { record: { id: 'a', name: 'one', up: false, size: 3, gateway: '10.0.0.1' } },
  { record: { id: 'c', name: 'one', up: true, size: 100, gateway: null } },
];

const page = (query: Query, caller: Caller = admin): ReturnType<typeof run> => run(query, caller, sources);
function run(
  query: Query,
  caller: Caller,
  from: readonly Source[],
): Readonly<{ ids: unknown[]; next: string | undefined; previous: string | undefined }> {
  const { items, next, previous } = list(table, from, parseListQuery<Source>(table, query, caller), caller, (id) => new Error(`no ${id}`));
  return { ids: Array.from(items, (item) => item.id), next, previous };
}

test('values of one key are alternatives, keys narrow', () => {
  assert.deepEqual(page({ name: 'one' }).ids, ['a', 'c']);
  assert.deepEqual(page({ name: ['one', 'two'] }).ids, ['b', 'a', 'c']);
  assert.deepEqual(page({ name: 'one', up: 'TRUE' }).ids, ['c']);
  assert.deepEqual(page({ size: '20' }).ids, ['b']);
  assert.deepEqual(page({ gateway: '' }).ids, ['b', 'c']);
});

test('a key that is unknown, not for filtering, or hidden from the caller is refused', () => {
  assert.throws(() => page({ bogus: '1', note: 'n' }), /^BadRequest: \['bogus', 'note'\] is invalid attribute for filtering$/);
  assert.throws(() => page({ size: '20' }, { kind: 'tenant', tenantId: 't' as never }), /\['size'\] is invalid attribute for filtering/);
  assert.throws(() => page({ toString: '1' }), /invalid attribute for filtering/);
});

test('fields choose what is shown, hidden ones stay hidden', () => {
  const query = parseListQuery<Source>(table, { fields: ['name', 'size', 'zzz'] }, admin);
  assert.deepEqual([...list(table, sources.slice(0, 1), query, admin, (id) => new Error(id)).items], [{ name: 'two', size: 20 }]);
  const tenant: Caller = { kind: 'tenant', tenantId: 't' as never };
  assert.deepEqual([...list(table, sources.slice(0, 1), query, tenant, (id) => new Error(id)).items], [{ name: 'two' }]);
});

test('sorts by several keys, then by id', () => {
  assert.deepEqual(page({ sort_key: 'size' }).ids, ['a', 'b', 'c']);
  assert.deepEqual(page({ sort_key: ['name', 'size'], sort_dir: ['desc', 'desc'] }).ids, ['b', 'c', 'a']);
  assert.throws(() => page({ sort_key: 'zzz' }), /\['zzz'\] is invalid attribute for sort_keys/);
  assert.throws(() => page({ sort_key: 'name', sort_dir: ['asc', 'asc'] }), /must be same/);
});

test('a page says where its neighbours begin', () => {
  assert.deepEqual(page({ limit: '2' }), { ids: ['a', 'b'], next: 'b', previous: 'a' });
  assert.deepEqual(page({ limit: '2', marker: 'b' }), { ids: ['c'], next: undefined, previous: 'c' });
  assert.deepEqual(page({ limit: '2', marker: 'c', page_reverse: 'True' }).ids, ['a', 'b']);
  assert.throws(() => page({ marker: 'zzz' }), /no zzz/);
  assert.throws(() => page({ limit: '-1' }), /Bad limit request/);
});

test('following the links from page to page shows every object once, in order, forwards and backwards', () => {
  const record = fc.record({ name: fc.constantFrom('x', 'y'), up: fc.boolean(), size: fc.nat(3), gateway: fc.constant(null) });
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(fc.uuid(), record), { selector: ([id]) => id }), fc.integer({ min: 1, max: 4 }), (rows, limit) => {
      const all = rows.map(([id, rest]) => ({ record: { id, ...rest } }));
      const pages = (direction: 'next' | 'previous'): unknown[][] => {
        const seen: unknown[][] = [];
        let marker: string | undefined;
        do {
          const from = marker === undefined ? {} : { marker };
          const page_reverse = String(direction === 'previous');
          const found = run(
            { limit: String(limit), sort_key: ['name', 'size'], sort_dir: ['desc', 'asc'], page_reverse, ...from },
            admin,
            all,
          );
          seen.push(found.ids);
          marker = found[direction];
        } while (marker !== undefined);
        return seen;
      };
      const { ids } = run({ sort_key: ['name', 'size'], sort_dir: ['desc', 'asc'] }, admin, all);
      assert.deepEqual(pages('next').flat(), ids);
      assert.deepEqual(pages('previous').toReversed().flat(), ids);
    }),
  );
});
