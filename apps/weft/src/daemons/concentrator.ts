import { hostname } from 'node:os';
import { ConfigError, loadConfig } from '@weft/daemon/config';
import type { Lifecycle } from '@weft/daemon/lifecycle';
import type { Logger } from '@weft/daemon/log';
import { LeasedAddress } from '@weft/launcher/dhcp-client/leased-address';
import { interfaceAddresses } from '@weft/launcher/node-facts';
import type { NodeAddress } from '@weft/launcher/underlay';
import { systemClock } from '@weft/ssntp/clock';
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
      /** `present`: the machine has an address there, or gets one by its own means. `dhcp`: Weft asks for one on the interface. */
      address: Type.Union([Type.Literal('present'), Type.Literal('dhcp')], { default: 'present' }),
    },
    { default: {} },
  ),
});

type ConcentratorConfig = Static<typeof ConcentratorFile> & Readonly<{ path: string }>;

const STOP_MS = 1000;

/** `weft concentrator`: the agent of a machine that hosts tenants' concentrators and nothing else. */
export const CONCENTRATOR: Daemon<ConcentratorConfig> = {
  load: (path) => {
    const config = loadConfig({ path, schema: ConcentratorFile });
    parseServers(path, config.servers);
    if (config.underlay.address === 'dhcp' && config.underlay.interface === undefined) {
      const message = 'is missing: DHCP needs to know on which interface to ask';
      throw new ConfigError(path, [{ line: undefined, key: 'underlay.interface', message }]);
    }
    return { ...config, path };
  },
  run: (config, deps) => runNode(config, ['concentrator'], { ...deps, addresses: () => underlayAddresses(config, deps) }),
};

type UnderlayDeps = Readonly<{ lifecycle: Lifecycle; log: Logger }>;

/** Where the addresses come from at which the machine's tunnels may end. */
function underlayAddresses(config: ConcentratorConfig, { lifecycle, log }: UnderlayDeps): () => readonly NodeAddress[] {
  const { interface: ifname, address } = config.underlay;
  if (ifname === undefined) return interfaceAddresses;
  if (address === 'present') return () => interfaceAddresses().filter((each) => each.ifname === ifname);
  const leased = LeasedAddress.start(
    { ifname, hostname: config.hostname ?? hostname(), stateDir: config.stateDir },
    { addresses: interfaceAddresses, clock: systemClock, wallMs: () => Date.now(), random: Math.random, log },
  );
  lifecycle.add('address', async () => leased[Symbol.dispose](), { deadlineMs: STOP_MS });
  return () => leased.now();
}
