import { loadConfig } from '@weft/daemon/config';
import { memoryStreamPair } from '@weft/ssntp/memory-stream';
import { Role } from '@weft/ssntp/role';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { ClusterKey, CommonKeys, DirectoryKeys, HttpsKey, checkHttps, SsntpKey, parseCluster } from './config.ts';
import { startController } from './controller-part.ts';
import { readCredentials } from './credentials.ts';
import { IdentityKey, parseIdentity } from './identity-config.ts';
import type { Daemon } from './daemons.ts';
import { startScheduler } from './scheduler-part.ts';

const ServerFile = Type.Object({
  ...CommonKeys,
  ...DirectoryKeys,
  ssntp: SsntpKey,
  https: HttpsKey,
  identity: IdentityKey,
  cluster: ClusterKey,
});

type ServerConfig = Static<typeof ServerFile> & Readonly<{ path: string }>;

/** `weft server`: scheduler and controller in one process, joined by a stream in memory in place of the network. */
export const SERVER: Daemon<ServerConfig> = {
  load: (path) => {
    const config = loadConfig({ path, schema: ServerFile });
    parseCluster(path, config.cluster);
    checkHttps(path, config.https);
    parseIdentity(path, config.identity);
    return { ...config, path };
  },
  run: async ({ path, ...config }, deps) => {
    const credentials = readCredentials(config, Role.Scheduler | Role.Controller);
    const scheduler = await startScheduler({ credentials, ssntp: config.ssntp, cluster: config.cluster }, deps);
    const { uuid } = credentials;
    const connect = () => {
      const [controllerEnd, schedulerEnd] = memoryStreamPair(
        { roles: Role.Controller, uuid, address: 'memory' },
        { roles: Role.Scheduler, uuid, address: 'memory' },
      );
      scheduler.accept(schedulerEnd);
      return Promise.resolve(controllerEnd);
    };
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
