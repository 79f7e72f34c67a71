import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InvalidValue } from '@weft/core/weft-error';
import * as fc from 'fast-check';
import { commitToModel, emptyModel, modelHistory, modelSnapshot } from './store-model.ts';
import type { StoreModel } from './store-model.ts';
import type { CommitRequest, Store, StoreChange } from './store.ts';
import { StoreClosed, StoreConflict, StoreHistoryGone } from './store.ts';

/** A place where one store lives: each `open` opens that same store, after the one before was disposed. Disposing removes the place. */
export interface StorePlace extends AsyncDisposable {
  open(): Promise<Store>;
}

/** A commit of one put: what most of the cases below need. */
export function putting(key: string, value = '{}'): CommitRequest {
  return { put: [{ key, value }], delete: [] };
}

/** Registers the tests that every adapter must pass; `make` gives each test an empty store of its own. */
export function storeContract(name: string, make: () => Promise<StorePlace>): void {
  describe(`${name} keeps the store contract`, () => {
    const withStore = (title: string, body: (store: Store, place: StorePlace) => Promise<void>): void => {
      it(title, async () => {
        await using place = await make();
        await using store = await place.open();
        await body(store, place);
      });
    };

    withStore('a new store is empty, at revision 0, with an epoch', async (store) => {
      assert.deepEqual(await store.snapshot(), { revision: 0, entries: [] });
      assert.deepEqual(await store.history({ after: 0 }), []);
      assert.match(store.epoch, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    });

    withStore('commits of one tick have one revision each, in call order', async (store) => {
      const requests = ['a', 'b', 'a'].map((key, index) => putting(key, String(index)));
      assert.deepEqual(await Promise.all(requests.map((request) => store.commit(request))), [1, 2, 3]);
      assert.deepEqual((await store.snapshot()).entries, [
        { key: 'a', value: '2', revision: 3 },
        { key: 'b', value: '1', revision: 2 },
      ]);
    });

    withStore('a failing comparison rejects its commit and no other of the same tick', async (store) => {
      const [first, second, third] = await Promise.allSettled([
        store.commit({ ...putting('a', '1'), compare: [{ key: 'a', revision: 0 }] }),
        store.commit({ ...putting('a', '2'), compare: [{ key: 'a', revision: 0 }] }),
        store.commit({ ...putting('b', '3'), compare: [{ key: 'a', revision: 1 }] }),
      ]);
      assert.deepEqual([first.status, third.status], ['fulfilled', 'fulfilled']);
      assert.ok(second.status === 'rejected' && second.reason instanceof StoreConflict);
      assert.deepEqual(second.reason.details, { key: 'a', expected: 0, actual: 1 });
      assert.equal((await store.snapshot()).revision, 2);
    });

    withStore('a commit that changes nothing makes no revision, but is compared', async (store) => {
      await store.commit(putting('a'));
      assert.equal(await store.commit({ put: [], delete: ['absent'] }), 1);
      assert.equal(await store.commit({ compare: [{ key: 'a', revision: 1 }], put: [], delete: [] }), 1);
      await assert.rejects(store.commit({ compare: [{ key: 'a', revision: 2 }], put: [], delete: [] }), StoreConflict);
    });

    withStore('a request that cannot be stored faithfully is refused and changes nothing', async (store) => {
      const bad: CommitRequest[] = [
        { put: [...putting('a').put, ...putting('a').put], delete: [] },
        { ...putting('a'), delete: ['a'] },
        putting(''),
        putting('k'.repeat(2000)),
        putting('half \ud800'),
        putting('nul \0'),
        putting('a', 'half \udc00'),
        putting('a', 'nul \0'),
        { ...putting('a'), compare: [{ key: 'a', revision: -1 }] },
        { ...putting('a'), compare: [{ key: 'a', revision: 0.5 }] },
      ];
      for (const request of bad) await assert.rejects(store.commit(request), InvalidValue, JSON.stringify(request));
      assert.deepEqual(await store.snapshot(), { revision: 0, entries: [] });
    });

    withStore('a snapshot of a prefix holds exactly the keys that start with it', async (store) => {
      const keys = ['port/a', 'port/b', 'port', 'port0', 'porto/ü', 'port/\u{10ffff}', 'port/\u{10ffff}x', 'a', 'Port/a'];
      await store.commit({ put: keys.map((key) => ({ key, value: '0' })), delete: [] });
      const found = (await store.snapshot('port/')).entries.map(({ key }) => key);
      assert.deepEqual(found, ['port/a', 'port/b', 'port/\u{10ffff}', 'port/\u{10ffff}x']);
    });

    withStore('watch gives one batch per revision: history first, then live, without a gap', async (store) => {
      await store.commit(putting('a', '1'));
      await store.commit({ put: [...putting('b', '2').put, ...putting('c', '2').put], delete: ['a'] });
      using abort = abortAtEnd();
      const batches = store.watch(1, { signal: abort.signal })[Symbol.asyncIterator]();
      assert.deepEqual(await batches.next(), {
        done: false,
        value: [
          { revision: 2, key: 'b', value: '2' },
          { revision: 2, key: 'c', value: '2' },
          { revision: 2, key: 'a', value: undefined },
        ],
      });
      const next = batches.next();
      await Promise.all([store.commit(putting('d', '3')), store.commit(putting('e', '4'))]);
      assert.deepEqual(await next, { done: false, value: [{ revision: 3, key: 'd', value: '3' }] });
      assert.deepEqual(await batches.next(), { done: false, value: [{ revision: 4, key: 'e', value: '4' }] });
    });

    withStore('a watcher that lags sees every revision once', async (store) => {
      using abort = abortAtEnd();
      const seen: number[] = [];
      const commits = Array.from({ length: 700 }, (_, index) => store.commit(putting(`k${index % 7}`)));
      for await (const batch of store.watch(0, { signal: abort.signal })) {
        seen.push(batch[0]!.revision);
        if (seen.length % 100 === 0 && seen.length < 700) await store.commit(putting('more'));
        if (seen.length === 706) break;
      }
      await Promise.all(commits);
      assert.deepEqual(
        seen,
        Array.from({ length: 706 }, (_, index) => index + 1),
      );
    });

    withStore('an aborted watch rethrows the reason, waiting or not', async (store) => {
      const reason = new Error('enough');
      const waiting = new AbortController();
      const next = store.watch(0, { signal: waiting.signal })[Symbol.asyncIterator]().next();
      waiting.abort(reason);
      await assert.rejects(next, reason);
      await store.commit(putting('a'));
      const late = store.watch(0, { signal: AbortSignal.abort(reason) })[Symbol.asyncIterator]();
      await assert.rejects(late.next(), reason);
    });

    withStore('closing the store ends a waiting watch with StoreClosed', async (store) => {
      using abort = abortAtEnd();
      const next = store.watch(0, { signal: abort.signal })[Symbol.asyncIterator]().next();
      const ended = assert.rejects(next, StoreClosed);
      await store[Symbol.asyncDispose]();
      await ended;
    });

    withStore('compaction forgets exactly the revisions below its mark', async (store) => {
      for (const key of ['a', 'b', 'c', 'd']) await store.commit(putting(key));
      await store.compact(3);
      await assert.rejects(store.history({ after: 1 }), StoreHistoryGone);
      using abort = abortAtEnd();
      await assert.rejects(store.watch(0, { signal: abort.signal })[Symbol.asyncIterator]().next(), StoreHistoryGone);
      assert.deepEqual(
        (await store.history({ after: 2 })).map(({ key }) => key),
        ['c', 'd'],
      );
      assert.equal((await store.snapshot()).entries.length, 4);
      await store.compact(2);
      assert.equal((await store.history({ after: 2 })).length, 2);
    });

    withStore('a watcher overtaken by compaction is told', async (store) => {
      await Promise.all(Array.from({ length: 601 }, () => store.commit(putting('a'))));
      using abort = abortAtEnd();
      const seen: number[] = [];
      await assert.rejects(async () => {
        for await (const batch of store.watch(0, { signal: abort.signal })) {
          seen.push(batch[0]!.revision);
          if (seen.length === 1) await store.compact(602);
        }
      }, StoreHistoryGone);
      assert.deepEqual(
        seen,
        Array.from({ length: seen.length }, (_, index) => index + 1),
        'no gap before the error',
      );
      assert.ok(seen.length < 601);
    });

    withStore('revisions ahead of the store are refused', async (store) => {
      await store.commit(putting('a'));
      await assert.rejects(store.history({ after: 2 }), InvalidValue);
      await assert.rejects(store.compact(3), InvalidValue);
      using abort = abortAtEnd();
      await assert.rejects(store.watch(2, { signal: abort.signal })[Symbol.asyncIterator]().next(), InvalidValue);
    });

    withStore('a new epoch is kept, and so is everything else', async (store, place) => {
      await store.commit(putting('a', '"x"'));
      const before = store.epoch;
      const epoch = await store.newEpoch();
      assert.notEqual(epoch, before);
      assert.equal(store.epoch, epoch);
      await store[Symbol.asyncDispose]();
      await using again = await place.open();
      assert.equal(again.epoch, epoch);
      assert.deepEqual(await again.snapshot(), { revision: 1, entries: [{ key: 'a', value: '"x"', revision: 1 }] });
    });

    withStore('closing answers the commits in flight, and twice is once', async (store, place) => {
      const commit = store.commit(putting('a'));
      await Promise.all([store[Symbol.asyncDispose](), store[Symbol.asyncDispose]()]);
      assert.equal(await commit, 1);
      await assert.rejects(store.commit(putting('b')), StoreClosed);
      await assert.rejects(store.snapshot(), StoreClosed);
      await using again = await place.open();
      assert.equal((await again.snapshot()).revision, 1);
    });

    it('behaves as the model under any sequence of commands', async () => {
      await fc.assert(
        fc.asyncProperty(fc.commands(COMMANDS, { maxCommands: 30 }), async (commands) => {
          await using place = await make();
          const real: Real = { place, store: await place.open() };
          try {
            await fc.asyncModelRun(() => ({ model: emptyModel(), real }), commands);
          } finally {
            await real.store[Symbol.asyncDispose]();
          }
        }),
        { numRuns: Number(process.env['FUZZ_RUNS'] ?? 60) },
      );
    });
  });
}

type Real = { readonly place: StorePlace; store: Store };

const KEY = fc.constantFrom('a', 'b', 'ab', 'a/ü', 'a/\u{1f600}', 'a/\uffff');

const REQUEST: fc.Arbitrary<CommitRequest> = fc
  .record({
    written: fc.uniqueArray(fc.tuple(KEY, fc.option(fc.json({ maxDepth: 1 }).map(withoutNul))), { selector: ([key]) => key, maxLength: 4 }),
    compare: fc.array(fc.record({ key: KEY, revision: fc.nat(6) }), { maxLength: 1 }),
  })
  .map(({ written, compare }) => ({
    compare,
    put: written.flatMap(([key, value]) => (value === null ? [] : [{ key, value }])),
    delete: written.flatMap(([key, value]) => (value === null ? [key] : [])),
  }));

const COMMANDS = [
  fc
    .array(REQUEST, { minLength: 1, maxLength: 4 })
    .map((requests) => command(`commit ${JSON.stringify(requests)}`, commitTogether(requests))),
  fc.constantFrom('', 'a', 'a/', 'zz').map((prefix) => command(`snapshot ${prefix}`, takeSnapshot(prefix))),
  fc.tuple(fc.nat(12), fc.nat(12)).map(([after, upTo]) => command(`history ${after}…${upTo}`, readHistory(after, upTo))),
  fc.nat(12).map((before) => command(`compact ${before}`, compact(before))),
  fc.constant(command('reopen', reopen)),
];

type Step = (model: StoreModel, real: Real) => Promise<void>;

function command(title: string, run: Step): fc.AsyncCommand<StoreModel, Real> {
  return { check: () => true, run, toString: () => title };
}

function commitTogether(requests: readonly CommitRequest[]): Step {
  return async (model, { store }) => {
    const expected = requests.map((request) => commitToModel(model, request));
    const settled = await Promise.allSettled(requests.map((request) => store.commit(request)));
    const actual = settled.map((result) => {
      if (result.status === 'fulfilled') return result.value;
      if (result.reason instanceof StoreConflict) return 'conflict';
      throw result.reason;
    });
    assert.deepEqual(actual, expected);
  };
}

function takeSnapshot(prefix: string): Step {
  return async (model, { store }) => {
    assert.deepEqual(await store.snapshot(prefix), { revision: model.revision, entries: modelSnapshot(model, prefix) });
  };
}

function readHistory(after: number, upTo: number): Step {
  return async (model, { store }) => {
    if (after > model.revision) await assert.rejects(store.history({ after, upTo }), InvalidValue);
    else if (after < model.compacted) await assert.rejects(store.history({ after, upTo }), StoreHistoryGone);
    else {
      const expected = modelHistory(model, after, upTo);
      assert.deepEqual(await store.history({ after, upTo }), expected);
      assert.deepEqual(await watchAsFar(store, after, model.revision), modelHistory(model, after, model.revision));
    }
  };
}

/** What a watch gives up to `last`, which must exist. */
async function watchAsFar(store: Store, after: number, last: number): Promise<StoreChange[]> {
  if (after === last) return [];
  using abort = abortAtEnd();
  const changes: StoreChange[] = [];
  for await (const batch of store.watch(after, { signal: abort.signal })) {
    changes.push(...batch);
    if (batch[0]!.revision === last) break;
  }
  return changes;
}

function compact(before: number): Step {
  return async (model, { store }) => {
    if (before > model.revision + 1) return assert.rejects(store.compact(before), InvalidValue);
    await store.compact(before);
    model.compacted = Math.max(model.compacted, before - 1);
  };
}

async function reopen(_model: StoreModel, real: Real): Promise<void> {
  const { epoch } = real.store;
  await real.store[Symbol.asyncDispose]();
  real.store = await real.place.open();
  assert.equal(real.store.epoch, epoch);
}

/** JSON text may escape NUL but never holds it; fast-check's arbitrary is not so strict about lone surrogates. */
function withoutNul(json: string): string {
  return json.toWellFormed().replaceAll('\0', '');
}

function abortAtEnd(): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  return { signal: controller.signal, [Symbol.dispose]: () => controller.abort() };
}
