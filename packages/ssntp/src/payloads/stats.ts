import type { Ipv4 } from '@weft/core/ipv4';
import { parseIpv4 } from '@weft/core/ipv4';
import type { InstanceId } from '@weft/core/uuid';
import { InvalidValue } from '@weft/core/weft-error';
import { PayloadMap } from '../payload-map.ts';
import type { Ready } from './ready.ts';
import { parseReady } from './ready.ts';

/** Usage is -1 where it is unknown; `cpu_usage` is 0…100. */
export type InstanceStats = Readonly<{
  instance_uuid: InstanceId;
  /** `pending`, `active`, `exited`, … */
  state: string;
  /** Where the concentrator forwards SSH to the instance from, if it does. */
  ssh_ip: Ipv4 | undefined;
  ssh_port: number;
  memory_usage_mb: number;
  disk_usage_mb: number;
  cpu_usage: number;
  volumes: readonly string[];
}>;

/** COMMAND STATS: READY's figures, the node's status word, and its instances (ssntp.md §11.8). */
export type Stats = Ready & Readonly<{ status: string; instances: readonly InstanceStats[] }>;

export function parseStats(value: unknown): Stats {
  const map = new PayloadMap(value, 'stats');
  return { ...parseReady(value, 'stats'), status: map.string('status'), instances: map.list('instances', parseInstanceStats) };
}

function parseInstanceStats(value: unknown, path: string): InstanceStats {
  const map = new PayloadMap(value, path);
  return {
    instance_uuid: map.uuid<InstanceId>('instance_uuid'),
    state: map.string('state'),
    ssh_ip: map.optionalParsed('ssh_ip', parseIpv4),
    ssh_port: map.integer('ssh_port', 0),
    memory_usage_mb: map.integer('memory_usage_mb', -1),
    disk_usage_mb: map.integer('disk_usage_mb', -1),
    cpu_usage: map.integer('cpu_usage', -1),
    volumes: map.list('volumes', parseVolume),
  };
}

function parseVolume(value: unknown, path: string): string {
  if (typeof value !== 'string') throw new InvalidValue(path, typeof value, 'is not a string');
  return value;
}
