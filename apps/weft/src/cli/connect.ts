/** Apart from the commands, because it is what they load late: YAML, schemas and HTTPS. */
import { WeftClient } from '@weft/api/client';
import type { Connection } from './cli-context.ts';
import { chooseToken, clientConfigPaths, loadClientConfig } from './client-config.ts';
import type { ClientConfig } from './client-config.ts';

/** A client for the API that the configuration names. Throws MachineLacks, UsageError. */
export function connect(env: Readonly<Record<string, string | undefined>>, as: string | undefined): Connection {
  const config = loadClientConfig(clientConfigPaths(env));
  const [name, token] = chooseToken(config, as);
  return { api: clientFor(config, token), as: name };
}

export function clientFor({ url, ca }: ClientConfig, token: string): WeftClient {
  return new WeftClient({ url, token, ...(ca === undefined ? {} : { ca }) });
}
