import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { parseConfigure } from '@weft/ssntp/payloads/configure';
import { parseUuid } from '@weft/core/uuid';
import { createAuthority, issueLeaf } from '@weft/pki/certificate';
import { Role, oidsOfRoles } from '@weft/ssntp/role';
import { Value } from 'typebox/value';
import { ClusterKey, connectedPayload, parseCluster } from './config.ts';
import type { ClusterKeys } from './config.ts';
import { AdminOpenrcInvalid, administratorPassword } from './admin-openrc.ts';
import { AdminTokenInvalid, administratorToken } from './controller-part.ts';
import { CredentialsInvalid, readCredentials } from './credentials.ts';
import { NodeUnfit, requireFit } from './node.ts';
import { parseServers } from './servers.ts';

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'weft-parts-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const refusal =
  (pattern: RegExp) =>
  (error: unknown): boolean =>
    error instanceof CredentialsInvalid && pattern.test(error.message) && error.remedy !== undefined;

void test('the administrator’s token is made once, for its owner’s eyes only', async (t) => {
  const path = join(directory(t), 'admin.token');
  const token = await administratorToken(path);
  assert.match(token, /^[\w-]{43}$/);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(await administratorToken(path), token);
  assert.equal(readFileSync(path, 'utf8').trim(), token);
  writeFileSync(path, '\n');
  await assert.rejects(administratorToken(path), AdminTokenInvalid);
});

void test('the first administrator’s password is made once, in a file that the openstack client reads', async (t) => {
  const path = join(directory(t), 'admin-openrc');
  const api = { host: '::', port: 8889, ca: '/etc/weft/ca with space.pem' };
  const password = await administratorPassword(path, api);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(await administratorPassword(path, api), password);
  const said = execFileSync('sh', ['-c', '. "$1" && printf "%s %s %s" "$OS_PASSWORD" "$OS_AUTH_URL" "$OS_CACERT"', 'sh', path], {
    encoding: 'utf8',
  });
  assert.equal(said, `${password} https://127.0.0.1:8889/v3 /etc/weft/ca with space.pem`);
  writeFileSync(path, 'export OS_USERNAME=admin\n');
  await assert.rejects(administratorPassword(path, api), AdminOpenrcInvalid);
});

void test('identity and roles come from the certificate, and what is missing is named', async (t) => {
  const dir = directory(t);
  const authority = await createAuthority({ name: 'test', days: 1 });
  const uuid = parseUuid(randomUUID());
  const leaf = await issueLeaf(authority, { uuid, oids: oidsOfRoles(Role.CNAgent), name: 'node', days: 1 });
  const files = { ca: join(dir, 'ca'), cert: join(dir, 'cert'), key: join(dir, 'key') };
  writeFileSync(files.ca, authority.certPem);
  writeFileSync(files.cert, leaf.certPem);
  assert.throws(() => readCredentials(files, Role.CNAgent), refusal(/reading .*key/));
  writeFileSync(files.key, leaf.keyPem);
  assert.equal(readCredentials(files, Role.CNAgent).uuid, uuid);
  assert.throws(
    () => readCredentials(files, Role.CNAgent | Role.NetworkingAgent),
    refusal(/grants CNAgent, but .* CNAgent-NetworkingAgent/),
  );
  assert.throws(() => readCredentials({ ...files, cert: files.ca }, Role.CNAgent), refusal(/names no identity/));
  writeFileSync(files.cert, 'hello');
  assert.throws(() => readCredentials(files, Role.CNAgent), refusal(/is not a certificate/));
});

void test('the cluster’s keys have the design’s defaults and reach nodes in CONNECTED', () => {
  const keys = Value.Default(ClusterKey, { computeCidrs: ['10.88.0.0/24'] }) as ClusterKeys;
  const cluster = parseCluster('server.yaml', keys);
  assert.deepEqual(cluster.vniRange, { first: 10_000, last: 16_777_215 });
  assert.deepEqual([cluster.mtu, cluster.defaultTopology, cluster.uplink], [1450, 'mesh', undefined]);
  const told = parseConfigure(connectedPayload(keys));
  assert.deepEqual(told.launcher.compute_net, ['10.88.0.0/24']);
  assert.deepEqual(told.weft, { vxlan_port: 14_789, mtu: 1450, connections_per_port: 10_000, dns_domain: 'weft.internal' });
});

void test('servers are host:port, with 8888 when the port is not said', () => {
  assert.deepEqual(parseServers('f', ['control', '192.0.2.1:99', '[2001:db8::1]:7']), [
    { host: 'control', port: 8888 },
    { host: '192.0.2.1', port: 99 },
    { host: '2001:db8::1', port: 7 },
  ]);
  for (const wrong of ['', 'a:0', 'a:65536', '2001:db8::1', 'a b']) assert.throws(() => parseServers('f', [wrong]), /servers\[0\]/, wrong);
});

void test('a launcher without root says so and what to do', () => {
  assert.throws(
    () => requireFit({ roles: ['compute'] }, { path: '/bin', euid: 1000 }),
    (error) => error instanceof NodeUnfit && error.remedy === 'Start it as root.',
  );
});
