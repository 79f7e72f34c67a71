import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reader } from '@weft/api/client';
import { NotResolved, find, findId } from './resolve.ts';
import type { Findable } from './resolve.ts';
import { BLUE, FakeApi, RED } from './test-support.ts';

type View = Readonly<{ id: string; name: string; tenant_id: string }>;

const FRONT = { id: 'abcd1234-0000-4000-8000-000000000001', name: 'front', tenant_id: RED };
const BACK = { id: 'abcd9999-0000-4000-8000-000000000002', name: 'back', tenant_id: RED };
const OTHER_BACK = { id: 'ffff9999-0000-4000-8000-000000000003', name: 'back', tenant_id: BLUE };
/** Its name looks like the beginning of FRONT’s id. */
const TRICKY = { id: 'eeee9999-0000-4000-8000-000000000004', name: 'abcd1', tenant_id: RED };

function networks(...views: readonly View[]): Readonly<{ fake: FakeApi; findable: Findable<View> }> {
  const fake = new FakeApi().add('networks', ...views);
  const reader = fake.api.networks as unknown as Reader<View>;
  return {
    fake,
    findable: { kind: 'network', reader, nameKey: 'name', named: ({ id, name, tenant_id }) => ({ id, name, owner: tenant_id }) },
  };
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => assert.fail('it was found'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof NotResolved);
  return `${error.message} | ${error.remedy}`;
}

test('a whole id is asked for directly, in lower case', async () => {
  const { fake, findable } = networks(FRONT);
  assert.equal(await find(findable, FRONT.id.toUpperCase()), FRONT);
  assert.deepEqual(fake.calls, [`networks.show ${FRONT.id}`]);
});

test('a whole id that only refers to something is not asked about', async () => {
  const { fake, findable } = networks();
  assert.equal(await findId(findable, BACK.id.toUpperCase()), BACK.id);
  assert.deepEqual(fake.calls, []);
});

test('a name is looked up without reading everything', async () => {
  const { fake, findable } = networks(FRONT, BACK);
  assert.equal(await findId(findable, 'front'), FRONT.id);
  assert.deepEqual(fake.calls, ['networks.list {"name":"front"}']);
});

test('the beginning of an id will do if it is unique and has four characters', async () => {
  const { findable } = networks(FRONT, BACK);
  assert.equal(await find(findable, 'abcd1'), FRONT);
  assert.equal(await find(findable, 'ABCD9999-0'), BACK);
  assert.match(await refusal(find(findable, 'abc')), /there is no network "abc"/);
});

test('a name counts more than the beginning of an id', async () => {
  const { findable } = networks(FRONT, TRICKY);
  assert.equal(await find(findable, 'abcd1'), TRICKY);
});

test('what several things are called is refused with all of them, and whose they are', async () => {
  const { findable } = networks(FRONT, BACK, OTHER_BACK);
  assert.equal(
    await refusal(find(findable, 'back')),
    `2 networks are called "back" | Say which by its id: ${BACK.id} (back, tenant 11111111), ${OTHER_BACK.id} (back, tenant 22222222).`,
  );
  assert.match(await refusal(find(findable, 'abcd')), /the ids of 2 networks begin with abcd \| Say which by its id: abcd1234-.*abcd9999-/);
});

test('what nothing is called is refused with what there is', async () => {
  const { findable } = networks(FRONT, BACK);
  assert.equal(await refusal(find(findable, 'frnot')), 'there is no network "frnot" | Did you mean front? There are: front, back.');
  assert.match(await refusal(find(findable, '')), /there is no network "" \|/);
  assert.match(await refusal(find(networks().findable, 'x')), /There is no network yet, or none that you may see\./);
});
