import { loadConfig } from '@weft/daemon/config';
import { Role } from '@weft/ssntp/role';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { ClusterKey, CommonKeys, DirectoryKeys, HttpsKey, checkHttps, parseCluster } from './config.ts';
import { startController } from './controller-part.ts';
import { readCredentials } from './credentials.ts';
import { IdentityKey, parseIdentity } from './identity-config.ts';
import type { Daemon } from './daemons.ts';
import { parseServers, waysTo } from './servers.ts';

const ControllerFile = Type.Object({
  ...CommonKeys,
  ...DirectoryKeys,
  /** Schedulers, as `host:port`. */
  servers: Type.Array(Type.String()),
  https: HttpsKey,
  identity: IdentityKey,
  cluster: ClusterKey,
});

type ControllerConfig = Static<typeof ControllerFile> & Readonly<{ path: string }>;

/** `weft controller`: the cluster's state and its API, as a process beside a scheduler. */
export const CONTROLLER: Daemon<ControllerConfig> = {
  load: (path) => {
    const config = loadConfig({ path, schema: ControllerFile });
    parseCluster(path, config.cluster);
    checkHttps(path, config.https);
    parseIdentity(path, config.identity);
    parseServers(path, config.servers);
    return { ...config, path };
  },
  run: async ({ path, ...config }, deps) => {
    const credentials = readCredentials(config, Role.Controller);
    const connect = waysTo(parseServers(path, config.servers), credentials);
    const concentratorIdleMs = config.cluster.concentratorIdleSeconds * 1000;
    await startController(
      {
        ...config,
        credentials,
        connect,
        ...parseIdentity(path, config.identity),
        concentratorIdleMs,
        cluster: parseCluster(path, config.cluster),
      },
      deps,
    );
  },
};
