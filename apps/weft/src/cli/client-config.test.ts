import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { chooseToken, clientConfigPaths, loadClientConfig, ownClientConfigPath } from './client-config.ts';
import type { ClientConfig } from './client-config.ts';
import { MachineLacks, UsageError } from './failure.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'weft-client-config-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function written(content: string, name = 'client.yaml'): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

/** The message and the remedy of what loading throws. */
function refusal(content: string): string {
  let text = '';
  assert.throws(
    () => loadClientConfig([written(content)]),
    (error) => {
      assert.ok(error instanceof MachineLacks);
      text = `${error.message} | ${error.remedy}`;
      return true;
    },
  );
  return text.replaceAll(directory, '');
}

test('WEFT_CONFIG counts alone; without it the user’s own file comes before a lab’s', () => {
  assert.deepEqual(clientConfigPaths({ WEFT_CONFIG: '/etc/a.yaml', HOME: '/home/u' }), ['/etc/a.yaml']);
  assert.deepEqual(clientConfigPaths({ WEFT_CONFIG: '', HOME: '/home/u' }), [
    '/home/u/.config/weft/client.yaml',
    '/run/weft-lab/client.yaml',
  ]);
  assert.deepEqual(clientConfigPaths({}), ['/run/weft-lab/client.yaml']);
});

test('the first file that exists is read', () => {
  const second = written('url: https://a:1\ntokens: {admin: t}\n', 'second.yaml');
  const third = written('not: read\n', 'third.yaml');
  const config = loadClientConfig([join(directory, 'none.yaml'), second, third]);
  assert.deepEqual(config, { path: second, url: 'https://a:1', ca: undefined, tokens: { admin: 't' }, authUrl: undefined, expires: {} });
});

test('the authority may be in the file, or in one beside it', () => {
  const inline = JSON.stringify({ url: 'https://a:1', ca: PEM, tokens: { admin: 't' }, authUrl: undefined, expires: {} });
  assert.equal(loadClientConfig([written(inline)]).ca, PEM);
  written(PEM, 'ca.pem');
  assert.equal(loadClientConfig([written('url: https://a:1\nca: ca.pem\ntokens: {admin: t}\n')]).ca, PEM);
});

test('no file at all says where one would be, and how to get one', () => {
  const paths = [join(directory, 'a.yaml'), join(directory, 'b.yaml')];
  assert.throws(
    () => loadClientConfig(paths),
    (error) => error instanceof MachineLacks && paths.every((path) => error.message.includes(path)) && /npm start/.test(error.remedy ?? ''),
  );
  assert.throws(
    () => loadClientConfig([paths[0]!]),
    (error) => error instanceof MachineLacks && /Correct WEFT_CONFIG/.test(error.remedy ?? ''),
  );
});

test('a wrong file is refused with the place, and never with a token in the text', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['url: https://a:1\ntoken: {admin: t}\n', /line 2: token: unknown key; did you mean tokens\?/],
    ['url: 7\ntokens: {admin: t}\n', /url: must be a string/],
    ['tokens: {admin: t}\n', /url: is missing/],
    ['url: http://a:1\ntokens: {admin: t}\n', /url: "http:\/\/a:1" is not an https:\/\/ address/],
    ['url: nonsense\ntokens: {admin: t}\n', /url: "nonsense" is not an https:\/\/ address/],
    ['url: https://a:1\ntokens: {admin: "geheim geheim"}\n', /tokens\.admin: is empty or has characters that no token has/],
    ['url: https://a:1\nca: none.pem\ntokens: {admin: t}\n', /ca: \/none\.pem cannot be read \(ENOENT\)/],
    ['url: https://a:1\nca: client.yaml\ntokens: {admin: t}\n', /ca: \/client\.yaml holds no certificate in PEM form/],
    ['url: [\n', /line \d/],
    ['', /url: is missing/],
  ];
  for (const [content, pattern] of cases) {
    const text = refusal(content);
    assert.match(text, pattern, content);
    assert.match(text, /\| Correct the file/, content);
    assert.doesNotMatch(text, /geheim/, content);
  }
});

const config = (tokens: ClientConfig['tokens']): ClientConfig => ({
  path: '/c.yaml',
  url: 'https://a:1',
  ca: undefined,
  tokens,
  authUrl: undefined,
  expires: {},
});

test('the token is the one asked for, else admin’s, else the only one', () => {
  const both = config({ red: 'r', admin: 'a' });
  assert.deepEqual(chooseToken(both, 'red'), ['red', 'r']);
  assert.deepEqual(chooseToken(both, undefined), ['admin', 'a']);
  assert.deepEqual(chooseToken(config({ red: 'r' }), undefined), ['red', 'r']);
});

test('a name without a token is refused with those that there are', () => {
  const both = config({ red: 'r', blue: 'b' });
  const cases: readonly (readonly [string | undefined, RegExp])[] = [
    ['rde', /no token called rde \| Did you mean --as red\? There are: red, blue\./],
    ['constructor', /no token called constructor \| There are: red, blue\./],
    [undefined, /several tokens, and none called admin \| Say which, with --as\. There are: red, blue\./],
  ];
  for (const [name, pattern] of cases) {
    assert.throws(
      () => chooseToken(both, name),
      (error) => {
        assert.ok(error instanceof UsageError);
        assert.match(`${error.message} | ${error.remedy}`, pattern);
        return true;
      },
    );
  }
});

test('a file without tokens is one of somebody who is not logged in', () => {
  const path = written('{url: "https://a:1", tokens: {}}');
  assert.throws(
    () => loadClientConfig([path]),
    (error) => error instanceof MachineLacks && error.remedy === 'Log in with `weft login`.',
  );
  assert.deepEqual(loadClientConfig([path], { mayBeEmpty: true }).tokens, {});
});

test('a token of a log-in is used until it ends, and not from then on', () => {
  const both = { ...config({ red: 'r', blue: 'b' }), expires: { red: '2026-01-01T00:00:00.000000Z' } };
  const end = Date.parse('2026-01-01T00:00:00Z');
  assert.deepEqual(chooseToken(both, 'red', end - 1), ['red', 'r']);
  assert.throws(() => chooseToken(both, 'red', end), /the token red of \/c\.yaml ended at 2026/);
  assert.deepEqual(chooseToken(both, 'blue', end), ['blue', 'b']);
});

test('logging in writes the file that WEFT_CONFIG names, or the user’s own, and never a lab’s', () => {
  assert.equal(ownClientConfigPath({ WEFT_CONFIG: '/etc/a.yaml', HOME: '/home/u' }), '/etc/a.yaml');
  assert.equal(ownClientConfigPath({ HOME: '/home/u' }), '/home/u/.config/weft/client.yaml');
  assert.throws(() => ownClientConfigPath({}), MachineLacks);
});
