import type { DropCount } from '@weft/core/drop-reason';
import { isDropKind } from '@weft/core/drop-reason';
import { parseIp } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { parseMac } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import type { ConcentratorId, PortId } from '@weft/core/uuid';
import { InvalidValue } from '@weft/core/weft-error';
import { parseVni } from '@weft/core/vni';
import type { Vni } from '@weft/core/vni';
import { PayloadMap } from '../payload-map.ts';

/** Request to the node of a port: what it dropped of it. */
export const PORT_DROPS = 'port_drops';

/** Request to the node of its gateway: the same there. */
export const GATEWAY_DROPS = 'gateway_drops';

export type PortDrops = Readonly<{ port_id: PortId; vni: Vni; mac: Mac; concentrator_uuid: ConcentratorId | undefined }>;

export type GatewayDrops = Readonly<{
  concentrator_uuid: ConcentratorId;
  vni: Vni;
  mac: Mac;
  addresses: readonly IpAddress[];
  /** Of which the port has only some ports. */
  public_addresses: readonly Ipv4[];
}>;

export function parsePortDrops(value: unknown): PortDrops {
  const map = new PayloadMap(value, PORT_DROPS);
  return {
    port_id: map.uuid<PortId>('port_id'),
    vni: map.parsed('vni', parseVni),
    mac: map.parsed('mac', parseMac),
    concentrator_uuid: map.optionalUuid<ConcentratorId>('concentrator_uuid'),
  };
}

export function parseGatewayDrops(value: unknown): GatewayDrops {
  const map = new PayloadMap(value, GATEWAY_DROPS);
  return {
    concentrator_uuid: map.uuid<ConcentratorId>('concentrator_uuid'),
    vni: map.parsed('vni', parseVni),
    mac: map.parsed('mac', parseMac),
    addresses: map.list('addresses', parseIp),
    public_addresses: map.list('public_addresses', parseIpv4),
  };
}

/** What either answers, `{ drops: [{ kind, packets, bytes }] }`. A kind that only a newer release knows is passed over. */
export function parseDropCounts(value: unknown): readonly DropCount[] {
  return new PayloadMap(value, 'drops').list('drops', parseCount).filter((count) => count !== undefined);
}

function parseCount(value: unknown, path: string): DropCount | undefined {
  const map = new PayloadMap(value, path);
  const kind = map.requiredString('kind');
  const counts = { packets: map.integer('packets', 0), bytes: map.integer('bytes', 0) };
  if (!/^[a-z_]+ [a-z_]+ [a-z]+$/.test(kind)) throw new InvalidValue(map.pathOf('kind'), kind, 'is no kind of drop');
  return isDropKind(kind) ? { kind, ...counts } : undefined;
}
