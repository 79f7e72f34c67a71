import { hostname } from 'node:os';
import { ConfigError, loadConfig } from '@weft/daemon/config';
import type { Lifecycle } from '@weft/daemon/lifecycle';
import type { Logger } from '@weft/daemon/log';
import { LeasedAddress } from '@weft/launcher/dhcp-client/leased-address';
import { GivenAddress } from '@weft/launcher/given-address';
import type { Ask } from '@weft/launcher/given-address';
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
      /**
       * `present`: the machine has an address there, or gets one by its own means. `dhcp`: Weft asks for one on the interface. `pool`: the
       * controller gives it one of the cluster's.
       */
      address: Type.Union([Type.Literal('present'), Type.Literal('dhcp'), Type.Literal('pool')], { default: 'present' }),
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
    const { address, interface: ifname } = config.underlay;
    if (address !== 'present' && ifname === undefined) {
      const message = `is missing: with ${address} it must be known which interface gets the address`;
      throw new ConfigError(path, [{ line: undefined, key: 'underlay.interface', message }]);
    }
    return { ...config, path };
  },
  run: (config, deps) => runNode(config, ['concentrator'], { ...deps, addresses: (ask) => underlayAddresses(config, { ...deps, ask }) }),
};

type UnderlayDeps = Readonly<{ lifecycle: Lifecycle; log: Logger; ask: Ask }>;

/** Where the addresses come from at which the machine's tunnels may end. */
function underlayAddresses(config: ConcentratorConfig, { lifecycle, log, ask }: UnderlayDeps): () => readonly NodeAddress[] {
  const { interface: ifname, address } = config.underlay;
  if (ifname === undefined) return interfaceAddresses;
  if (address === 'present') return () => interfaceAddresses().filter((each) => each.ifname === ifname);
  if (address === 'pool') {
    const given = GivenAddress.start(
      { ifname, stateDir: config.stateDir },
      { addresses: interfaceAddresses, ask, clock: systemClock, log },
    );
    lifecycle.add('address', async () => given[Symbol.dispose](), { deadlineMs: STOP_MS });
    return () => given.now();
  }
  const leased = LeasedAddress.start(
    { ifname, hostname: config.hostname ?? hostname(), stateDir: config.stateDir },
    { addresses: interfaceAddresses, clock: systemClock, wallMs: () => Date.now(), random: Math.random, log },
  );
  lifecycle.add('address', async () => leased[Symbol.dispose](), { deadlineMs: STOP_MS });
  return () => leased.now();
}
