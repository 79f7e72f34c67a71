import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADMIN_TOKEN, assertNeutron, make, makeNetwork, openRest } from './rest-support.ts';

const NOWHERE = '99999999-0000-4000-8000-000000000000';

test('tags are replaced, added, looked for and taken away, one by one and all at once', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { network } = await makeNetwork(call);
  const at = `/v2.0/networks/${network}/tags`;
  const revision = Number(((await call('GET', `/v2.0/networks/${network}`)).body['network'] as Record<string, unknown>)['revision_number']);
  assert.deepEqual((await call('PUT', at, { tags: ['a', 'b.json'] })).body, { tags: ['a', 'b.json'] });
  assert.equal((await call('PUT', `${at}/c%20%2F`)).status, 201);
  assert.equal((await call('PUT', `${at}/a`)).status, 201, 'also if it is there');
  assert.deepEqual((await call('GET', at)).body, { tags: ['a', 'b.json', 'c /'] });
  assert.equal((await call('GET', `${at}/b.json`)).status, 204);
  assertNeutron(await call('GET', `${at}/b`), 404, 'TagNotFound', 'Tag b could not be found.');
  assert.equal((await call('DELETE', `${at}/a`)).status, 204);
  assertNeutron(await call('DELETE', `${at}/a`), 404, 'TagNotFound', /Tag a/);
  const shown = (await call('GET', `/v2.0/networks/${network}`)).body['network'] as Record<string, unknown>;
  assert.deepEqual([shown['tags'], shown['revision_number']], [['b.json', 'c /'], revision + 3]);
  assert.equal((await call('DELETE', at)).status, 204);
  assert.deepEqual((await call('GET', at)).body, { tags: [] });
});

test('every tagged collection has them; a port is made with its own', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { network, subnet } = await makeNetwork(call);
  const port = await make(call, 'ports', 'port', { network_id: network, tags: ['x'] });
  const group = await make(call, 'security-groups', 'security_group', { name: 'g' });
  const router = await make(call, 'routers', 'router', { name: 'r' });
  assert.deepEqual(port['tags'], ['x']);
  for (const object of [
    `networks/${network}`,
    `subnets/${subnet}`,
    `ports/${port['id']}`,
    `security-groups/${group['id']}`,
    `routers/${router['id']}`,
  ]) {
    const tag = 'é'.repeat(255);
    assert.equal((await call('PUT', `/v2.0/${object}/tags/${encodeURIComponent(tag)}`)).status, 201, object);
    assert.ok(((await call('GET', `/v2.0/${object}/tags`)).body['tags'] as string[]).includes(tag), object);
  }
  assertNeutron(await call('POST', '/v2.0/networks', { network: { tags: [] } }), 400, 'HTTPBadRequest', /'tags' not allowed in POST/);
});

test('what cannot be a tag is refused, and so is whose object it is not', async () => {
  await using rest = await openRest();
  const [red, blue] = [await rest.as('red'), await rest.as('blue')];
  const { network } = await makeNetwork(red);
  const at = `/v2.0/networks/${network}/tags`;
  for (const body of [undefined, {}, { tags: 'a' }, { tags: ['a', 'a'] }, { tags: [1] }, { tags: [''] }, { tags: ['x'.repeat(256)] }]) {
    assertNeutron(await red('PUT', at, body), 400, 'InvalidInput', /^Invalid input for operation: /);
  }
  assertNeutron(await red('PUT', `${at}/${'x'.repeat(256)}`), 400, 'InvalidInput', /maximum length of 255/);
  for (const [method, url, body] of [
    ['GET', at],
    ['PUT', at, { tags: [] }],
    ['DELETE', at],
    ['GET', `${at}/a`],
    ['PUT', `${at}/a`],
    ['DELETE', `${at}/a`],
  ] as const) {
    assertNeutron(await blue(method, url, body), 404, 'TagResourceNotFound', `Resource networks ${network} could not be found.`);
  }
  assertNeutron(await red('GET', `/v2.0/ports/${NOWHERE}/tags`), 404, 'TagResourceNotFound', /Resource ports/);
  const rule = await red('GET', `/v2.0/security-group-rules/${NOWHERE}/tags`);
  assertNeutron(rule, 404, 'HTTPNotFound', /could not be found/);
  assert.deepEqual((await red('GET', at)).body, { tags: [] });
  const external = await make(rest.admin, 'networks', 'network', { name: 'out', 'router:external': true });
  assertNeutron(await red('PUT', `/v2.0/networks/${external['id']}/tags/a`), 403, 'PolicyNotAuthorized', /update_network/);
});

test('lists are filtered by all, any, and not all or not any of the tags', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  for (const tags of [[], ['a'], ['b'], ['a', 'b']]) {
    const { id } = await make(call, 'networks', 'network', { name: tags.join('') });
    await call('PUT', `/v2.0/networks/${id}/tags`, { tags });
  }
  const found = async (query: string): Promise<unknown> =>
    ((await call('GET', `/v2.0/networks?${query}`)).body['networks'] as { name: string }[]).map(({ name }) => name);
  assert.deepEqual(await found('tags=a,b'), ['ab']);
  assert.deepEqual(await found('tags=a&tags=b'), ['ab'], 'repeated keys add up');
  assert.deepEqual(await found('tags-any=a,b'), ['a', 'b', 'ab']);
  assert.deepEqual(await found('not-tags=a,b'), ['', 'a', 'b']);
  assert.deepEqual(await found('not%2Dtags-any=a,b'), ['']);
  assert.deepEqual(await found('tags=a&not-tags=b'), ['a']);
  assertNeutron(await call('GET', '/v2.0/security-group-rules?tags=a'), 400, 'HTTPBadRequest', /'tags'/);
});

test('a write is bound to the revision that If-Match names', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { network } = await makeNetwork(call);
  const at = `/v2.0/networks/${network}`;
  const now = Number(((await call('GET', at)).body['network'] as Record<string, unknown>)['revision_number']);
  const send = (method: string, match: string, url = at) =>
    rest.send({ method, url, token: ADMIN_TOKEN, headers: { 'if-match': match }, text: '{"network":{"name":"x"}}' });
  for (const [method, url] of [
    ['PUT', at],
    ['DELETE', at],
    ['PUT', `${at}/tags/a`],
  ] as const) {
    const refused = await send(method, 'revision_number=999', url);
    assertNeutron(refused, 412, 'RevisionNumberConstraintFailed', `Constrained to 999, but current revision is ${now}`);
  }
  assertNeutron(await send('PUT', 'revision_number=x'), 400, 'BadRequest', /^Bad if-match request: /);
  assertNeutron(await send('PUT', 'revision_number=1, revision_number=2'), 400, 'BadRequest', /^Bad if-match request: /);
  assert.equal((await send('PUT', 'W/"something else"')).status, 200);
  assertNeutron(await send('PUT', `revision_number=${now}`), 412, 'RevisionNumberConstraintFailed', /current revision/);
  assert.equal((await send('PUT', `revision_number=${now + 1}`)).status, 200);
  assert.equal((await send('DELETE', `"revision_number=${now + 1}"`)).status, 204, 'nothing was new in the last one');
});
