import type { DropCount, DropKind } from '@weft/core/drop-reason';
import { isIpv4 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import type { ConcentratorId, PortId } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';
import type { Count, Kernel, SetKey } from './kernel.ts';
import { gatewayLegName, gatewayPlace, gatewayPortName, limitName, portName, tunnelName, uplinkName } from './names.ts';
import type { Place } from './names.ts';
import { BY_ADDRESS, BY_LINK, BY_MAC, BY_NUMBER, numberKey } from './ruleset/drops.ts';

/** By what a port is known to the rules of its own node. */
export type PortTraces = Readonly<{
  portId: PortId;
  vni: Vni;
  mac: Mac;
  /** The gateway of its network, whose port may be on the same node. */
  concentratorId: ConcentratorId | undefined;
}>;

/** By what a port is known to the rules of its gateway. */
export type GatewayTraces = Readonly<{
  concentratorId: ConcentratorId;
  vni: Vni;
  mac: Mac;
  addresses: readonly IpAddress[];
  /** Public addresses of which this port has only some ports, so that others lead nowhere. */
  publicAddresses: readonly Ipv4[];
}>;

type Counters = Pick<Kernel, 'counted'> & Readonly<{ queueDrops: QueueDrops }>;
/** By the names of links; none for one without a limit. */
export type QueueDrops = (place: Place, links: readonly string[]) => readonly (number | undefined)[];
type Entry = readonly [kind: DropKind, key: SetKey];

/** What the fabric dropped of a port since it was made; reasons that never occurred are left out. `numberOf`: of a link of the fabric. */
export function fabricDrops(
  { portId, vni, mac, concentratorId }: PortTraces,
  { kernel, numberOf }: Readonly<{ kernel: Counters; numberOf: (link: string) => number | undefined }>,
): DropCount[] {
  const link = portName(portId);
  const number = numberOf(link);
  const trusted = [tunnelName(vni), ...(concentratorId === undefined ? [] : [gatewayPortName(concentratorId, vni)])];
  const byNumber = number === undefined ? [] : KINDS_BY_NUMBER.map((kind): Entry => [kind, [numberKey(kind, number)]]);
  const entrances = trusted.flatMap((name) => numberOf(name) ?? []);
  const read = (family: 'bridge' | 'inet', name: string, entries: readonly Entry[]): DropCount[] =>
    counts(kernel.counted('fabric', { family, name }, keysOf(entries)), entries);
  return collected([
    ...read(
      'bridge',
      'why',
      BY_LINK.map((kind, index): Entry => [kind, [{ link }, index + 1]]),
    ),
    ...read(
      'bridge',
      'why_mac',
      trusted.map((name): Entry => [BY_MAC.loop, [{ link: name }, { mac }]]),
    ),
    ...read('inet', 'why', byNumber),
    ...read(
      'inet',
      'why_invalid',
      entrances.map((entrance): Entry => [BY_MAC.invalid, [entrance, { mac }]]),
    ),
    ...ofQueues(kernel, 'fabric', BY_QUEUE.port, { link, ifb: limitName(portId) }),
  ]);
}

/** Counted by the queues that hold traffic to a rate (layout/limit.ts): what arrives waits in the ifb's. A gateway's are all of its tenant's. */
export const BY_QUEUE = {
  port: { link: 'port rate received', ifb: 'port rate sent' },
  gateway: { link: 'gateway rate sent', ifb: 'gateway rate received' },
} as const satisfies Record<string, Readonly<Record<'link' | 'ifb', DropKind>>>;

function ofQueues(
  kernel: Counters,
  place: Place,
  kinds: Readonly<Record<'link' | 'ifb', DropKind>>,
  links: Readonly<Record<'link' | 'ifb', string>>,
) {
  const [link = 0, ifb = 0] = kernel.queueDrops(place, [links.link, links.ifb]);
  const counted = [
    { kind: kinds.link, packets: link, bytes: 0 },
    { kind: kinds.ifb, packets: ifb, bytes: 0 },
  ];
  return counted.filter(({ packets }) => packets > 0);
}

const KINDS_BY_NUMBER = Object.keys(BY_NUMBER) as readonly (keyof typeof BY_NUMBER)[];

/** What a gateway here dropped of a port; undefined if the gateway is not here. */
export function gatewayDrops(
  { concentratorId, vni, mac, addresses, publicAddresses }: GatewayTraces,
  { kernel }: Readonly<{ kernel: Counters }>,
): DropCount[] | undefined {
  const place = gatewayPlace(concentratorId);
  const entries = BY_ADDRESS.flatMap((kind, index) => {
    const those = kind === 'gateway no_mapping received' ? [...addresses, ...publicAddresses] : addresses;
    return those.map((address) => ({ address, entry: [kind, [{ address }, index + 1]] as Entry }));
  });
  const byMac: readonly Entry[] = [[BY_MAC.foreign, [{ link: gatewayLegName(vni) }, { mac }]]];
  const found = (['ip', 'ip6'] as const).map((family) => {
    const byAddress = entries.filter(({ address }) => isIpv4(address) === (family === 'ip')).map(({ entry }) => entry);
    const those = kernel.counted(place, { family, name: 'why' }, keysOf(byAddress));
    const theirs = kernel.counted(place, { family, name: 'why_mac' }, keysOf(byMac));
    return those === undefined || theirs === undefined ? undefined : [...counts(those, byAddress), ...counts(theirs, byMac)];
  });
  if (found.includes(undefined)) return undefined;
  const rates = ofQueues(kernel, place, BY_QUEUE.gateway, { link: uplinkName(concentratorId), ifb: limitName(concentratorId) });
  return collected([...found.flatMap((each) => each ?? []), ...rates]);
}

function keysOf(entries: readonly Entry[]): SetKey[] {
  return entries.map(([, key]) => key);
}

function counts(found: readonly (Count | undefined)[] | undefined, entries: readonly Entry[]): DropCount[] {
  return entries.flatMap(([kind], at) => {
    const count = found?.[at];
    return count === undefined || count.packets === 0 ? [] : [{ kind, ...count }];
  });
}

/** One entry a kind. */
function collected(counts: readonly DropCount[]): DropCount[] {
  return [...Map.groupBy(counts, ({ kind }) => kind)].map(([kind, same]) => ({
    kind,
    packets: same.reduce((sum, { packets }) => sum + packets, 0),
    bytes: same.reduce((sum, { bytes }) => sum + bytes, 0),
  }));
}
