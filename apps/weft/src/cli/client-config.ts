import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WeftError } from '@weft/core/weft-error';
import { loadConfig } from '@weft/daemon/config';
import { nearest } from '@weft/daemon/nearest';
import { Type } from 'typebox';

/** What a client needs: where the API is, whom to trust, and tokens by name (`admin`, or a tenant's). */
const ClientFile = Type.Object({ url: Type.String(), ca: Type.Optional(Type.String()), tokens: Type.Record(Type.String(), Type.String()) });

export type ClientConfig = Readonly<{ path: string; url: string; ca: string | undefined; tokens: Readonly<Record<string, string>> }>;

/** A running lab writes this one. */
export const LAB_CLIENT_FILE = '/run/weft-lab/client.yaml';

/** There is no client configuration, or no token of that name in it. */
export class ClientConfigMissing extends WeftError {
  constructor(message: string, remedy: string) {
    super('client_config_missing', message, { remedy });
  }
}

/** Where the configuration may be: WEFT_CONFIG alone if it is set, else the user's own file, else that of a running lab. */
export function clientConfigPaths(env: Readonly<Record<string, string | undefined>>): string[] {
  const chosen = env['WEFT_CONFIG'];
  if (chosen !== undefined && chosen !== '') return [chosen];
  const home = env['HOME'];
  return [...(home === undefined || home === '' ? [] : [join(home, '.config/weft/client.yaml')]), LAB_CLIENT_FILE];
}

/** Reads the first configuration that exists. Throws {@link ClientConfigMissing}, ConfigError. */
export function loadClientConfig(paths: readonly string[]): ClientConfig {
  const path = paths.find((each) => existsSync(each));
  if (path === undefined) {
    throw new ClientConfigMissing(
      `there is no client configuration (looked at ${paths.join(', ')})`,
      'Start the lab with `npm start`, or write url, ca and tokens into one of these files, or name another in WEFT_CONFIG.',
    );
  }
  const { url, ca, tokens } = loadConfig({ path, schema: ClientFile });
  return { path, url, ca: ca === undefined ? undefined : readAuthority(path, ca), tokens };
}

/** The token called `name`. Throws {@link ClientConfigMissing} naming those that there are. */
export function tokenOf(config: ClientConfig, name: string): string {
  const token = Object.hasOwn(config.tokens, name) ? config.tokens[name] : undefined;
  if (token !== undefined) return token;
  const names = Object.keys(config.tokens);
  const meant = nearest(name, names);
  throw new ClientConfigMissing(
    `${config.path} has no token called ${name}`,
    meant === undefined ? `Use --as with one of: ${names.join(', ')}.` : `Did you mean --as ${meant}? There are: ${names.join(', ')}.`,
  );
}

function readAuthority(path: string, ca: string): string {
  try {
    return readFileSync(ca, 'utf8');
  } catch (cause) {
    throw new ClientConfigMissing(
      `${path} names ${ca} as the authority, which cannot be read (${(cause as Error).message})`,
      'Correct `ca:`.',
    );
  }
}
