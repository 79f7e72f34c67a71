import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Plan } from '@weft/core/plan/plan';
import type { PlanRef } from '@weft/core/plan/plan';
import { FakeKernel } from '@weft/lab/fake/fake-kernel';
import { Dataplane } from './dataplane.ts';
import { sha256 } from './kernel-contract.ts';
import type { KernelObject } from './kernel-object.ts';
import { objectContent, objectKey } from './kernel-object.ts';
import { differenceOf, planOf, randomWorlds, vtepOf } from './random-plan.testing.ts';
import { MARK_STATELESS } from './ruleset/fabric.ts';

const SILENT = { info: () => {}, warn: () => {} };
const FACTS = {
  vtep: vtepOf(0),
  underlayInterface: 'under',
  vxlanPort: 14_789,
  mtu: 1450,
  uplinkInterface: 'uplink0',
  connectionsPerPort: 1000,
};
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 40);

const newKernel = (): FakeKernel => new FakeKernel({ nodeLinks: ['uplink0'] }, { sha256 });
const newDataplane = (kernel: FakeKernel, facts = FACTS): Dataplane =>
  new Dataplane({ facts, runDir: '/run/x' }, { kernel, log: SILENT, sha256 });

const contents = (objects: Iterable<KernelObject>): Map<string, string> =>
  new Map(
    [...objects]
      .map((object): [string, string] => [objectKey(object), objectContent(object, sha256)])
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );

/** What a kernel holds that has this plan and never had another; port numbers and zones are the given kernel's. */
function fresh(plan: Plan, numbersOf: FakeKernel, facts = FACTS): Map<string, string> {
  const kernel = newKernel();
  newDataplane(kernel, facts).apply(new Plan(), 'all');
  const numbers = numbersOf.objects().filter((object) => object.kind === 'element' && ['number', 'zone'].includes(object.set));
  kernel.transact('fabric', { remove: [], put: numbers as never });
  assert.deepEqual(newDataplane(kernel, facts).apply(plan, 'all'), new Map());
  return contents(kernel.objects());
}

/** Fails with what is missing, too much or otherwise. */
function assertAsIfNew(kernel: FakeKernel, plan: Plan, step: number, ignored: (key: string) => boolean = () => false): void {
  const [actual, expected] = [contents(kernel.objects()), fresh(plan, kernel)];
  const wrong = [...new Set([...actual.keys(), ...expected.keys()])].filter(
    (key) => actual.get(key) !== expected.get(key) && !ignored(key),
  );
  const named = wrong.map((key) => `${key}: ${actual.get(key) ?? 'absent'} instead of ${expected.get(key) ?? 'nothing'}`);
  assert.deepEqual(named, [], `step ${step}`);
}

/** Without what tells a stateless port. */
const numbersIn = (kernel: FakeKernel): Map<string, number> =>
  new Map(
    kernel
      .objects()
      .flatMap((object) =>
        object.kind === 'element' && object.set === 'number' ? [[object.key[0]!, Number(object.value) & ~MARK_STATELESS]] : [],
      ),
  );

test('after any sequence of changes the kernel is as if it had never had another plan, and nothing is left to do', () => {
  fc.assert(
    fc.property(randomWorlds(6), fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }), (worlds, wholes) => {
      const kernel = newKernel();
      const dataplane = newDataplane(kernel);
      let before = new Plan();
      for (const [step, world] of worlds.entries()) {
        const plan = planOf(world);
        const failures = dataplane.apply(plan, wholes[step] === true ? 'all' : differenceOf(before, plan));
        assert.deepEqual(failures, new Map(), `step ${step}`);
        assertAsIfNew(kernel, plan, step);
        before = plan;
      }
      for (const again of [dataplane, newDataplane(kernel)]) {
        const { changes } = kernel;
        again.observe();
        assert.deepEqual(again.apply(before, 'all'), new Map());
        assert.equal(kernel.changes, changes, 'changed something that was in place');
      }
    }),
    { numRuns: RUNS },
  );
});

test('a node that moved to another address has what it would have if it had always been there, whatever else changed with it', () => {
  const elsewhere = { vtep: vtepOf(200), underlayInterface: 'other' };
  fc.assert(
    fc.property(randomWorlds(2), fc.boolean(), (worlds, late) => {
      const kernel = newKernel();
      const dataplane = newDataplane(kernel);
      const [first, second] = [planOf(worlds[0]!), planOf(worlds.at(-1)!)];
      assert.deepEqual(dataplane.apply(first, 'all'), new Map());
      dataplane.relocate(elsewhere);
      // The plan may change before the whole of it is applied again.
      if (late) assert.deepEqual(dataplane.apply(second, differenceOf(first, second)), new Map());
      assert.deepEqual(dataplane.apply(second, 'all'), new Map());
      assert.deepEqual(contents(kernel.objects()), fresh(second, kernel, { ...FACTS, ...elsewhere }));
      const { changes } = kernel;
      const restarted = newDataplane(kernel, { ...FACTS, ...elsewhere });
      assert.deepEqual(restarted.apply(second, 'all'), new Map());
      assert.equal(kernel.changes, changes, 'the next process finds nothing to change');
    }),
    { numRuns: RUNS },
  );
});

