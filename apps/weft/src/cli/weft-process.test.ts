/** The whole way: the executable, a client configuration, HTTPS, and a controller with its store in memory. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tokenHash } from '@weft/controller/rest/authenticate';
import { Identity } from '@weft/controller/identity/identity';
import { createRest } from '@weft/controller/rest/rest';
import { countedRandomness, nodeId, openController } from '@weft/controller/test-support';
import { createAuthority, issueLeaf } from '@weft/pki/certificate';

const WEFT = fileURLToPath(new URL('../../bin/weft.mjs', import.meta.url));
const stack = new AsyncDisposableStack();
let directory = '';
let url = '';
let ca = '';

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'weft-process-'));
  stack.defer(() => rmSync(directory, { recursive: true }));
  const authority = await createAuthority({ name: 'test', days: 1 });
  const leaf = await issueLeaf(authority, { uuid: nodeId(9), oids: [], ipAddresses: ['127.0.0.1'], name: 'server', days: 1 });
  ca = authority.certPem;
  const rig = await openController();
  stack.defer(() => rig.controller.close());
  const more = { wallMs: () => rig.clock.wallMs(), ...countedRandomness() };
  const identity = new Identity({}, { cluster: rig.controller.cluster, ...more });
  const rest = createRest(
    { adminTokenHash: tokenHash('admin-token'), https: { cert: leaf.certPem, key: leaf.keyPem } },
    { controller: rig.controller, identity, log: rig.log, ...more },
  );
  stack.defer(() => rest.close());
  await rest.listen({ host: '127.0.0.1', port: 0 });
  url = `https://127.0.0.1:${(rest.server.address() as AddressInfo).port}`;
});
after(() => stack.disposeAsync());

type Ran = Readonly<{ out: string; err: string; code: number | null }>;

function configFile(name: string, content: object): string {
  const path = join(directory, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

async function weft(config: string, args: readonly string[], options: Readonly<{ reader?: 'gone' }> = {}): Promise<Ran> {
  const child = spawn(process.execPath, [WEFT, ...args], {
    env: { WEFT_CONFIG: config, HOME: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  if (options.reader === 'gone') child.stdout.destroy();
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { out, err, code };
}

test('a tenant is made, and makes and deletes a network, over HTTPS', async () => {
  const admin = configFile('admin.yaml', { url, ca, tokens: { admin: 'admin-token' } });
  const made = await weft(admin, ['tenant', 'create', 'green', '--json']);
  assert.deepEqual([made.err, made.code], ['', 0]);
  const { token } = JSON.parse(made.out) as Readonly<{ token: string }>;

  const both = configFile('both.yaml', { url, ca, tokens: { admin: 'admin-token', green: token } });
  assert.equal((await weft(both, ['network', 'create', 'front', '--as', 'green'])).code, 0);
  const subnet = await weft(both, ['subnet', 'create', 'v4', '--network', 'front', '--cidr', '10.0.0.0/24', '--as', 'green']);
  assert.match(subnet.out, /^gateway +10\.0\.0\.1$/m, subnet.err);
  const listed = await weft(both, ['network', 'list']);
  assert.match(
    listed.out,
    /^ID +NAME +SUBNETS +TOPOLOGY +MTU +TENANT\n[0-9a-f]{8} +front +10\.0\.0\.0\/24 +mesh +1450 +green\n$/,
    listed.err,
  );

  const overlapping = await weft(both, ['subnet', 'create', 'x', '--network', 'front', '--cidr', '10.0.0.0/16', '--as', 'green']);
  assert.match(overlapping.err, /^weft: .*overlap.*\n(.+\n)?\(request req-[0-9a-f-]+\)\n$/i);
  assert.deepEqual([overlapping.out, overlapping.code], ['', 1]);

  const gone = await weft(both, ['subnet', 'delete', 'v4', '--as', 'green']);
  assert.deepEqual([gone.out, gone.err, gone.code], ['', 'deleted subnet v4\n', 0]);
});

test('a token that nobody knows, and an authority that is another’s, are told with a remedy', async () => {
  const stranger = await weft(configFile('stranger.yaml', { url, ca, tokens: { admin: 'wrong' } }), ['network', 'list']);
  assert.match(stranger.err, /Check the token of your client configuration, or get one with `weft login`\./);
  assert.equal(stranger.code, 1);
  const other = await createAuthority({ name: 'other', days: 1 });
  const mistrusted = await weft(configFile('other.yaml', { url, ca: other.certPem, tokens: { admin: 'admin-token' } }), [
    'network',
    'list',
  ]);
  assert.match(
    mistrusted.err,
    /^weft: calling the API at https:\/\/127\.0\.0\.1:\d+: .*\nCheck that `weft server` runs there and that url and ca/,
  );
  assert.equal(mistrusted.code, 1);
});

test('without a configuration the exit code is 3, also after --as', async () => {
  const missing = await weft(join(directory, 'none.yaml'), ['--as', 'red', 'port', 'list']);
  assert.match(missing.err, /^weft: there is no client configuration: .*\nCorrect WEFT_CONFIG/);
  assert.deepEqual([missing.out, missing.code], ['', 3]);
});

test('a reader that has gone, as of a pipe to head, is no failure', async () => {
  const { err, code } = await weft('', ['--help'], { reader: 'gone' });
  assert.deepEqual([err, code], ['', 0]);
});
