import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { InvalidValue } from '../weft-error.ts';
import { parseSync, parseSynced } from './sync.ts';
import type { Sync, Synced } from './sync.ts';

const epoch = fc.uuid();
const revision = fc.nat();
const item = fc.record({
  kind: fc.string(),
  key: fc.string(),
  v: fc.integer({ min: 1, max: 65_535 }),
  body: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean())),
});

const sync: fc.Arbitrary<Sync> = fc.oneof(
  fc.record({ op: fc.constant('ask' as const) }),
  fc.record({ op: fc.constantFrom('begin' as const, 'accept' as const), epoch, revision }),
  fc.record({ op: fc.constant('chunk' as const), seq: fc.nat(), items: fc.array(item) }),
  fc.record({ op: fc.constant('end' as const), seq: fc.nat(), count: fc.nat() }),
  fc.record({
    op: fc.constant('delta' as const),
    epoch,
    from: revision,
    revision,
    upsert: fc.array(item),
    remove: fc.array(fc.record({ kind: fc.string(), key: fc.string() })),
  }),
);

const name = fc.stringMatching(/^[a-z]{1,8}$/);
const synced: fc.Arbitrary<Synced> = fc.record(
  {
    epoch: fc.option(epoch, { nil: undefined }),
    revision,
    digests: fc.dictionary(name, fc.string(), { noNullPrototype: true }),
    kinds: fc.dictionary(name, fc.nat(), { noNullPrototype: true }),
    failed: fc.dictionary(name, fc.record({ code: fc.string(), message: fc.string(), retryable: fc.boolean() }), { noNullPrototype: true }),
    held: fc.record({
      reason: fc.constantFrom('unknown_epoch' as const, 'older_revision' as const, 'too_many_removals' as const),
      epoch,
      revision,
      ports: fc.nat(),
    }),
  },
  { requiredKeys: ['epoch', 'revision'] },
);

const overTheWire = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('a Sync that crossed the wire parses to what was sent', () => {
  fc.assert(fc.property(sync, (message) => assert.deepEqual(parseSync(overTheWire(message)), overTheWire(message))));
});

test('a Synced that crossed the wire parses to what was sent', () => {
  fc.assert(
    fc.property(synced, (message) =>
      assert.deepEqual(parseSynced(overTheWire(message)), { epoch: undefined, ...(overTheWire(message) as object) }),
    ),
  );
});

test('anything parses or throws InvalidValue', () => {
  for (const parse of [parseSync, parseSynced]) {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          parse(value);
        } catch (error) {
          assert.ok(error instanceof InvalidValue);
        }
      }),
    );
  }
});

test('a wrong field is named by its path', () => {
  const chunk = {
    op: 'chunk',
    seq: 0,
    items: [
      { kind: 'port', key: 'x', v: 1, body: {} },
      { kind: 'port', key: 7, v: 1, body: {} },
    ],
  };
  assert.throws(() => parseSync(chunk), /sync\.items\[1\]\.key 7: is not a string/);
  assert.throws(() => parseSync({ op: 'forget' }), /sync\.op "forget": is not one of ask, begin/);
  assert.throws(() => parseSynced({ revision: -1 }), /synced\.revision -1/);
  assert.throws(() => parseSynced({ revision: 1, failed: { 'port x': { code: 'a' } } }), /synced\.failed\["port x"\]\.message/);
});
