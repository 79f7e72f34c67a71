import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as assertProperty, property, webUrl } from 'fast-check';
import { originProblem } from './cors.ts';
import { ADMIN_TOKEN, openRest } from './rest-support.ts';

const CONSOLE = 'https://console.example.org';
const cors = { origins: [CONSOLE, 'http://localhost:5173'] };
const preflight = (origin: string) => ({
  method: 'OPTIONS',
  url: '/v2.0/networks',
  headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-auth-token' },
});
const corsHeaders = (headers: Readonly<Record<string, unknown>>): string[] =>
  Object.keys(headers).filter((name) => name.startsWith('access-control-'));

test('without configuration no origin is allowed anything', async () => {
  await using rest = await openRest();
  const asked = await rest.send(preflight(CONSOLE));
  assert.deepEqual([asked.status, corsHeaders(asked.headers)], [405, []]);
  const { headers } = await rest.send({ method: 'GET', url: '/v2.0/networks', token: ADMIN_TOKEN, headers: { origin: CONSOLE } });
  assert.deepEqual([corsHeaders(headers), headers['vary']], [[], undefined]);
});

test('the preflight of a named origin is answered without a token, and says what may be sent', async () => {
  await using rest = await openRest(undefined, { cors });
  const { status, headers, raw } = await rest.send(preflight(CONSOLE));
  assert.deepEqual([status, raw], [204, '']);
  assert.equal(headers['access-control-allow-origin'], CONSOLE);
  assert.equal(headers['vary'], 'Origin');
  assert.match(String(headers['access-control-allow-methods']), /\bPATCH\b.*\bDELETE\b/);
  for (const name of ['X-Auth-Token', 'X-Subject-Token', 'Content-Type', 'If-Match', 'Last-Event-ID']) {
    assert.ok(String(headers['access-control-allow-headers']).includes(name), name);
  }
  assert.equal(headers['access-control-allow-credentials'], undefined);
});

test('a page of a named origin may read answers, errors and the headers that clients need', async () => {
  await using rest = await openRest(undefined, { cors });
  for (const token of [ADMIN_TOKEN, 'wrong']) {
    const { headers } = await rest.send({ method: 'GET', url: '/v2.0/networks', token, headers: { origin: 'http://localhost:5173' } });
    assert.equal(headers['access-control-allow-origin'], 'http://localhost:5173', token);
    for (const name of ['X-Subject-Token', 'X-Openstack-Request-Id']) {
      assert.ok(String(headers['access-control-expose-headers']).includes(name), name);
    }
    assert.equal(headers['access-control-allow-credentials'], undefined);
  }
});

test('other origins are allowed nothing, and no cache gives them what another was given', async () => {
  await using rest = await openRest(undefined, { cors });
  for (const origin of ['https://evil.example', `${CONSOLE}.evil.example`, 'null', `${CONSOLE}:8443`, CONSOLE.toUpperCase()]) {
    const asked = await rest.send(preflight(origin));
    assert.deepEqual([asked.status, corsHeaders(asked.headers), asked.headers['vary']], [405, [], 'Origin'], origin);
  }
});

test('origins are written as browsers send them', () => {
  for (const origin of [CONSOLE, 'http://localhost:5173', 'https://[2001:db8::1]:8443'])
    assert.equal(originProblem(origin), undefined, origin);
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['*', /every page/],
    ['null', /sandboxed/],
    ['console.example.org', /not an origin like/],
    [`${CONSOLE}/`, /write https:\/\/console\.example\.org$/],
    [`${CONSOLE}:443`, /write https:\/\/console\.example\.org$/],
    [`${CONSOLE}/console`, /write https:\/\/console\.example\.org$/],
    ['https://Console.example.org', /write https:\/\/console\.example\.org$/],
    ['ftp://example.org', /http or https/],
  ];
  for (const [origin, problem] of wrong) assert.match(originProblem(origin) ?? '', problem, origin);
});

test('what is accepted as an origin is exactly what the browser’s own notion of one gives back', () => {
  assertProperty(
    property(webUrl({ withQueryParameters: true }), (url) => {
      const { origin } = new URL(url);
      assert.equal(originProblem(origin), undefined);
      assert.equal(originProblem(url) === undefined, url === origin);
    }),
  );
});
