import { ConfigError } from '@weft/daemon/config';
import type { Connect } from '@weft/ssntp/client';
import { connectTls } from '@weft/ssntp/tls';
import type { Credentials } from './credentials.ts';

/** Parses `host:port`, `[v6]:port` or `host` (port 8888). Throws ConfigError. */
export function parseServers(path: string, servers: readonly string[]): readonly Readonly<{ host: string; port: number }>[] {
  if (servers.length === 0) throw new ConfigError(path, [{ line: undefined, key: 'servers', message: 'names no server' }]);
  return servers.map((server, index) => {
    const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i.exec(server);
    const port = Number(match?.[3] ?? 8888);
    const host = match?.[1] ?? match?.[2];
    if (host === undefined || port < 1 || port > 65_535) {
      const message = `${JSON.stringify(server)} is not host:port`;
      throw new ConfigError(path, [{ line: undefined, key: `servers[${index}]`, message }]);
    }
    return { host, port };
  });
}

/** The ways to the servers, in their order. */
export function waysTo(servers: readonly Readonly<{ host: string; port: number }>[], credentials: Credentials): readonly Connect[] {
  const { ca, cert, key } = credentials;
  return servers.map((server) => (signal) => connectTls({ ...server, ca, cert, key, signal }));
}
