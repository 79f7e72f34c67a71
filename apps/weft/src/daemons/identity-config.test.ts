import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ConfigError, loadConfig } from '@weft/daemon/config';
import { Type } from 'typebox';
import { IdentityKey, parseIdentity } from './identity-config.ts';

const URL_LINE = 'url: https://keystone.example.org:5000/v3';
const USER = 'username: weft, password: secret';

function parsed(keystone: string, path = '/etc/weft/server.yaml'): ReturnType<typeof parseIdentity> {
  const schema = Type.Object({ identity: IdentityKey });
  const text = keystone === '' ? '{}' : `identity: {keystone: {${keystone}}}`;
  return parseIdentity(path, loadConfig({ path, schema, text }).identity);
}

test('without a word the identity service is the embedded one', () => {
  assert.deepEqual(parsed(''), {});
});

test('a user with a password is in the default domain and the project service, if nothing else is said', () => {
  assert.deepEqual(parsed(`${URL_LINE}/, ${USER}`).keystone, {
    url: 'https://keystone.example.org:5000/v3',
    cacheMs: 30_000,
    login: { username: 'weft', password: 'secret', userDomain: 'Default', project: 'service', projectDomain: 'Default' },
  });
});

test('an application credential says all by itself', () => {
  const { keystone } = parsed(`${URL_LINE}, applicationCredentialId: a, applicationCredentialSecret: b, cacheSeconds: 0`);
  assert.deepEqual([keystone?.login, keystone?.cacheMs], [{ applicationCredentialId: 'a', applicationCredentialSecret: 'b' }, 0]);
});

test('the authority is read from beside the file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-'));
  try {
    writeFileSync(join(directory, 'ca.pem'), '-----BEGIN CERTIFICATE-----\n');
    writeFileSync(join(directory, 'key.pem'), 'nothing');
    const path = join(directory, 'server.yaml');
    assert.equal(parsed(`${URL_LINE}, ${USER}, ca: ca.pem`, path).keystone?.ca, '-----BEGIN CERTIFICATE-----\n');
    assert.throws(() => parsed(`${URL_LINE}, ${USER}, ca: key.pem`, path), /identity\.keystone\.ca: .*key\.pem holds no certificate/);
    assert.throws(
      () => parsed(`${URL_LINE}, ${USER}, ca: none.pem`, path),
      /identity\.keystone\.ca: .*none\.pem cannot be read \(ENOENT\)/,
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('what cannot be is refused by its key', () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    [`url: keystone, ${USER}`, /identity\.keystone\.url: keystone is not the address/],
    [`url: https://keystone.example.org:5000, ${USER}`, /identity\.keystone\.url: .* is not the address of a Keystone v3/],
    [`url: http://keystone.example.org:5000/v3, ${USER}`, /identity\.keystone\.url: .*unencrypted: use https/],
    [URL_LINE, /identity\.keystone\.username: is missing: say username and password, or/],
    [`${URL_LINE}, username: weft`, /identity\.keystone\.password: is missing/],
    [`${URL_LINE}, applicationCredentialId: a`, /identity\.keystone\.applicationCredentialSecret: is missing/],
    [`${URL_LINE}, ${USER}, applicationCredentialId: a`, /only one of them/],
    [`${URL_LINE}, ${USER}, cacheSeconds: 3600`, /cacheSeconds/],
    [`${URL_LINE}, ${USER}, user: x`, /user/],
  ];
  for (const [text, message] of wrong) {
    assert.throws(
      () => parsed(text),
      (error) => error instanceof ConfigError && message.test(error.message),
      text,
    );
  }
  assert.doesNotThrow(() => parsed(`url: 'http://127.0.0.1:5000/v3', ${USER}`));
});
