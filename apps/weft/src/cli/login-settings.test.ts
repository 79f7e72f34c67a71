import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { UsageError } from './failure.ts';
import { authBody, loginSettings } from './login-settings.ts';

const OPENRC = {
  OS_AUTH_URL: 'https://control:8889/v3',
  OS_CACERT: '/ca.pem',
  OS_USERNAME: 'alice',
  OS_PASSWORD: 'geheim',
  OS_PROJECT_NAME: 'red',
  OS_USER_DOMAIN_ID: 'default',
  OS_PROJECT_DOMAIN_NAME: 'Partner',
};

test('the variables of an openrc file say all, and flags say it better', () => {
  const { authUrl, caFile, user, project } = loginSettings({}, OPENRC);
  assert.deepEqual([authUrl, caFile, user, project], ['https://control:8889/v3', '/ca.pem', 'alice', 'red']);
  const other = loginSettings({ user: 'bob', project: 'blue', authUrl: 'https://x/v3', ca: 'c' }, OPENRC);
  assert.deepEqual([other.authUrl, other.caFile, other.user, other.project], ['https://x/v3', 'c', 'bob', 'blue']);
});

test('domains are named by id or by name', () => {
  assert.deepEqual(authBody(loginSettings({}, OPENRC)).auth, {
    identity: { methods: ['password'], password: { user: { name: 'alice', domain: { id: 'default' }, password: 'geheim' } } },
    scope: { project: { name: 'red', domain: { name: 'Partner' } } },
  });
});

test('an application credential is enough, unless a user is named', () => {
  const env = { ...OPENRC, OS_APPLICATION_CREDENTIAL_ID: 'i', OS_APPLICATION_CREDENTIAL_SECRET: 's' };
  assert.deepEqual(authBody(loginSettings({}, env)).auth, {
    identity: { methods: ['application_credential'], application_credential: { id: 'i', secret: 's' } },
  });
  assert.deepEqual(authBody(loginSettings({ user: 'bob' }, env)).auth.identity.methods, ['password']);
});

test('a cloud of clouds.yaml says what nothing else does', () => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-clouds-'));
  try {
    const file = join(directory, 'clouds.yaml');
    writeFileSync(
      file,
      'cache: {auth: true}\nclouds:\n  mine:\n    region_name: R\n    cacert: /c.pem\n    auth: {auth_url: https://k/v3, username: u, password: 7, project_name: p}\n',
    );
    const env = { OS_CLIENT_CONFIG_FILE: file, OS_USERNAME: 'other' };
    const { authUrl, caFile, user, password, project, region } = loginSettings({ cloud: 'mine' }, env);
    assert.deepEqual([authUrl, caFile, user, password, project, region], ['https://k/v3', '/c.pem', 'other', '7', 'p', 'R']);
    assert.throws(
      () => loginSettings({ cloud: 'constructor' }, env),
      (error) => error instanceof UsageError && error.remedy === 'There are: mine.',
    );
    writeFileSync(file, 'clouds: [');
    assert.throws(() => loginSettings({ cloud: 'mine' }, env), /clouds\.yaml cannot be read/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('what is set to nothing is not set', () => {
  assert.equal(loginSettings({}, { OS_USERNAME: '', OS_CLOUD: '' }).user, undefined);
});
