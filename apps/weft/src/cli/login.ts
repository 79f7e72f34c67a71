/** What `weft login` and `weft logout` do. Apart from the commands: it loads HTTPS, schemas and YAML. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { IdentityClient } from '@weft/api/identity-client';
import type { LoginView } from '@weft/api/identity-client';
import { writeFileAtomic } from '@weft/daemon/atomic-file';
import type { CliContext } from './cli-context.ts';
import { loadClientConfig, ownClientConfigPath } from './client-config.ts';
import type { ClientConfig } from './client-config.ts';
import { MachineLacks, UsageError } from './failure.ts';
import { authBody, checkTokenName, loginSettings } from './login-settings.ts';
import type { LoginFlags, LoginSettings } from './login-settings.ts';

type Flags = LoginFlags & Readonly<{ as?: string; api?: string; replace?: boolean }>;

export type LoggedInAs = Readonly<{ name: string; path: string; expiresAt: string; user: string }>;

/** Throws UsageError, MachineLacks, ApiError; the file is then as it was. */
export async function logIn(context: CliContext, flags: Flags): Promise<LoggedInAs> {
  const path = ownClientConfigPath(context.process.env);
  const old = existsSync(path) ? loadClientConfig([path], { mayBeEmpty: true }) : undefined;
  const settings = await completed(context, loginSettings(flags, context.process.env), old);
  const authUrl = httpsUrl(settings.authUrl ?? '', 'the identity service');
  // The authority of the cluster that is configured is that of its identity service, if that is where it is.
  const ca = settings.caFile === undefined ? (old?.authUrl === authUrl ? old.ca : undefined) : pemOf(settings.caFile);
  const { token, view } = await identityClient(authUrl, ca).login(authBody(settings));
  const url = httpsUrl(flags.api ?? networkUrl(view, settings.region), 'the network API');
  const name = checkTokenName(flags.as ?? view.project?.name ?? view.user.name);
  if (old !== undefined && flags.replace !== true && new URL(old.url).origin !== new URL(url).origin) {
    throw new UsageError(
      `${path} is for the cluster at ${old.url}, and this one is at ${url}`,
      'Say --replace to forget that one, or name another file in WEFT_CONFIG.',
    );
  }
  const kept = old === undefined || flags.replace === true ? { tokens: {}, expires: {} } : old;
  await save(path, {
    url,
    ...(ca === undefined ? {} : { ca }),
    authUrl,
    tokens: { ...kept.tokens, [name]: token },
    expires: { ...kept.expires, [name]: view.expires_at },
  });
  return { name, path, expiresAt: view.expires_at, user: view.user.name };
}

/** The name of the token that is over. Throws UsageError, MachineLacks, ApiError; the token is then still in the file. */
export async function logOut(context: CliContext, as: string | undefined): Promise<string> {
  const path = ownClientConfigPath(context.process.env);
  if (!existsSync(path)) throw new UsageError(`nobody is logged in: there is no ${path}`, 'weft login --help says how to log in.');
  const config = loadClientConfig([path], { mayBeEmpty: true });
  const names = Object.keys(config.expires).filter((each) => Object.hasOwn(config.tokens, each));
  const name = as ?? (names.length === 1 ? names[0] : undefined);
  const known = names.length === 0 ? 'weft login --help says how to log in.' : `Say --as, one of: ${names.join(', ')}.`;
  if (name === undefined) throw new UsageError(names.length === 0 ? 'nobody is logged in' : 'several are logged in', known);
  const token = names.includes(name) ? config.tokens[name] : undefined;
  if (token === undefined || config.authUrl === undefined) throw new UsageError(`${name} is no token that weft login got`, known);
  await identityClient(config.authUrl, config.ca).revoke(token);
  const without = <V>(entries: Readonly<Record<string, V>>) => Object.fromEntries(Object.entries(entries).filter(([key]) => key !== name));
  const { url, ca, authUrl, tokens, expires } = config;
  await save(path, { url, ...(ca === undefined ? {} : { ca }), authUrl, tokens: without(tokens), expires: without(expires) });
  return name;
}

function identityClient(authUrl: string, ca: string | undefined): IdentityClient {
  return new IdentityClient({ authUrl, ...(ca === undefined ? {} : { ca }) });
}

/** Asks on the terminal for what is still missing. Throws UsageError where there is none to ask on. */
async function completed(context: CliContext, settings: LoginSettings, old: ClientConfig | undefined): Promise<LoginSettings> {
  const ask = async (what: string, hint: string, secret = false): Promise<string> => {
    const answer = (await context.ask?.(`${what}: `, { secret }))?.trim() ?? '';
    if (answer === '') throw new UsageError(`${what.toLowerCase()} is missing`, hint);
    return answer;
  };
  const authUrl = settings.authUrl ?? old?.authUrl ?? (await ask('Identity service (URL)', 'Say --auth-url, or set OS_AUTH_URL.'));
  if (settings.credentialId !== undefined) {
    const hint = 'Set OS_APPLICATION_CREDENTIAL_SECRET.';
    return { ...settings, authUrl, credentialSecret: settings.credentialSecret ?? (await ask('Secret', hint, true)) };
  }
  const user = settings.user ?? (await ask('User', 'Say --user, or set OS_USERNAME.'));
  const password = settings.password ?? (await ask('Password', 'Set OS_PASSWORD, or run it on a terminal to be asked.', true));
  const project = settings.project ?? (await context.ask?.('Project (empty: your own): ', { secret: false }))?.trim();
  return { ...settings, authUrl, user, password, project: project === '' ? undefined : project };
}

/** The public endpoint of the network service, of the region if one is said. */
function networkUrl({ catalog = [] }: LoginView, region: string | undefined): string {
  const services = catalog.filter(({ type }) => type === 'network');
  const endpoints = services.flatMap((service) => service.endpoints).filter((endpoint) => endpoint.interface === 'public');
  const here = endpoints.filter((endpoint) => region === undefined || (endpoint as { region?: string }).region === region);
  const url = (here[0] ?? endpoints[0])?.url;
  if (url === undefined) {
    throw new MachineLacks('no_network_service', 'the identity service does not say where the network API is', {
      remedy: 'Say --project if you said none, or --api URL; the operator can add an endpoint of the type network to its catalog.',
    });
  }
  return url.replace(/\/(v2\.0\/?)?$/, '');
}

function httpsUrl(text: string, what: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:') throw new UsageError(`${JSON.stringify(text)} is not an https:// address of ${what}`);
  return text.replace(/\/$/, '');
}

/** Kept in the file itself, so that it does not depend on where this one goes. */
function pemOf(file: string): string {
  let content: string;
  try {
    content = readFileSync(resolve(file), 'utf8');
  } catch (cause) {
    throw new UsageError(
      `the authority’s certificate ${file} cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown reason'})`,
    );
  }
  if (!content.includes('-----BEGIN CERTIFICATE-----')) throw new UsageError(`${file} holds no certificate in PEM form`);
  return content;
}

/** JSON is YAML. For nobody else to read from its first moment, and whole whenever this process is killed. */
async function save(path: string, content: object): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
}