test('a plan applied one resource after the other, each after what it stands on, fails nowhere and ends as if applied at once', () => {
  const order = [
    'vtepfilter',
    'group',
    'member',
    'segment',
    'gateway',
    'instance',
    'port',
    'peer',
    'vtep',
    'publicip',
    'forward',
    'firewall',
    'nat',
  ];
  fc.assert(
    fc.property(randomWorlds(1), ([world]) => {
      const plan = planOf(world!);
      const kernel = newKernel();
      const dataplane = newDataplane(kernel);
      assert.deepEqual(dataplane.apply(new Plan(), 'all'), new Map());
      for (const ref of [...plan.refs()].toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind))) {
        const port = ref.kind === 'instance' ? plan.get('instance', ref.key)?.portId : undefined;
        const unit: PlanRef[] = port === undefined ? [ref] : [ref, { kind: 'port', key: port }];
        assert.deepEqual(dataplane.apply(plan, unit), new Map(), `${ref.kind} ${ref.key}`);
      }
      assertAsIfNew(kernel, plan, 0);
      assert.deepEqual(dataplane.pending(plan), []);
    }),
    { numRuns: RUNS },
  );
});

test('what fails once is put right by trying it again, and numbers stay with whoever stays', () => {
  fc.assert(
    fc.property(
      randomWorlds(3),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.boolean()), { minLength: 4, maxLength: 4 }),
      (worlds, faults) => {
        const kernel = newKernel();
        const dataplane = newDataplane(kernel);
        let before = new Plan();
        for (const [step, world] of worlds.entries()) {
          const plan = planOf(world);
          const [n, whole] = faults[step]!;
          let refs: PlanRef[] | 'all' = whole ? 'all' : differenceOf(before, plan);
          kernel.failCall(n, 'ENOBUFS');
          let applied = false;
          for (let attempt = 0; refs === 'all' || refs.length > 0 || !applied; attempt += 1) {
            assert.ok(attempt < 3, `step ${step} does not come to an end`);
            const numbers = numbersIn(kernel);
            try {
              const failures = dataplane.apply(plan, refs);
              applied = true;
              refs = [...failures.keys()].map((text) => ({ kind: text.split(' ')[0], key: text.slice(text.indexOf(' ') + 1) }) as PlanRef);
            } catch {
              // It could not even look; the caller knows no more than before.
            }
            for (const [link, number] of numbersIn(kernel)) assert.equal(number, numbers.get(link) ?? number, `${link} got another number`);
          }
          kernel.revive();
          assertAsIfNew(kernel, plan, step);
          before = plan;
        }
      },
    ),
    { numRuns: RUNS },
  );
});

test('a process that dies at any moment leaves nothing that the next one does not put right', () => {
  fc.assert(
    fc.property(
      randomWorlds(3),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.boolean()), { minLength: 4, maxLength: 4 }),
      (worlds, deaths) => {
        const kernel = newKernel();
        let dataplane = newDataplane(kernel);
        let before = new Plan();
        for (const [step, world] of worlds.entries()) {
          const plan = planOf(world);
          const [n, whole] = deaths[step]!;
          kernel.dieAtCall(n);
          try {
            dataplane.apply(plan, whole ? 'all' : differenceOf(before, plan));
          } catch {
            // It died while it looked.
          }
          kernel.revive();
          const numbers = numbersIn(kernel);
          dataplane = newDataplane(kernel);
          assert.deepEqual(dataplane.apply(plan, 'all'), new Map(), `step ${step}`);
          for (const [link, number] of numbersIn(kernel)) assert.equal(number, numbers.get(link) ?? number, `${link} got another number`);
          // An address that nobody wants may be the workload's own: a new process cannot tell.
          assertAsIfNew(kernel, plan, step, (key) => key.startsWith('address wl-'));
          before = plan;
        }
      },
    ),
    { numRuns: RUNS },
  );
});

/** What decides about a port's traffic, for every port that is open, by link: elements, and chains that they name. */
function openPorts(objects: readonly KernelObject[]): Map<string, ReadonlySet<string>> {
  const line = (object: KernelObject): string => `${objectKey(object)} = ${objectContent(object, sha256)}`;
  const chains = new Map(objects.flatMap((object) => (object.kind === 'chain' ? [[object.name, line(object)]] : [])));
  const rules = new Map<string, Set<string>>();
  for (const object of objects) {
    // Trusted ports' `local` is the workloads' account.
    if (object.kind !== 'element' || object.place !== 'fabric' || object.family !== 'bridge' || object.set === 'local') continue;
    const [link = ''] = object.key;
    const lines = rules.get(link) ?? new Set();
    rules.set(link, lines.add(line(object)));
    const chain = chains.get(object.value?.split(' ')[1] ?? '');
    if (chain !== undefined) lines.add(chain);
  }
  const open = objects.flatMap((object) => (object.kind === 'element' && object.set === 'from' ? [object.key[0]!] : []));
  return new Map(open.map((link) => [link, rules.get(link) ?? new Set()]));
}

