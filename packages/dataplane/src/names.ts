import { parseMac } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import type { ConcentratorId, InstanceId, PortId, SecurityGroupId, Uuid } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';

/**
 * What Weft's kernel objects are called (design §3). An interface name has 15 bytes, so ids are shortened; the full one stands in the
 * link's alias, and two ids that shorten to the same name are refused.
 */

const hex = (id: Uuid, digits: number): string => id.replaceAll('-', '').slice(0, digits);

/** A namespace that Weft works in: the node's own, its fabric, that of its metadata service, a gateway's or a workload's. */
export type Place = 'node' | 'fabric' | 'metadata' | `gw-${string}` | `wl-${string}`;

export const METADATA_PLACE = 'metadata' satisfies Place;

export const gatewayPlace = (id: ConcentratorId): Place => `gw-${hex(id, 8)}`;
export const workloadPlace = (id: InstanceId): Place => `wl-${hex(id, 8)}`;

/** File name of a pinned namespace → place; undefined for one that is not ours. */
export function parsePlace(name: string): Place | undefined {
  return name === 'fabric' || name === METADATA_PLACE || /^(gw|wl)-[0-9a-f]{8}$/.test(name) ? (name as Place) : undefined;
}

export const bridgeName = (vni: Vni): string => `wb${vni}`;
export const tunnelName = (vni: Vni): string => `wx${vni}`;
export const portName = (id: PortId): string => `wp${hex(id, 11)}`;
/** The fabric's side of a gateway's leg: one per segment, so 5 digits of the concentrator and 6 of the VNI. */
export const gatewayPortName = (id: ConcentratorId, vni: Vni): string => `wg${hex(id, 5)}${vni.toString(16).padStart(6, '0')}`;
export const uplinkName = (id: ConcentratorId): string => `wu${hex(id, 11)}`;
/** Beside a port in the fabric, or beside an uplink in its gateway: where what arrives by it waits. */
export const limitName = (id: PortId | ConcentratorId): string => `wi${hex(id, 11)}`;
/** The gateway's side of a leg, inside its namespace. */
export const gatewayLegName = (vni: Vni): string => `seg${vni}`;
/** The fabric's side of a segment's leg of the metadata service, and the other one in its namespace. */
export const metadataPortName = (vni: Vni): string => `wm${vni}`;
export const metadataLegName = (vni: Vni): string => `seg${vni}`;
/** The workload's only interface. */
export const WORKLOAD_LINK = 'eth0';

export const isOurLink = (name: string): boolean => /^w[bxpguim][0-9a-f]+$/.test(name);
/** On these interfaces queues and filters are ours; on others they are somebody's wish. */
export const isLimitable = (name: string): boolean => /^w[pui][0-9a-f]{11}$/.test(name);

export const alias = (kind: 'segment' | 'tunnel' | 'port' | 'gateway' | 'uplink' | 'limit' | 'metadata', id: string | number): string =>
  `weft:${kind}:${id}`;

export const groupSetName = (id: SecurityGroupId): string => `members_${hex(id, 32)}`;
/** A set holds addresses of one family. */
export const groupSetName6 = (id: SecurityGroupId): string => `members6_${hex(id, 32)}`;
export const isMemberSet = (name: string): boolean => /^members6?_/.test(name);
export const groupIngressName = (id: SecurityGroupId): string => `gi_${hex(id, 32)}`;
export const groupEgressName = (id: SecurityGroupId): string => `ge_${hex(id, 32)}`;
export const portIngressName = (link: string): string => `in_${link}`;
export const portPairsName = (link: string): string => `pairs_${link}`;
export const portNeighbourName = (link: string): string => `nd_${link}`;
export const portEgressName = (link: string): string => `out_${link}`;

/** A bridge keeps one MAC for life (datapath.md §2). `06:57:45` is reserved: no port may have it (core, RESERVED_MAC_PREFIX). */
export function bridgeMac(vni: Vni): Mac {
  const digits = vni.toString(16).padStart(6, '0');
  return parseMac(`06:57:45:${digits.slice(0, 2)}:${digits.slice(2, 4)}:${digits.slice(4, 6)}`);
}

/** The metadata service's on every segment: as of segment 0, which there is not. */
export const METADATA_MAC: Mac = parseMac('06:57:45:00:00:00');

/** A gateway's uplink keeps its MAC wherever it lives, so that neighbours outside need not relearn it. */
export function uplinkMac(id: ConcentratorId): Mac {
  const digits = hex(id, 10);
  return parseMac(`02:${[0, 2, 4, 6, 8].map((at) => digits.slice(at, at + 2)).join(':')}`);
}
