import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { ExternalKeystoneOptions, KeystoneLogin } from '@weft/controller/identity/external-keystone';
import { ConfigError } from '@weft/daemon/config';
import { Type } from 'typebox';
import type { Static } from 'typebox';

const Word = Type.String({ minLength: 1 });

/** Who may use the API. Without a word: users of the embedded identity service. */
export const IdentityKey = Type.Object(
  {
    keystone: Type.Optional(
      Type.Object({
        /** Its version 3: `https://keystone.example.org:5000/v3`. */
        url: Type.String(),
        /** The authority's certificate, a path, from the file's directory if relative. Absent: those that the machine trusts. */
        ca: Type.Optional(Word),
        /** How long what it says of a token is remembered; a revoked one is good for that long at most. */
        cacheSeconds: Type.Integer({ minimum: 0, maximum: 300, default: 30 }),
        /** Who Weft is there: a user with the role service or admin, by password … */
        username: Type.Optional(Word),
        password: Type.Optional(Word),
        userDomain: Type.String({ minLength: 1, default: 'Default' }),
        project: Type.String({ minLength: 1, default: 'service' }),
        projectDomain: Type.String({ minLength: 1, default: 'Default' }),
        /** … or by an application credential of such a user. */
        applicationCredentialId: Type.Optional(Word),
        applicationCredentialSecret: Type.Optional(Word),
      }),
    ),
  },
  { default: {} },
);

type IdentityKeys = Static<typeof IdentityKey>;
type KeystoneKeys = NonNullable<IdentityKeys['keystone']>;

/** Nothing for the embedded service. Throws ConfigError for what a schema cannot say, and for an authority that cannot be read. */
export function parseIdentity(path: string, { keystone }: IdentityKeys): Readonly<{ keystone?: ExternalKeystoneOptions }> {
  if (keystone === undefined) return {};
  const login = loginOf(keystone, (key, message) => refused(path, key, message));
  const { url, ca, cacheSeconds } = keystone;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !['https:', 'http:'].includes(parsed.protocol) || !/\/v3\/?$/.test(parsed.pathname)) {
    throw refused(path, 'url', `${url} is not the address of a Keystone v3 like https://keystone.example.org:5000/v3`);
  }
  if (parsed.protocol === 'http:' && !['127.0.0.1', '[::1]', 'localhost'].includes(parsed.hostname)) {
    throw refused(path, 'url', `${url} would send tokens and a password over the network unencrypted: use https`);
  }
  return {
    keystone: {
      url: url.replace(/\/$/, ''),
      login,
      cacheMs: cacheSeconds * 1000,
      ...(ca === undefined ? {} : { ca: authority(path, ca) }),
    },
  };
}

function loginOf(keys: KeystoneKeys, wrong: (key: string, message: string) => ConfigError): KeystoneLogin {
  const { username, password, userDomain, project, projectDomain, applicationCredentialId, applicationCredentialSecret } = keys;
  const byPassword = username !== undefined || password !== undefined;
  const byCredential = applicationCredentialId !== undefined || applicationCredentialSecret !== undefined;
  if (byPassword && byCredential) throw wrong('username', 'is there, and an application credential, too: only one of them can be used');
  if (applicationCredentialId !== undefined && applicationCredentialSecret !== undefined) {
    return { applicationCredentialId, applicationCredentialSecret };
  }
  if (byCredential) {
    throw wrong(
      applicationCredentialId === undefined ? 'applicationCredentialId' : 'applicationCredentialSecret',
      'is missing: an application credential has an id and a secret',
    );
  }
  if (username === undefined) throw wrong('username', 'is missing: say username and password, or applicationCredentialId and -Secret');
  if (password === undefined) throw wrong('password', 'is missing');
  return { username, password, userDomain, project, projectDomain };
}

function authority(path: string, ca: string): string {
  const file = resolve(dirname(path), ca);
  try {
    const pem = readFileSync(file, 'utf8');
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
  } catch (cause) {
    throw refused(path, 'ca', `${file} cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown reason'})`);
  }
  throw refused(path, 'ca', `${file} holds no certificate in PEM form`);
}

function refused(path: string, key: string, message: string): ConfigError {
  return new ConfigError(path, [{ line: undefined, key: `identity.keystone.${key}`, message }]);
}