test('at no moment does a port that is open admit what neither those before nor those after the change admit', () => {
  fc.assert(
    fc.property(randomWorlds(4), fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }), (worlds, fault) => {
      const kernel = newKernel();
      let dataplane = newDataplane(kernel);
      for (const [step, world] of worlds.entries()) {
        const plan = planOf(world);
        const before = openPorts(kernel.objects());
        const moments: ReturnType<typeof openPorts>[] = [];
        kernel.watch(() => moments.push(openPorts(kernel.objects())));
        if (fault !== undefined && step % 2 === 1) kernel.dieAtCall(fault);
        else if (fault !== undefined) kernel.failCall(fault, 'EBUSY');
        for (let attempt = 0; attempt < 3; attempt += 1) {
          try {
            dataplane.apply(plan, 'all');
          } catch {
            // The next attempt looks again.
          }
          if (step % 2 === 1 && attempt === 0) {
            kernel.revive();
            dataplane = newDataplane(kernel);
          }
        }
        kernel.revive();
        kernel.watch(undefined);
        const after = openPorts(kernel.objects());
        for (const moment of moments) {
          for (const [link, rules] of moment) {
            // Fewer of them only close.
            const fits = [before, after].some((then) => then.get(link)?.isSupersetOf(rules));
            if (!fits) assert.deepEqual(rules, after.get(link), `${link} was open with these rules`);
          }
        }
      }
    }),
    { numRuns: RUNS },
  );
});

/** What a gateway translates, by element key: the addresses, address and port, or mark whose connections depend on it. */
function translations(kernel: FakeKernel): Map<string, readonly string[]> {
  return new Map(
    kernel.objects().flatMap((object): [string, string[]][] => {
      if (object.kind !== 'element' || !['public_in', 'forwards', 'translating'].includes(object.set)) return [];
      const [address = '', protocol, port] = object.key;
      const led = object.set === 'forwards' ? [`${address} ${protocol} ${port}`] : [address, object.value ?? ''];
      const names = object.set === 'translating' ? [`mark ${address}`] : led;
      return [[`${objectKey(object)} = ${object.value}`, names.map((name) => `${object.place} ${name}`)]];
    }),
  );
}

test('what a gateway that stays no longer translates is forgotten, also by the process after one that died, and nothing else of it', () => {
  fc.assert(
    fc.property(
      randomWorlds(4),
      fc.array(fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }), { minLength: 5, maxLength: 5 }),
      (worlds, deaths) => {
        const kernel = newKernel();
        let dataplane = newDataplane(kernel);
        for (const [step, world] of worlds.entries()) {
          const plan = planOf(world);
          // What a firewall denies ends connections on its own account (firewall-revocation.test.ts).
          for (const key of plan.of('firewall').keys()) plan.delete('firewall', key);
          const before = translations(kernel);
          kernel.forgotten.length = 0;
          const death = deaths[step];
          if (death !== undefined) {
            kernel.dieAtCall(death);
            try {
              dataplane.apply(plan, 'all');
            } catch {
              // It died while it looked.
            }
            kernel.revive();
            dataplane = newDataplane(kernel);
          }
          assert.deepEqual(dataplane.apply(plan, 'all'), new Map());
          const after = translations(kernel);
          const stays = new Set(kernel.objects().flatMap((object) => (object.kind === 'netns' ? [object.place] : [])));
          const gone = [...before]
            .flatMap(([line, names]) => (after.has(line) ? [] : names))
            .filter((name) => stays.has(name.split(' ')[0] as never));
          const forgotten = kernel.forgotten.flatMap(({ place, address, over, mark }) => {
            if (place === 'fabric') return [];
            if (over !== undefined) return [...over.services.keys()].map((service) => `${place} ${service.replaceAll('/', ' ')}`);
            return [`${place} ${mark === undefined ? address : `mark ${mark}`}`];
          });
          assert.deepEqual(new Set(forgotten), new Set(gone), `step ${step}`);
        }
      },
    ),
    { numRuns: RUNS },
  );
});

test('what others take away is a disturbance until it was looked at; what is done here is none', () => {
  fc.assert(
    fc.property(randomWorlds(2), fc.nat(), (worlds, pick) => {
      const kernel = newKernel();
      const dataplane = newDataplane(kernel);
      for (const world of worlds) {
        dataplane.apply(planOf(world), 'all');
        assert.equal(dataplane.disturbed(), false);
      }
      const plan = planOf(worlds.at(-1)!);
      const links = kernel.objects().filter((object) => object.kind === 'link' && object.place === 'fabric');
      const victim = links[pick % Math.max(links.length, 1)];
      if (victim === undefined) return;
      kernel.vandalise(victim);
      dataplane.apply(plan, []);
      assert.equal(dataplane.disturbed(), true, objectKey(victim));
      dataplane.observe();
      assert.deepEqual(dataplane.apply(plan, 'all'), new Map());
      assert.equal(dataplane.disturbed(), false);
      assertAsIfNew(kernel, plan, 0);
    }),
    { numRuns: RUNS },
  );
});
