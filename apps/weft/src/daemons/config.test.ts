import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, loadConfig } from '@weft/daemon/config';
import { Type } from 'typebox';
import { checkHttps, ClusterKey, HttpsKey, connectedPayload, parseCluster } from './config.ts';
import type { ClusterKeys, HttpsKeys } from './config.ts';

const path = 'server.yaml';

function keys(text = ''): ClusterKeys {
  const lines = text.split('\n').map((line) => `  ${line}\n`);
  const schema = Type.Object({ cluster: ClusterKey });
  return loadConfig({ path, schema, text: text === '' ? '{}' : `cluster:\n${lines.join('')}` }).cluster;
}

const refused = (text: string, message: RegExp): void =>
  assert.throws(
    () => parseCluster(path, keys(text)),
    (error) => error instanceof ConfigError && message.test(error.message),
  );

test('without a word about it there is no SSH reach, idle concentrators are kept five minutes, and names end in weft.internal', () => {
  const cluster = keys();
  assert.equal(parseCluster(path, cluster).sshPorts, undefined);
  assert.equal(cluster.concentratorIdleSeconds, 300);
  const { configure } = connectedPayload(cluster) as { configure: { weft: object } };
  assert.deepEqual(configure.weft, { vxlan_port: 14_789, mtu: 1450, connections_per_port: 10_000, dns_domain: 'weft.internal' });
});

test('what the operator says is taken over', () => {
  const cluster = keys(
    'sshPorts: {first: 30000, last: 39999}\nquotas: {port: -1, security_group: 20}\nconcentratorIdleSeconds: 5\ndnsDomain: cloud.example',
  );
  assert.deepEqual(parseCluster(path, cluster).sshPorts, { first: 30_000, last: 39_999 });
  assert.deepEqual(parseCluster(path, cluster).quotas, { port: -1, security_group: 20 });
  assert.equal(cluster.concentratorIdleSeconds, 5);
  assert.equal((connectedPayload(cluster) as { configure: { weft: { dns_domain: string } } }).configure.weft.dns_domain, 'cloud.example');
});

test('what cannot be is refused by its key', () => {
  refused('sshPorts: {first: 40000, last: 39999}', /cluster\.sshPorts\.last: 39999 is below first, 40000/);
  refused('sshPorts: {first: 22, last: 23}', /sshPorts/);
  refused('sshPorts: {first: 30000}', /sshPorts/);
  refused('quotas: {port: -2}', /quotas/);
  refused('quotas: {prot: 2}', /prot/);
  refused('concentratorIdleSeconds: 0', /concentratorIdleSeconds/);
  for (const domain of ['Weft.Internal', 'weft..internal', '-weft', `'${'a.'.repeat(95)}a'`, "''", 'weft internal']) {
    refused(`dnsDomain: ${domain}`, /cluster\.dnsDomain/);
  }
});

test('proxies are addresses and prefixes, and what is not is named', () => {
  checkHttps(path, https("trustedProxies: ['192.0.2.7', '192.0.2.0/24', '2001:db8::/32', '::1']"));
  for (const proxy of ['proxy.example', '192.0.2.0/33', '192.0.2.0/', '192.0.2.0/24/1', '2001:db8::/129', '']) {
    assert.throws(
      () => checkHttps(path, https(`trustedProxies: ['::1', '${proxy}']`)),
      (error) => error instanceof ConfigError && error.message.includes(`https.trustedProxies: ${proxy} is neither`),
      proxy,
    );
  }
});

test('pages of other origins are let in only where their origins are named as browsers send them', () => {
  assert.equal(https('').cors, undefined);
  checkHttps(path, https("cors: {origins: ['https://console.example.org', 'http://localhost:5173']}"));
  for (const [origin, problem] of [
    ['*', /every page/],
    ['https://console.example.org/', /write https:\/\/console\.example\.org$/m],
    ['console.example.org', /is not an origin like/],
  ] as const) {
    assert.throws(
      () => checkHttps(path, https(`cors: {origins: ['${origin}']}`)),
      (error) => error instanceof ConfigError && error.message.includes(`https.cors.origins: ${origin} `) && problem.test(error.message),
      origin,
    );
  }
  assert.throws(() => https('cors: {origins: []}'), /https\.cors\.origins/);
  assert.throws(() => https('cors: {}'), /https\.cors\.origins/);
});

function https(text: string): HttpsKeys {
  const schema = Type.Object({ https: HttpsKey });
  return loadConfig({ path, schema, text: text === '' ? '{}' : `https: {${text}}` }).https;
}
