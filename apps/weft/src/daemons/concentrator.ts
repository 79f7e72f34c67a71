import { loadConfig } from '@weft/daemon/config';
import { interfaceAddresses } from '@weft/launcher/node-facts';
import type { NodeAddress } from '@weft/launcher/underlay';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { Daemon } from './daemons.ts';
import { NodeKeys, runNode } from './node.ts';
import { parseServers } from './servers.ts';

const ConcentratorFile = Type.Object({
  ...NodeKeys,
  underlay: Type.Object(
    {
      /** The interface in the compute network. Absent: whichever has an address there. */
      interface: Type.Optional(Type.String({ minLength: 1, maxLength: 15 })),
    },
    { default: {} },
  ),
});

type ConcentratorConfig = Static<typeof ConcentratorFile> & Readonly<{ path: string }>;

/** `weft concentrator`: the agent of a machine that hosts tenants' concentrators and nothing else. */
export const CONCENTRATOR: Daemon<ConcentratorConfig> = {
  load: (path) => {
    const config = loadConfig({ path, schema: ConcentratorFile });
    parseServers(path, config.servers);
    return { ...config, path };
  },
  run: (config, deps) => runNode(config, ['concentrator'], { ...deps, addresses: () => addressesOn(config.underlay.interface) }),
};

function addressesOn(ifname: string | undefined): readonly NodeAddress[] {
  const all = interfaceAddresses();
  return ifname === undefined ? all : all.filter((address) => address.ifname === ifname);
}
