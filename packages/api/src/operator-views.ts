import type { Cidr } from '@weft/core/cidr';
import type { Network, Node } from '@weft/core/resource';
import type { SubnetId } from '@weft/core/uuid';
import type { AttributeTable } from './attribute.ts';

/** What operators look at in /v2.0 and cannot change there: neutron-api.md §9. */

export const AGENTS = { path: 'agents', plural: 'agents', singular: 'agent' } as const;
export const AVAILABILITY_ZONES = { path: 'availability_zones', plural: 'availability_zones', singular: 'availability_zone' } as const;
export const IP_AVAILABILITIES = {
  path: 'network-ip-availabilities',
  plural: 'network_ip_availabilities',
  singular: 'network_ip_availability',
} as const;

/** All nodes are in one zone, which has the name that clients expect of it. */
export const ZONE = 'nova';

/** `lastSeenMs`: of its last report, milliseconds since 1970. */
export type AgentSource = Readonly<{ record: Node; alive: boolean; lastSeenMs: number | undefined }>;

/** A node, as Neutron shows the agent on a machine: there is one of ours on each, which does everything. */
export const agentAttributes = {
  id: { show: (source) => source.record.id, filter: 'equal' },
  agent_type: { show: () => 'Weft launcher', filter: 'equal' },
  binary: { show: () => 'weft', filter: 'equal' },
  topic: { show: () => 'weft', filter: 'equal' },
  host: { show: (source) => source.record.hostname, filter: 'equal' },
  admin_state_up: { show: () => true, filter: 'equal' },
  description: { show: () => '', filter: 'equal' },
  alive: { show: (source) => source.alive, filter: 'equal' },
  availability_zone: { show: () => ZONE, filter: 'equal' },
  created_at: { show: (source) => agentTime(Date.parse(source.record.createdAt)) },
  started_at: { show: (source) => agentTime(Date.parse(source.record.createdAt)) },
  heartbeat_timestamp: { show: (source) => agentTime(source.lastSeenMs ?? Date.parse(source.record.updatedAt)) },
  configurations: { show: (source) => ({ roles: source.record.roles, vtep: source.record.vtep ?? null }) },
  resources_synced: { show: () => null },
} as const satisfies AttributeTable<AgentSource>;

/** `2026-11-20 09:00:00`, UTC. */
function agentTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

export type ZoneSource = Readonly<{ record: Readonly<{ id: string }>; available: boolean }>;

export const zoneAttributes = {
  name: { show: (source) => source.record.id, filter: 'equal' },
  resource: { show: () => 'network', filter: 'equal' },
  state: { show: (source) => (source.available ? 'available' : 'unavailable'), filter: 'equal' },
} as const satisfies AttributeTable<ZoneSource>;

export type SubnetUse = Readonly<{ id: SubnetId; name: string; cidr: Cidr; total: number; used: number }>;
export type IpAvailabilitySource = Readonly<{ record: Network; subnets: readonly SubnetUse[] }>;

/** How many addresses a network has for ports, and how many of them are taken. */
export const ipAvailabilityAttributes = {
  network_id: { show: (source) => source.record.id, filter: 'equal' },
  network_name: { show: (source) => source.record.name, filter: 'equal' },
  tenant_id: { show: (source) => source.record.tenantId, filter: 'equal' },
  project_id: { show: (source) => source.record.tenantId, filter: 'equal' },
  ip_version: { filter: (source, value) => value === '4' && source.subnets.length > 0 },
  total_ips: { show: (source) => sum(source.subnets.map(({ total }) => total)) },
  used_ips: { show: (source) => sum(source.subnets.map(({ used }) => used)) },
  subnet_ip_availability: {
    show: (source) =>
      source.subnets.map(({ id, name, cidr, total, used }) => ({
        subnet_id: id,
        subnet_name: name,
        cidr,
        ip_version: 4,
        total_ips: total,
        used_ips: used,
      })),
  },
} as const satisfies AttributeTable<IpAvailabilitySource>;

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
