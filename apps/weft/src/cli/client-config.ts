import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ConfigError, loadConfig } from '@weft/daemon/config';
import { nearest } from '@weft/daemon/nearest';
import { labPaths } from '@weft/lab/lab-paths';
import { Type } from 'typebox';
import { MachineLacks, UsageError } from './failure.ts';

/** What a client needs: where the API is, whom to trust, and tokens by name (`admin`, or a tenant's). */
const ClientFile = Type.Object({
  url: Type.String(),
  /** A path, from the file's directory if relative, or the certificate itself; absent: the authorities that the machine trusts. */
  ca: Type.Optional(Type.String({ minLength: 1 })),
  tokens: Type.Record(Type.String(), Type.String()),
  /** Where `weft login` got tokens, and until when those by their names are good. */
  authUrl: Type.Optional(Type.String()),
  expires: Type.Optional(Type.Record(Type.String(), Type.String())),
});

export type ClientConfig = Readonly<{
  path: string;
  url: string;
  ca: string | undefined;
  tokens: Readonly<Record<string, string>>;
  authUrl: string | undefined;
  expires: Readonly<Record<string, string>>;
}>;

const HOW_TO_WRITE =
  'log in with `weft login`, or write url, ca and tokens into one, as in: {url: "https://control:8889", ca: ca.pem, tokens: {admin: "…"}}';

/** Where the configuration may be: WEFT_CONFIG alone if it is set, else the user's own file, else that of a running lab. */
export function clientConfigPaths(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const chosen = env['WEFT_CONFIG'] ?? '';
  if (chosen !== '') return [chosen];
  const home = env['HOME'] ?? '';
  return [...(home === '' ? [] : [join(home, '.config/weft/client.yaml')]), labPaths().client];
}

/** The one that `weft login` writes. Throws MachineLacks where nobody has a home. */
export function ownClientConfigPath(env: Readonly<Record<string, string | undefined>>): string {
  const [path] = clientConfigPaths(env);
  if (path === undefined || path === labPaths().client) {
    throw new MachineLacks('no_home', 'there is no place for a client configuration: neither WEFT_CONFIG nor HOME is set', {
      remedy: 'Name a file in WEFT_CONFIG.',
    });
  }
  return path;
}

/**
 * Reads the first of these files that exists; the others do not count, also if it is wrong. `mayBeEmpty`: also one without tokens.
 * Throws MachineLacks.
 */
export function loadClientConfig(paths: readonly string[], { mayBeEmpty = false } = {}): ClientConfig {
  const path = paths.find((each) => existsSync(each));
  if (path === undefined) {
    throw new MachineLacks('client_config_missing', `there is no client configuration: neither ${paths.join(' nor ')} exists`, {
      remedy:
        paths.length === 1
          ? `Correct WEFT_CONFIG, or ${HOW_TO_WRITE}.`
          : `Start a lab with \`npm start\`, or ${HOW_TO_WRITE}; WEFT_CONFIG may name yet another file.`,
    });
  }
  const { url, ca, tokens, authUrl, expires = {} } = read(path);
  if (!URL.canParse(url) || new URL(url).protocol !== 'https:')
    throw invalid(path, `url: ${JSON.stringify(url)} is not an https:// address`);
  for (const [name, token] of Object.entries(tokens)) {
    // Anything else could not be sent in a header. The token itself is nobody's business.
    if (!/^[\x21-\x7e]+$/.test(token)) throw invalid(path, `tokens.${name}: is empty or has characters that no token has`);
  }
  if (!mayBeEmpty && Object.keys(tokens).length === 0) {
    throw new MachineLacks('not_logged_in', `${path} has no token`, { remedy: 'Log in with `weft login`.' });
  }
  return { path, url, ca: ca === undefined ? undefined : authority(path, ca), tokens, authUrl, expires };
}

/**
 * The name and the token: the one asked for, else admin's, else the only one. Throws UsageError naming those that there are, MachineLacks for one
 * of `weft login` that is over.
 */
export function chooseToken(config: ClientConfig, wanted: string | undefined, nowMs = Date.now()): readonly [name: string, token: string] {
  const names = Object.keys(config.tokens);
  const name = wanted ?? (Object.hasOwn(config.tokens, 'admin') || names.length !== 1 ? 'admin' : names[0]!);
  const token = Object.hasOwn(config.tokens, name) ? config.tokens[name] : undefined;
  if (token !== undefined) {
    checkNotOver(config, name, nowMs);
    return [name, token];
  }
  const known = `There are: ${names.join(', ')}.`;
  if (wanted === undefined)
    throw new UsageError(`${config.path} has several tokens, and none called admin`, `Say which, with --as. ${known}`);
  const meant = nearest(name, names);
  throw new UsageError(`${config.path} has no token called ${name}`, meant === undefined ? known : `Did you mean --as ${meant}? ${known}`);
}

function checkNotOver({ expires, path }: ClientConfig, name: string, nowMs: number): void {
  const end = Object.hasOwn(expires, name) ? Date.parse(expires[name] ?? '') : Number.NaN;
  if (Number.isNaN(end) || nowMs < end) return;
  throw new MachineLacks('token_over', `the token ${name} of ${path} ended at ${expires[name]}`, {
    remedy: `Log in again: weft login --as ${name}`,
  });
}

function read(path: string): ReturnType<typeof loadConfig<typeof ClientFile>> {
  try {
    return loadConfig({ path, schema: ClientFile });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const unreadable = (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EACCES';
    const remedy = unreadable
      ? 'Run the command as the user whose file it is (a lab’s is root’s), or name another one in WEFT_CONFIG.'
      : 'Correct the file, or name another one in WEFT_CONFIG.';
    throw new MachineLacks('client_config_invalid', error.message, { remedy });
  }
}

function authority(path: string, ca: string): string {
  if (ca.includes('-----BEGIN CERTIFICATE-----')) return ca;
  const file = resolve(dirname(path), ca);
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (cause) {
    throw invalid(path, `ca: ${file} cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown reason'})`);
  }
  if (!content.includes('-----BEGIN CERTIFICATE-----')) throw invalid(path, `ca: ${file} holds no certificate in PEM form`);
  return content;
}

function invalid(path: string, problem: string): MachineLacks {
  return new MachineLacks('client_config_invalid', `configuration ${path}: ${problem}`, {
    remedy: 'Correct the file, or name another one in WEFT_CONFIG.',
  });
}
