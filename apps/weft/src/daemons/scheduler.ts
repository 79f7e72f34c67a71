import { loadConfig } from '@weft/daemon/config';
import { Role } from '@weft/ssntp/role';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { ClusterKey, CommonKeys, SsntpKey, parseCluster } from './config.ts';
import { readCredentials } from './credentials.ts';
import type { Daemon } from './daemons.ts';
import { startScheduler } from './scheduler-part.ts';

const SchedulerFile = Type.Object({ ...CommonKeys, ssntp: SsntpKey, cluster: ClusterKey });

/** `weft scheduler`: the SSNTP server as a process of its own. */
export const SCHEDULER: Daemon<Static<typeof SchedulerFile>> = {
  load: (path) => {
    const config = loadConfig({ path, schema: SchedulerFile });
    parseCluster(path, config.cluster);
    return config;
  },
  run: async (config, { lifecycle, log }) => {
    const credentials = readCredentials(config, Role.Scheduler);
    await startScheduler({ credentials, ssntp: config.ssntp, cluster: config.cluster }, { lifecycle, log });
  },
};
