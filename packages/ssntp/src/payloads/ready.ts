import type { Ipv4 } from '@weft/core/ipv4';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import { parseMac } from '@weft/core/mac';
import type { NodeId } from '@weft/core/uuid';
import { PayloadMap } from '../payload-map.ts';

/** STATUS READY: a node's resources now. Megabytes; -1 where the node cannot tell. No wrapping map (ssntp.md §11.7). */
export type Ready = Readonly<{
  node_uuid: NodeId;
  mem_total_mb: number;
  mem_available_mb: number;
  disk_total_mb: number;
  disk_available_mb: number;
  /** One-minute load, rounded. */
  load: number;
  cpus_online: number;
  networks: readonly Readonly<{ ip: Ipv4; mac: Mac }>[];
  hostname: string;
}>;

export function parseReady(value: unknown, what = 'ready'): Ready {
  const map = new PayloadMap(value, what);
  return {
    node_uuid: map.uuid<NodeId>('node_uuid'),
    mem_total_mb: map.integer('mem_total_mb', -1),
    mem_available_mb: map.integer('mem_available_mb', -1),
    disk_total_mb: map.integer('disk_total_mb', -1),
    disk_available_mb: map.integer('disk_available_mb', -1),
    load: map.integer('load', -1),
    cpus_online: map.integer('cpus_online', -1),
    networks: map.list('networks', (item, path) => {
      const network = new PayloadMap(item, path);
      return { ip: network.parsed('ip', parseIpv4), mac: network.parsed('mac', parseMac) };
    }),
    hostname: map.string('hostname'),
  };
}
