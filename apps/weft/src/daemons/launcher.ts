import { loadConfig } from '@weft/daemon/config';
import { interfaceAddresses } from '@weft/launcher/node-facts';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { Daemon } from './daemons.ts';
import { NodeKeys, runNode } from './node.ts';
import { parseServers } from './servers.ts';

const LauncherFile = Type.Object({
  ...NodeKeys,
  roles: Type.Array(Type.Union([Type.Literal('compute'), Type.Literal('network')]), { minItems: 1 }),
});

type LauncherConfig = Static<typeof LauncherFile> & Readonly<{ path: string }>;

/** `weft launcher`: the agent of a compute or network node. */
export const LAUNCHER: Daemon<LauncherConfig> = {
  load: (path) => {
    const config = loadConfig({ path, schema: LauncherFile });
    parseServers(path, config.servers);
    return { ...config, path };
  },
  run: (config, deps) => runNode(config, config.roles, { ...deps, addresses: () => interfaceAddresses }),
};
