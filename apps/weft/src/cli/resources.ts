/** What the CLI knows of each kind of resource: how to list it, what a person calls it, and which columns a table has. */
import type { WeftClient } from '@weft/api/client';
import type { Column } from './cli-context.ts';
import type { Named } from './resolve.ts';
import { formatValue } from './table.ts';

export type ResourceInfo<V> = Readonly<{
  /** As on the command line: `security-group`. */
  kind: string;
  brief: string;
  list: (client: WeftClient) => Promise<readonly V[]>;
  show: (client: WeftClient, id: string) => Promise<V>;
  delete?: (client: WeftClient, id: string) => Promise<void>;
  named: (view: V) => Named;
  columns: readonly Column<V>[];
}>;

type ViewOf<K extends keyof WeftClient> = WeftClient[K] extends Readonly<{ show(id: string): Promise<infer V> }> ? V : never;

const short = (id: string): string => id.slice(0, 8);
const addresses = (port: ViewOf<'ports'>): string => formatValue(port.fixed_ips.map((fixed) => fixed.ip_address));

export const NETWORK: ResourceInfo<ViewOf<'networks'>> = {
  kind: 'network',
  brief: 'Networks: a tenant’s own segments',
  list: (client) => client.networks.list(),
  show: (client, id) => client.networks.show(id),
  delete: (client, id) => client.networks.delete(id),
  named: ({ id, name }) => ({ id, name }),
  columns: [
    ['id', ({ id }) => id],
    ['name', ({ name }) => formatValue(name)],
    ['topology', (network) => network['weft:topology']],
    ['mtu', ({ mtu }) => String(mtu)],
    ['subnets', ({ subnets }) => String(subnets.length)],
    ['tenant', (network) => short(network.tenant_id)],
  ],
};

export const SUBNET: ResourceInfo<ViewOf<'subnets'>> = {
  kind: 'subnet',
  brief: 'Subnets: the addresses on a network',
  list: (client) => client.subnets.list(),
  show: (client, id) => client.subnets.show(id),
  delete: (client, id) => client.subnets.delete(id),
  named: ({ id, name }) => ({ id, name }),
  columns: [
    ['id', ({ id }) => id],
    ['name', ({ name }) => formatValue(name)],
    ['cidr', ({ cidr }) => cidr],
    ['gateway', (subnet) => formatValue(subnet.gateway_ip)],
    ['dhcp', (subnet) => (subnet.enable_dhcp ? 'yes' : 'no')],
    ['network', (subnet) => short(subnet.network_id)],
  ],
};

export const PORT: ResourceInfo<ViewOf<'ports'>> = {
  kind: 'port',
  brief: 'Ports: where workloads are plugged in',
  list: (client) => client.ports.list(),
  show: (client, id) => client.ports.show(id),
  delete: (client, id) => client.ports.delete(id),
  named: ({ id, name }) => ({ id, name }),
  columns: [
    ['id', ({ id }) => id],
    ['name', ({ name }) => formatValue(name)],
    ['mac', (port) => port.mac_address],
    ['addresses', addresses],
    ['status', ({ status }) => status],
    ['tenant', (port) => short(port.tenant_id)],
  ],
};

export const SECURITY_GROUP: ResourceInfo<ViewOf<'securityGroups'>> = {
  kind: 'security-group',
  brief: 'Security groups: who may talk to a port',
  list: (client) => client.securityGroups.list(),
  show: (client, id) => client.securityGroups.show(id),
  named: ({ id, name }) => ({ id, name }),
  columns: [
    ['id', ({ id }) => id],
    ['name', ({ name }) => formatValue(name)],
    ['rules', (group) => String(group.security_group_rules.length)],
    ['tenant', (group) => short(group.tenant_id)],
  ],
};

export const INSTANCE: ResourceInfo<ViewOf<'instances'>> = {
  kind: 'instance',
  brief: 'Instances: workloads that Weft itself runs',
  list: (client) => client.instances.list(),
  show: (client, id) => client.instances.show(id),
  delete: (client, id) => client.instances.delete(id),
  named: ({ id, name }) => ({ id, name }),
  columns: [
    ['id', ({ id }) => id],
    ['name', ({ name }) => formatValue(name)],
    ['status', ({ status }) => status],
    ['node', (instance) => (instance.node_id === null ? '-' : short(instance.node_id))],
    ['command', ({ command }) => command.join(' ')],
    ['error', ({ error }) => formatValue(error?.message)],
  ],
};

export const TENANT: ResourceInfo<ViewOf<'tenants'>> = {
  kind: 'tenant',
  brief: 'Tenants: who owns networks (administrator only)',
  list: (client) => client.tenants.list(),
  show: (client, id) => client.tenants.show(id),
  delete: (client, id) => client.tenants.delete(id),
  named: ({ id, name }) => ({ id, name }),
  columns: [
    ['id', ({ id }) => id],
    ['name', ({ name }) => name],
    ['created', (tenant) => tenant.created_at],
  ],
};

export const NODE: ResourceInfo<ViewOf<'nodes'>> = {
  kind: 'node',
  brief: 'Nodes: the machines that carry it all (administrator only)',
  list: (client) => client.nodes.list(),
  show: (client, id) => client.nodes.show(id),
  delete: (client, id) => client.nodes.delete(id),
  named: ({ id, hostname }) => ({ id, name: hostname }),
  columns: [
    ['id', ({ id }) => id],
    ['hostname', ({ hostname }) => hostname],
    ['roles', ({ roles }) => formatValue(roles)],
    ['status', ({ status }) => status],
    ['plan', ({ plan, held }) => (held === null ? plan : `held: ${held.reason}`)],
    ['vtep', ({ vtep }) => formatValue(vtep)],
    ['failed', ({ failed }) => String(Object.keys(failed).length)],
  ],
};

export const CONCENTRATOR: ResourceInfo<ViewOf<'concentrators'>> = {
  kind: 'concentrator',
  brief: 'Concentrators: tenants’ gateways (administrator only)',
  list: (client) => client.concentrators.list(),
  show: (client, id) => client.concentrators.show(id),
  named: ({ id }) => ({ id, name: '' }),
  columns: [
    ['id', ({ id }) => id],
    ['tenant', (concentrator) => short(concentrator.tenant_id)],
    ['status', ({ status }) => status],
    ['node', (concentrator) => (concentrator.node_id === null ? '-' : short(concentrator.node_id))],
    ['uplink', (concentrator) => formatValue(concentrator.uplink_address)],
    ['error', ({ error }) => formatValue(error?.message)],
  ],
};
