/** Logging in and out by the executable, over HTTPS, at a server with its embedded identity service. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Identity } from '@weft/controller/identity/identity';
import { tokenHash } from '@weft/controller/rest/authenticate';
import { createRest } from '@weft/controller/rest/rest';
import { countedRandomness, nodeId, openController } from '@weft/controller/test-support';
import { createAuthority, issueLeaf } from '@weft/pki/certificate';
import type { CliContext } from './cli-context.ts';
import { logIn } from './login.ts';

const WEFT = fileURLToPath(new URL('../../bin/weft.mjs', import.meta.url));
const PASSWORD = 'a pass-word';
const stack = new AsyncDisposableStack();
let directory = '';
let config = '';
let env: Record<string, string> = {};
let url = '';

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'weft-login-'));
  stack.defer(() => rmSync(directory, { recursive: true }));
  const authority = await createAuthority({ name: 'test', days: 1 });
  const leaf = await issueLeaf(authority, { uuid: nodeId(9), oids: [], ipAddresses: ['127.0.0.1'], name: 'server', days: 1 });
  const rig = await openController();
  stack.defer(() => rig.controller.close());
  const more = { wallMs: () => Date.now(), ...countedRandomness() };
  const identity = new Identity({}, { cluster: rig.controller.cluster, ...more });
  await identity.bootstrap(PASSWORD);
  const rest = createRest(
    { adminTokenHash: tokenHash('admin-token'), https: { cert: leaf.certPem, key: leaf.keyPem } },
    { controller: rig.controller, identity, log: rig.log, ...more },
  );
  stack.defer(() => rest.close());
  await rest.listen({ host: '127.0.0.1', port: 0 });
  url = `https://127.0.0.1:${(rest.server.address() as AddressInfo).port}`;
  writeFileSync(join(directory, 'ca.pem'), authority.certPem);
  config = join(directory, '.config/weft/client.yaml');
  env = { OS_AUTH_URL: `${url}/v3`, OS_CACERT: join(directory, 'ca.pem'), OS_USERNAME: 'admin', OS_PASSWORD: PASSWORD };
});
after(() => stack.disposeAsync());
beforeEach(() => rmSync(config, { force: true }));

type Ran = Readonly<{ out: string; err: string; code: number | null }>;

async function weft(args: readonly string[], variables: Record<string, string> = {}): Promise<Ran> {
  const child = spawn(process.execPath, [WEFT, ...args], { env: { HOME: directory, ...variables }, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { out, err, code };
}

type Kept = { url: string; tokens: Record<string, string>; expires: Record<string, string> };
const kept = (): Kept => JSON.parse(readFileSync(config, 'utf8')) as Kept;

test('logging in writes a configuration that works and that only its owner reads; logging out ends the token', async () => {
  const login = await weft(['login'], { ...env, OS_PROJECT_NAME: 'admin' });
  assert.match(login.err, /^logged in as admin; the token is called admin in .*client\.yaml, and ends at 20/);
  assert.equal(login.code, 0);
  assert.equal(statSync(config).mode & 0o777, 0o600);
  assert.equal(kept().url, url);
  const listed = await weft(['node', 'list', '--json']);
  assert.deepEqual([listed.out, listed.err, listed.code], ['[]\n', '', 0]);

  const { admin: token = '' } = kept().tokens;
  assert.doesNotMatch(login.out + login.err, new RegExp(token));
  const logout = await weft(['logout']);
  assert.deepEqual([logout.err, logout.code], ['logged out: the token admin is over\n', 0]);
  assert.deepEqual(kept().tokens, {});
  const over = await weft(['node', 'list']);
  assert.match(over.err, /has no token\nLog in with `weft login`/);
  assert.equal(over.code, 3);
  // Not only forgotten: it is worth nothing any more.
  writeFileSync(config, JSON.stringify({ ...kept(), tokens: { admin: token } }));
  assert.match((await weft(['node', 'list'])).err, /requires authentication/);
});

test('several tokens of one cluster stand beside each other, and one that was written by hand stays', async () => {
  const more = { ...env, OS_PROJECT_NAME: 'admin' };
  assert.equal((await weft(['login'], more)).code, 0);
  writeFileSync(config, JSON.stringify({ ...kept(), tokens: { ...kept().tokens, fixed: 'admin-token' } }));
  assert.equal((await weft(['login', '--as', 'work'], more)).code, 0);
  assert.deepEqual(Object.keys(kept().tokens).toSorted(), ['admin', 'fixed', 'work']);
  assert.match((await weft(['logout'])).err, /several are logged in\nSay --as, one of: admin, work\./);
  assert.match((await weft(['logout', '--as', 'fixed'])).err, /fixed is no token that weft login got/);
  assert.equal((await weft(['logout', '--as', 'work'])).code, 0);
  assert.deepEqual(Object.keys(kept().tokens).toSorted(), ['admin', 'fixed']);
});

test('a token that has ended is told before anything is sent', async () => {
  assert.equal((await weft(['login'], { ...env, OS_PROJECT_NAME: 'admin' })).code, 0);
  writeFileSync(config, JSON.stringify({ ...kept(), expires: { admin: '2020-01-01T00:00:00.000000Z' } }));
  const { err, code } = await weft(['network', 'list']);
  assert.match(err, /the token admin of .* ended at 2020-01-01.*\nLog in again: weft login --as admin/);
  assert.equal(code, 3);
});

test('what keeps one from logging in is told with what to do, and changes no file', async () => {
  const without = (name: string): Record<string, string> => Object.fromEntries(Object.entries(env).filter(([key]) => key !== name));
  const cases: readonly (readonly [Record<string, string>, readonly string[], RegExp])[] = [
    [{ ...env, OS_PASSWORD: 'wrong' }, [], /requires authentication/],
    [without('OS_PASSWORD'), [], /password is missing\nSet OS_PASSWORD/],
    [without('OS_USERNAME'), [], /user is missing\nSay --user/],
    [without('OS_AUTH_URL'), [], /identity service \(url\) is missing\nSay --auth-url/],
    [{ ...env, OS_AUTH_URL: 'http://127.0.0.1:1/v3' }, [], /is not an https:\/\/ address of the identity service/],
    [{ ...env, OS_AUTH_URL: 'https://127.0.0.1:1/v3' }, [], /calling the API at https:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/],
    [{ ...env, OS_CACERT: '/nowhere.pem' }, [], /certificate \/nowhere\.pem cannot be read \(ENOENT\)/],
    [without('OS_CACERT'), [], /calling the API at .*certificate/],
    [{ ...env, OS_CLOUD: 'x' }, [], /there is no cloud x: none of .*clouds\.yaml/],
    [{ ...env, OS_PROJECT_NAME: 'admin' }, ['--as', 'a b'], /a token cannot be called "a b"/],
    [env, ['--project', 'nowhere'], /requires authentication/],
    [env, [], /does not say where the network API is\nSay --project/],
  ];
  for (const [variables, args, message] of cases) {
    const { err, code } = await weft(['login', ...args], variables);
    assert.match(err, message, err);
    assert.notEqual(code, 0, err);
    assert.ok(!existsSync(config), err);
    assert.doesNotMatch(err, /a pass-word/);
  }
});

test('a configuration of another cluster is not overwritten unless one says so', async () => {
  const more = { ...env, OS_PROJECT_NAME: 'admin' };
  assert.equal((await weft(['login'], more)).code, 0);
  const other = { ...kept(), url: 'https://other.example:8889', tokens: { theirs: 'x' }, expires: {} };
  writeFileSync(config, JSON.stringify(other));
  assert.match((await weft(['login'], more)).err, /is for the cluster at https:\/\/other\.example:8889.*\nSay --replace/);
  assert.deepEqual(kept(), other);
  assert.equal((await weft(['login', '--replace'], more)).code, 0);
  assert.deepEqual([kept().url, Object.keys(kept().tokens)], [url, ['admin']]);
});

test('on a terminal it asks for what nobody has said, and what is secret is not shown', async () => {
  const asked: string[] = [];
  const answers = ['admin', PASSWORD, 'admin'];
  const stream = { write: () => true };
  const { OS_AUTH_URL, OS_CACERT } = env;
  const context: CliContext = {
    process: { stdout: stream, stderr: stream, env: { HOME: directory, OS_AUTH_URL, OS_CACERT } },
    connect: () => Promise.reject(new Error('not now')),
    ask: async (question, { secret }) => {
      asked.push(`${question}${secret ? '(secret)' : ''}`);
      return answers.shift() ?? '';
    },
    clock: { nowMs: () => 0, sleep: async () => {} },
  };
  assert.equal((await logIn(context, {})).name, 'admin');
  assert.deepEqual(asked, ['User: ', 'Password: (secret)', 'Project (empty: your own): ']);
});
