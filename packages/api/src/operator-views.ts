import type { IpCidr } from '@weft/core/ip';
import type { Network, Node } from '@weft/core/resource';
import type { SubnetId } from '@weft/core/uuid';
import { Type } from 'typebox';
import type { AttributeTable } from './attribute.ts';
import { Id, ProjectId } from './standard-attributes.ts';

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

const Text = Type.String();
const AgentTime = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2} \\d{2}:\\d{2}:\\d{2}$' });
const AgentConfiguration = Type.Object({ roles: Type.Array(Text), vtep: Type.Union([Text, Type.Null()]) });
const SubnetAvailability = Type.Object({
  subnet_id: Id,
  subnet_name: Text,
  cidr: Text,
  ip_version: Type.Literal(4),
  total_ips: Type.Integer(),
  used_ips: Type.Integer(),
});

/** A node, as Neutron shows the agent on a machine: there is one of ours on each, which does everything. */
export const agentAttributes = {
  id: { show: (source) => source.record.id, shows: Id, filter: 'equal' },
  agent_type: { show: () => 'Weft launcher', shows: Text, filter: 'equal' },
  binary: { show: () => 'weft', shows: Text, filter: 'equal' },
  topic: { show: () => 'weft', shows: Text, filter: 'equal' },
  host: { show: (source) => source.record.hostname, shows: Text, filter: 'equal' },
  admin_state_up: { show: () => true, shows: Type.Boolean(), filter: 'equal' },
  description: { show: () => '', shows: Text, filter: 'equal' },
  alive: { show: (source) => source.alive, shows: Type.Boolean(), filter: 'equal' },
  availability_zone: { show: () => ZONE, shows: Text, filter: 'equal' },
  created_at: { show: (source) => agentTime(Date.parse(source.record.createdAt)), shows: AgentTime },
  started_at: { show: (source) => agentTime(Date.parse(source.record.createdAt)), shows: AgentTime },
  heartbeat_timestamp: { show: (source) => agentTime(source.lastSeenMs ?? Date.parse(source.record.updatedAt)), shows: AgentTime },
  configurations: { show: (source) => ({ roles: source.record.roles, vtep: source.record.vtep ?? null }), shows: AgentConfiguration },
  resources_synced: { show: () => null, shows: Type.Null() },
} as const satisfies AttributeTable<AgentSource>;

/** `2026-11-20 09:00:00`, UTC. */
function agentTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

export type ZoneSource = Readonly<{ record: Readonly<{ id: string }>; available: boolean }>;

export const zoneAttributes = {
  name: { show: (source) => source.record.id, shows: Text, filter: 'equal' },
  resource: { show: () => 'network', shows: Type.Literal('network'), filter: 'equal' },
  state: {
    show: (source) => (source.available ? 'available' : 'unavailable'),
    shows: Type.Enum(['available', 'unavailable']),
    filter: 'equal',
  },
} as const satisfies AttributeTable<ZoneSource>;

export type SubnetUse = Readonly<{ id: SubnetId; name: string; cidr: IpCidr; total: number; used: number }>;
export type IpAvailabilitySource = Readonly<{ record: Network; subnets: readonly SubnetUse[] }>;

/** How many addresses a network has for ports, and how many of them are taken. */
export const ipAvailabilityAttributes = {
  network_id: { show: (source) => source.record.id, shows: Id, filter: 'equal' },
  network_name: { show: (source) => source.record.name, shows: Text, filter: 'equal' },
  tenant_id: { show: (source) => source.record.tenantId, shows: ProjectId, filter: 'equal' },
  project_id: { show: (source) => source.record.tenantId, shows: ProjectId, filter: 'equal' },
  ip_version: { filter: (source, value) => value === '4' && source.subnets.length > 0 },
  total_ips: { show: (source) => sum(source.subnets.map(({ total }) => total)), shows: Type.Integer() },
  used_ips: { show: (source) => sum(source.subnets.map(({ used }) => used)), shows: Type.Integer() },
  subnet_ip_availability: {
    shows: Type.Array(SubnetAvailability),
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
