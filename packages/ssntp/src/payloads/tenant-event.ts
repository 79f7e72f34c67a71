import type { Cidr } from '@weft/core/cidr';
import { parseCidr } from '@weft/core/cidr';
import { parseIp } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import { isMulticastMac, parseMac } from '@weft/core/mac';
import type { ConcentratorId, NodeId, TenantId } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';
import { parseVni } from '@weft/core/vni';
import { InvalidValue } from '@weft/core/weft-error';
import { PayloadMap } from '../payload-map.ts';

/** More ports than this are not told in one hint: the plan tells them. */
export const MAX_HINT_PORTS = 256;
/** Addresses of one port. */
export const MAX_HINT_ADDRESSES = 16;
const MAX_EPOCH_LENGTH = 64;

export type HintPort = Readonly<{ mac: Mac; ips: readonly IpAddress[] }>;

/**
 * EVENT TenantAdded and TenantRemoved: a hint from a launcher to the concentrator's host that a segment appeared on, or left, the launcher's
 * node (design §4). `vni` names the segment; the original's `subnet_key` is ignored.
 *
 * The original's receiver learns the rest from packets. Here forwarding entries are written, so a hint also says which ports are there, and
 * of which plan: a receiver whose plan has come as far knows better. An original peer sends none of these.
 */
export type TenantEvent = Readonly<{
  agent_uuid: NodeId;
  /** The launcher's VTEP address. */
  agent_ip: Ipv4;
  tenant_uuid: TenantId | undefined;
  tenant_subnet: Cidr;
  concentrator_uuid: ConcentratorId;
  concentrator_ip: Ipv4 | undefined;
  vni: Vni;
  /** Of the sender's plan that brought the ports. */
  weft_epoch: string | undefined;
  weft_revision: number;
  /** All that the sender has on the segment; none in TenantRemoved. */
  weft_ports: readonly HintPort[];
}>;

/** Throws InvalidValue naming the field. */
export function parseTenantAdded(value: unknown): TenantEvent {
  return parseTenantEvent(value, 'tenant_added');
}

/** Throws InvalidValue naming the field. */
export function parseTenantRemoved(value: unknown): TenantEvent {
  return parseTenantEvent(value, 'tenant_removed');
}

function parseTenantEvent(value: unknown, key: string): TenantEvent {
  const map = new PayloadMap(value, 'payload').map(key);
  return {
    agent_uuid: map.uuid<NodeId>('agent_uuid'),
    agent_ip: map.parsed('agent_ip', parseIpv4),
    tenant_uuid: map.optionalUuid<TenantId>('tenant_uuid'),
    tenant_subnet: map.parsed('tenant_subnet', parseCidr),
    concentrator_uuid: map.uuid<ConcentratorId>('concentrator_uuid'),
    concentrator_ip: map.optionalParsed('concentrator_ip', parseIpv4),
    vni: map.parsed('vni', parseVni),
    weft_epoch: map.optionalParsed('weft_epoch', parseEpoch),
    weft_revision: map.integer('weft_revision', 0),
    weft_ports: parsePorts(map),
  };
}

function parsePorts(map: PayloadMap): HintPort[] {
  const ports = map.boundedList('weft_ports', MAX_HINT_PORTS, (value, path) => {
    const port = new PayloadMap(value, path);
    return { mac: port.parsed('mac', parseUnicastMac), ips: port.boundedList('ips', MAX_HINT_ADDRESSES, parseIp) };
  });
  const macs = new Set<Mac>();
  for (const { mac } of ports) {
    if (macs.has(mac)) throw new InvalidValue(map.pathOf('weft_ports'), mac, 'is there twice');
    macs.add(mac);
  }
  return ports;
}

function parseUnicastMac(value: unknown, what: string): Mac {
  const mac = parseMac(value, what);
  if (isMulticastMac(mac)) throw new InvalidValue(what, mac, 'is a group address, which no port has');
  return mac;
}

function parseEpoch(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new InvalidValue(what, typeof value, 'is not a string');
  if (value.length > MAX_EPOCH_LENGTH) throw new InvalidValue(what, value.length, `has more than ${MAX_EPOCH_LENGTH} characters`);
  return value;
}
