import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { openApiDocument } from '@weft/api/openapi/document';
import { DocumentCheck } from '@weft/api/openapi/document-check.testing';
import { openRest } from './rest-support.ts';
import { registeredRoutes } from './routes.testing.ts';

/** Parameters by place, not by name: `/users/:id` is `/users/{user}`. Every GET has a HEAD by itself. */
const comparable = (routes: readonly string[]): string[] => {
  const plain = routes.map((route) =>
    route.replace(/^\w+ \/?/, (start) => `${start.trim().replace(/ ?\/$/, '')} /`).replaceAll(/:[\w:|]+|\{\w+\}/g, '*'),
  );
  const all = new Set(plain);
  return [...all].filter((route) => !route.startsWith('HEAD ') || !all.has(route.replace('HEAD', 'GET'))).toSorted();
};

test('the document has exactly the operations that the server has', async () => {
  await using rest = await openRest();
  await rest.app.ready();
  const documented = Object.entries(openApiDocument().paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  assert.deepEqual(comparable(registeredRoutes(rest.app)), comparable(documented));
});

test('the document and the page are there for anybody', async () => {
  await using rest = await openRest();
  const document = await rest.send({ method: 'GET', url: '/openapi.json' });
  assert.equal(document.status, 200);
  assert.match(String(document.headers['content-type']), /^application\/json/);
  assert.deepEqual(document.body, openApiDocument());
  const page = await rest.send({ method: 'GET', url: '/docs' });
  assert.equal(page.status, 200);
  assert.match(String(page.headers['content-type']), /^text\/html; charset=utf-8/);
  assert.match(page.raw, /<summary>.*\/v2\.0\/networks/);
});

test('browsers load and run nothing for the page but the style that it has', async () => {
  await using rest = await openRest();
  const { headers, raw } = await rest.send({ method: 'GET', url: '/docs' });
  const style = /<style>(.*?)<\/style>/s.exec(raw)?.[1] ?? '';
  const digest = createHash('sha256').update(style).digest('base64');
  assert.equal(
    headers['content-security-policy'],
    `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  );
  assert.equal(headers['x-content-type-options'], 'nosniff');
});

test('an answer that the document does not tell of is found', () => {
  const document = new DocumentCheck();
  const answer = (status: number, body: unknown) => ({
    method: 'GET',
    url: '/v2.0/ports/7/tags',
    status,
    contentType: 'application/json',
    raw: JSON.stringify(body),
  });
  document.check(answer(200, { tags: ['a'] }));
  assert.throws(() => document.check(answer(200, { tags: [7] })), /otherwise than the document says.*must be string/s);
  assert.throws(() => document.check(answer(200, { tags: [], more: 1 })), /must not have additional properties/);
  assert.throws(() => document.check(answer(200, {})), /must have required properties/);
  assert.throws(() => document.check(answer(409, {})), /answered 409, which the document does not tell of/);
  const missing = (type: string) => answer(404, { NeutronError: { type, message: 'x', detail: '' } });
  document.check(missing('TagResourceNotFound'));
  assert.throws(() => document.check(missing('PortNotFound')), /must be equal to one/);
  assert.throws(() => document.check({ ...answer(200, {}), url: '/v2.0/nonsense' }), /has no such operation/);
});
