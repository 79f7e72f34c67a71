/** Who logs in where: from flags, from the variables that OpenStack's clients read (OS_…), and from a clouds.yaml. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '@weft/daemon/config';
import { Type } from 'typebox';
import type { AuthBody } from '@weft/api/identity';
import type { Env } from './cli-context.ts';
import { MachineLacks, UsageError } from './failure.ts';

/** Absent: not said anywhere. */
export type LoginSettings = Readonly<{
  authUrl: string | undefined;
  caFile: string | undefined;
  user: string | undefined;
  userDomain: string;
  password: string | undefined;
  project: string | undefined;
  projectDomain: string;
  credentialId: string | undefined;
  credentialSecret: string | undefined;
  region: string | undefined;
}>;

export type LoginFlags = Readonly<{ authUrl?: string; ca?: string; user?: string; project?: string; cloud?: string }>;

/** Flags come before variables, and those before the cloud of clouds.yaml. Throws UsageError, MachineLacks. */
export function loginSettings(flags: LoginFlags, env: Env): LoginSettings {
  const name = flags.cloud ?? given(env['OS_CLOUD']);
  const cloud = name === undefined ? {} : cloudOf(name, env);
  const auth = (cloud['auth'] ?? {}) as Readonly<Record<string, unknown>>;
  const pick = (flag: string | undefined, variables: readonly string[], ...values: readonly unknown[]): string | undefined =>
    flag ??
    variables.map((variable) => given(env[variable])).find((text) => text !== undefined) ??
    values.map(textOf).find((text) => text !== undefined);
  return {
    authUrl: pick(flags.authUrl, ['OS_AUTH_URL'], auth['auth_url']),
    caFile: pick(flags.ca, ['OS_CACERT'], cloud['cacert']),
    user: pick(flags.user, ['OS_USERNAME'], auth['username']),
    userDomain:
      pick(undefined, ['OS_USER_DOMAIN_NAME', 'OS_USER_DOMAIN_ID', 'OS_DOMAIN_NAME'], auth['user_domain_name'], auth['user_domain_id']) ??
      'Default',
    password: pick(undefined, ['OS_PASSWORD'], auth['password']),
    project: pick(flags.project, ['OS_PROJECT_NAME', 'OS_TENANT_NAME'], auth['project_name']),
    projectDomain:
      pick(
        undefined,
        ['OS_PROJECT_DOMAIN_NAME', 'OS_PROJECT_DOMAIN_ID', 'OS_DOMAIN_NAME'],
        auth['project_domain_name'],
        auth['project_domain_id'],
      ) ?? 'Default',
    credentialId:
      flags.user === undefined ? pick(undefined, ['OS_APPLICATION_CREDENTIAL_ID'], auth['application_credential_id']) : undefined,
    credentialSecret: pick(undefined, ['OS_APPLICATION_CREDENTIAL_SECRET'], auth['application_credential_secret']),
    region: pick(undefined, ['OS_REGION_NAME'], cloud['region_name']),
  };
}

/** The body of the log-in. A domain may be named by its name or its id: `default` is the id of the one called Default. */
export function authBody(settings: LoginSettings): AuthBody {
  const { user, userDomain, password, project, projectDomain, credentialId, credentialSecret } = settings;
  if (credentialId !== undefined && credentialSecret !== undefined) {
    return {
      auth: { identity: { methods: ['application_credential'], application_credential: { id: credentialId, secret: credentialSecret } } },
    };
  }
  if (user === undefined || password === undefined) throw new UsageError('who logs in?', 'Say --user, or set OS_USERNAME.');
  const identity = { methods: ['password'], password: { user: { name: user, domain: domainOf(userDomain), password } } };
  const scope = project === undefined ? {} : { scope: { project: { name: project, domain: domainOf(projectDomain) } } };
  return { auth: { identity, ...scope } };
}

/** Throws UsageError for a name that could not be typed after --as, or would clash with how tokens are kept. */
export function checkTokenName(name: string): string {
  if (/^[\w@.-]{1,255}$/.test(name) && !['__proto__', 'constructor'].includes(name)) return name;
  throw new UsageError(`a token cannot be called ${JSON.stringify(name)}`, 'Say --as NAME, with letters, digits, and @ . _ - only.');
}

function domainOf(text: string): Readonly<{ id: string } | { name: string }> {
  return text === 'default' ? { id: text } : { name: text };
}

/** The first of the places that OpenStack's clients look at. */
function cloudOf(name: string, env: Env): Readonly<Record<string, unknown>> {
  const home = given(env['HOME']);
  const own = home === undefined ? [] : [join(home, '.config/openstack/clouds.yaml')];
  const chosen = given(env['OS_CLIENT_CONFIG_FILE']);
  const paths = [...(chosen === undefined ? [] : [chosen]), 'clouds.yaml', ...own, '/etc/openstack/clouds.yaml'];
  const path = paths.find((each) => existsSync(each));
  if (path === undefined) {
    throw new MachineLacks('clouds_missing', `there is no cloud ${name}: none of ${paths.join(', ')} exists`, {
      remedy: 'Write one, or say --auth-url, --user and --project.',
    });
  }
  const clouds = cloudsIn(path);
  const cloud = Object.hasOwn(clouds, name) ? clouds[name] : undefined;
  if (typeof cloud === 'object' && cloud !== null) return cloud as Readonly<Record<string, unknown>>;
  throw new UsageError(`${path} has no cloud ${name}`, `There are: ${Object.keys(clouds).join(', ')}.`);
}

/** What else of the file there is means nothing to us. */
const CloudsFile = Type.Object({
  clouds: Type.Record(Type.String(), Type.Unknown(), { default: {} }),
  cache: Type.Optional(Type.Unknown()),
  client: Type.Optional(Type.Unknown()),
  metrics: Type.Optional(Type.Unknown()),
});

function cloudsIn(path: string): Readonly<Record<string, unknown>> {
  try {
    return loadConfig({ path, schema: CloudsFile }).clouds;
  } catch (cause) {
    throw new MachineLacks('clouds_invalid', `${path} cannot be read`, {
      remedy: 'Correct the file, or say --auth-url, --user and --project.',
      cause,
    });
  }
}

function given(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? given(String(value)) : undefined;
}
