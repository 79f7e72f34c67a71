import type { DropCount, DropKind } from '@weft/core/drop-reason';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import type { ConcentratorId, PortId } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';
import type { Counted, Kernel } from './kernel.ts';
import { gatewayLegName, gatewayPlace, gatewayPortName, portName, tunnelName } from './names.ts';
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
  addresses: readonly Ipv4[];
  /** Public addresses of which this port has only some ports, so that others lead nowhere. */
  publicAddresses: readonly Ipv4[];
}>;

type Counters = Pick<Kernel, 'counted'>;

/** What the fabric dropped of a port since it was made; reasons that never occurred are left out. `numberOf`: of a link of the fabric. */
export function fabricDrops(
  { portId, vni, mac, concentratorId }: PortTraces,
  { kernel, numberOf }: Readonly<{ kernel: Counters; numberOf: (link: string) => number | undefined }>,
): DropCount[] {
  const link = portName(portId);
  const number = numberOf(link);
  const trusted = [tunnelName(vni), ...(concentratorId === undefined ? [] : [gatewayPortName(concentratorId, vni)])];
  const kinds = new Map<string, DropKind>();
  if (number !== undefined) {
    for (const kind of Object.keys(BY_NUMBER) as (keyof typeof BY_NUMBER)[]) kinds.set(String(numberKey(kind, number)), kind);
  }
  const entrances = new Set(trusted.flatMap((name) => numberOf(name) ?? []).map(String));
  return collected([
    ...read(kernel, 'bridge', 'why', ([name, reason]) => (name === link ? BY_LINK[Number(reason) - 1] : undefined)),
    ...read(kernel, 'bridge', 'why_mac', ([name = '', from]) => (trusted.includes(name) && from === mac ? BY_MAC.loop : undefined)),
    ...read(kernel, 'inet', 'why', ([key = '']) => kinds.get(key)),
    ...read(kernel, 'inet', 'why_invalid', ([by = '', to]) => (entrances.has(by) && to === mac ? BY_MAC.invalid : undefined)),
  ]);
}

/** What a gateway here dropped of a port; undefined if the gateway is not here. */
export function gatewayDrops(
  { concentratorId, vni, mac, addresses, publicAddresses }: GatewayTraces,
  { kernel }: Readonly<{ kernel: Counters }>,
): DropCount[] | undefined {
  const place = gatewayPlace(concentratorId);
  const byAddress = kernel.counted(place, 'ip', 'why');
  const byMac = kernel.counted(place, 'ip', 'why_mac');
  if (byAddress === undefined || byMac === undefined) return undefined;
  const leg = gatewayLegName(vni);
  return collected([
    ...kept(byAddress, ([address = '', reason]) => {
      const kind = BY_ADDRESS[Number(reason) - 1];
      const isPublic = publicAddresses.includes(address as Ipv4) && kind === 'gateway no_mapping received';
      return isPublic || addresses.includes(address as Ipv4) ? kind : undefined;
    }),
    ...kept(byMac, ([by, from]) => (by === leg && from === mac ? BY_MAC.foreign : undefined)),
  ]);
}

type KindOf = (key: readonly string[]) => DropKind | undefined;

function read(kernel: Counters, family: 'bridge' | 'inet', set: string, kindOf: KindOf): DropCount[] {
  return kept(kernel.counted('fabric', family, set) ?? [], kindOf);
}

function kept(counted: readonly Counted[], kindOf: KindOf): DropCount[] {
  return counted.flatMap(({ key, packets, bytes }) => {
    const kind = kindOf(key);
    return kind === undefined || packets === 0 ? [] : [{ kind, packets, bytes }];
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
