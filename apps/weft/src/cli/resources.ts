/** What the command line knows of each kind of resource: how to find it, what a person calls it, and which columns a table has. */
import { ApiError } from '@weft/api/api-error';
import type { Reader } from '@weft/api/client';
import type { PortForwardingView } from '@weft/api/port-forwardings';
import type { Api, Collections, Connection } from './cli-context.ts';
import type { Findable, Named } from './resolve.ts';
import { formatTable, formatValue } from './table.ts';
import type { Column, Look } from './table.ts';

export type ViewOf<K extends keyof Api> = Api[K] extends Readonly<{ show(id: string): Promise<infer V> }> ? V : never;

export type Resource<V> = Readonly<{
  /** As on the command line: `security-group`. */
  kind: string;
  brief: string;
  /** For `--help`: what such a thing is. */
  about: string;
  reader: (api: Api) => Reader<V>;
  nameKey: string | undefined;
  named: (view: V) => Named;
  /** The useful columns; what only ids stand for is looked up. */
  columns: (connection: Connection, views: readonly V[]) => Promise<readonly Column<V>[]>;
  /** What `show` says in tables of its own, instead of among the attributes. */
  details?: Readonly<{ key: keyof V & string; format: (view: V, look: Look) => string }>;
  delete?: (to: Collections, id: string) => Promise<void>;
}>;

export function findable<V>({ kind, reader, nameKey, named }: Resource<V>, api: Api): Findable<V> {
  return { kind, reader: reader(api), nameKey, named };
}

/** Enough for commands: they take any beginning of an id that is unique. */
const SHORT_ID = 8;
/** Up to so many things are asked for one by one, more as a list. */
const ONE_BY_ONE = 8;

export const short = (id: string): string => id.slice(0, SHORT_ID);
const named = ({ id, name, tenant_id }: Readonly<{ id: string; name: string; tenant_id: string }>): Named => ({
  id,
  name,
  owner: tenant_id,
});
export const column = <V>(heading: string, cell: (view: V) => unknown): Column<V> => ({ heading, cell: (view) => formatValue(cell(view)) });
const state = <V>(heading: string, cell: (view: V) => string): Column<V> => ({ heading, cell, isState: true });
export const idColumn: Column<Readonly<{ id: string }>> = column('id', ({ id }) => short(id));
const nameColumn: Column<Readonly<{ name: string }>> = column('name', ({ name }) => name);

/** What ids stand for. Where the caller may not see it, or it has just gone, the beginning of the id must do. */
export async function lookUp<V extends Readonly<{ id: string }>>(
  reader: Reader<V>,
  ids: Iterable<string | null>,
  text: (view: V) => string,
): Promise<(id: string | null) => string> {
  const wanted = [...new Set(ids)].filter((id) => id !== null);
  const unseen = (error: unknown): readonly V[] => {
    if (error instanceof ApiError && [403, 404].includes(error.status)) return [];
    throw error;
  };
  const found =
    wanted.length > ONE_BY_ONE
      ? await reader.list().catch(unseen)
      : (await Promise.all(wanted.map((id) => reader.show(id).then((view) => [view], unseen)))).flat();
  const texts = new Map(found.map((view) => [view.id, text(view)]));
  return (id) => (id === null ? '-' : (texts.get(id) ?? short(id)));
}

type OfTenant = Readonly<{ tenant_id: string }>;

/** Of interest to whoever sees several. */
export async function tenantColumn({ api, as }: Connection, views: readonly OfTenant[]): Promise<readonly Column<OfTenant>[]> {
  const ids = new Set(views.map((view) => view.tenant_id));
  if (as !== 'admin' && ids.size < 2) return [];
  const name = await lookUp(api.tenants, ids, (tenant) => tenant.name);
  return [column('tenant', (view) => name(view.tenant_id))];
}

export const NETWORK: Resource<ViewOf<'networks'>> = {
  kind: 'network',
  brief: 'Networks: a tenant’s own segments',
  about: 'A network is one broadcast domain. What addresses it has is up to its subnets, and to nobody but its tenant.',
  reader: (api) => api.networks,
  nameKey: 'name',
  named,
  async columns(connection, views) {
    const ids = views.flatMap(({ subnets }) => subnets);
    const [cidr, tenant] = await Promise.all([
      lookUp(connection.api.subnets, ids, (subnet) => subnet.cidr),
      tenantColumn(connection, views),
    ]);
    const isExternal = (network: ViewOf<'networks'>): boolean => network['router:external'];
    const external = views.some(isExternal) ? [column('external', isExternal)] : [];
    return [
      idColumn,
      nameColumn,
      column('subnets', ({ subnets }) => subnets.map(cidr)),
      ...external,
      column('topology', (network) => network['weft:topology']),
      column('mtu', ({ mtu }) => mtu),
      ...tenant,
    ];
  },
  delete: (api, id) => api.networks.delete(id),
};

export const SUBNET: Resource<ViewOf<'subnets'>> = {
  kind: 'subnet',
  brief: 'Subnets: the addresses on a network',
  about: 'A subnet says which addresses a network has, whether DHCP hands them out, and which of them is the way out.',
  reader: (api) => api.subnets,
  nameKey: 'name',
  named,
  async columns(connection, views) {
    const [network, tenant] = await Promise.all([
      lookUp(
        connection.api.networks,
        views.map((view) => view.network_id),
        ({ id, name }) => (name === '' ? short(id) : name),
      ),
      tenantColumn(connection, views),
    ]);
    return [
      idColumn,
      nameColumn,
      column('network', (subnet) => network(subnet.network_id)),
      column('cidr', ({ cidr }) => cidr),
      column('gateway', (subnet) => subnet.gateway_ip),
      column('dhcp', (subnet) => subnet.enable_dhcp),
      ...tenant,
    ];
  },
  delete: (api, id) => api.subnets.delete(id),
};

const addresses = (port: ViewOf<'ports'>): string => formatValue(port.fixed_ips.map((fixed) => fixed.ip_address));

export const PORT: Resource<ViewOf<'ports'>> = {
  kind: 'port',
  brief: 'Ports: where workloads are plugged in',
  about: 'A port has a MAC address, addresses of its network’s subnets, and security groups that say who may talk to it.',
  reader: (api) => api.ports,
  nameKey: 'name',
  named,
  async columns(connection, views) {
    const [network, tenant] = await Promise.all([
      lookUp(
        connection.api.networks,
        views.map((view) => view.network_id),
        ({ id, name }) => (name === '' ? short(id) : name),
      ),
      tenantColumn(connection, views),
    ]);
    // Only administrators are told where ports are.
    const host = views.some((view) => view['binding:host_id'] !== undefined)
      ? [column<ViewOf<'ports'>>('node', (port) => port['binding:host_id'])]
      : [];
    return [
      idColumn,
      nameColumn,
      column('network', (port) => network(port.network_id)),
      column('addresses', addresses),
      column('mac', (port) => port.mac_address),
      state('status', ({ status }) => status),
      ...host,
      ...tenant,
    ];
  },
  delete: (api, id) => api.ports.delete(id),
};

export const ROUTER: Resource<ViewOf<'routers'>> = {
  kind: 'router',
  brief: 'Routers: what joins a tenant’s networks, and leads outside',
  about: 'A router joins subnets of a tenant. With a gateway on an external network they have a way outside, and can have floating IPs.',
  reader: (api) => api.routers,
  nameKey: 'name',
  named,
  async columns(connection, views) {
    const [network, tenant] = await Promise.all([
      lookUp(
        connection.api.networks,
        views.map((view) => view.external_gateway_info?.network_id ?? null),
        ({ id, name }) => (name === '' ? short(id) : name),
      ),
      tenantColumn(connection, views),
    ]);
    const addresses = ({ external_gateway_info: info }: ViewOf<'routers'>): readonly string[] =>
      info?.external_fixed_ips.map((fixed) => fixed.ip_address) ?? [];
    return [
      idColumn,
      nameColumn,
      column('gateway', (router) => network(router.external_gateway_info?.network_id ?? null)),
      column('outside address', addresses),
      column('routes', ({ routes }) => routes.length),
      state('status', ({ status }) => status),
      ...tenant,
    ];
  },
  delete: (api, id) => api.routers.delete(id),
};

export const FLOATING_IP: Resource<ViewOf<'floatingIps'>> = {
  kind: 'floating-ip',
  brief: 'Floating IPs: public addresses of tenants',
  about:
    'A floating IP is an address of an external network. It leads to one port, or has port forwardings to several. Its name is the address.',
  reader: (api) => api.floatingIps,
  nameKey: 'floating_ip_address',
  named: ({ id, floating_ip_address: name, tenant_id }) => ({ id, name, owner: tenant_id }),
  async columns(connection, views) {
    const [port, tenant] = await Promise.all([
      lookUp(
        connection.api.ports,
        views.map((view) => view.port_id),
        ({ id, name }) => (name === '' ? short(id) : name),
      ),
      tenantColumn(connection, views),
    ]);
    return [
      idColumn,
      column('address', (floating) => floating.floating_ip_address),
      column('port', (floating) => port(floating.port_id)),
      column('leads to', (floating) => floating.fixed_ip_address),
      column('forwardings', (floating) => floating.port_forwardings.length),
      state('status', ({ status }) => status),
      ...tenant,
    ];
  },
  delete: (api, id) => api.floatingIps.delete(id),
};

/** Those of one floating IP. */
export function portForwarding(floatingIpId: string): Resource<PortForwardingView> {
  return {
    kind: 'port-forwarding',
    brief: 'Port forwardings: ports of a floating IP that lead to workloads',
    about: 'A port forwarding leads one TCP or UDP port of a floating IP, or a range of them, to a workload’s.',
    reader: (api) => api.portForwardings(floatingIpId),
    nameKey: undefined,
    named: ({ id }) => ({ id, name: '' }),
    columns: async () => [
      idColumn,
      column('protocol', ({ protocol }) => protocol),
      column('external', (view) => view.external_port ?? view.external_port_range),
      column('leads to', (view) => `${view.internal_ip_address}:${view.internal_port ?? view.internal_port_range}`),
    ],
  };
}

export const POOL: Resource<ViewOf<'pools'>> = {
  kind: 'pool',
  brief: 'Pools: how many public addresses are used (administrators only)',
  about: 'A pool is a subnet of an external network. Floating IPs and concentrators have addresses of it.',
  reader: (api) => api.pools,
  nameKey: 'name',
  named: ({ id, name }) => ({ id, name }),
  columns: async () => [
    idColumn,
    nameColumn,
    column('network', (pool) => pool.network_name),
    column('cidr', ({ cidr }) => cidr),
    column('total', ({ total }) => total),
    column('used', ({ used }) => used),
    column('free', ({ free }) => free),
  ],
};

type Rule = ViewOf<'securityGroups'>['security_group_rules'][number];

export const SECURITY_GROUP: Resource<ViewOf<'securityGroups'>> = {
  kind: 'security-group',
  brief: 'Security groups: who may talk to a port',
  about: 'A security group’s rules say what is let through to and from the ports that have it; anything else is dropped.',
  reader: (api) => api.securityGroups,
  nameKey: 'name',
  named,
  columns: async (connection, views) => [
    idColumn,
    nameColumn,
    column('rules', (group) => group.security_group_rules.length),
    column('description', ({ description }) => description),
    ...(await tenantColumn(connection, views)),
  ],
  details: { key: 'security_group_rules', format: (group, look) => formatTable(ruleColumns(group.id), group.security_group_rules, look) },
};

function ruleColumns(groupId: string): readonly Column<Rule>[] {
  const { any, ports } = {
    any: 'any',
    ports: (from: unknown, to: unknown) => (from === to ? from : `${formatValue(from)}-${formatValue(to)}`),
  };
  return [
    column('direction', ({ direction }) => direction),
    column('ethertype', ({ ethertype }) => ethertype),
    column('protocol', ({ protocol }) => protocol ?? any),
    column('ports', (rule) => (rule.port_range_min === null ? any : ports(rule.port_range_min, rule.port_range_max))),
    column('remote', (rule) => {
      if (rule.remote_group_id === groupId) return 'members of this group';
      return rule.remote_group_id === null ? (rule.remote_ip_prefix ?? any) : `members of ${short(rule.remote_group_id)}`;
    }),
  ];
}

export const INSTANCE: Resource<ViewOf<'instances'>> = {
  kind: 'instance',
  brief: 'Instances: workloads that Weft itself runs',
  about: 'An instance is a command that runs on a port, in namespaces of its own, on a compute node.',
  reader: (api) => api.instances,
  nameKey: 'name',
  named,
  async columns(connection, views) {
    const { api } = connection;
    const [node, address, tenant] = await Promise.all([
      lookUp(
        api.nodes,
        views.map((view) => view.node_id),
        ({ hostname }) => hostname,
      ),
      lookUp(
        api.ports,
        views.map((view) => view.port_id),
        addresses,
      ),
      tenantColumn(connection, views),
    ]);
    const error = views.some((view) => view.error !== null) ? [column<ViewOf<'instances'>>('error', (view) => view.error?.message)] : [];
    return [
      idColumn,
      nameColumn,
      state('status', ({ status }) => status),
      column('node', (instance) => node(instance.node_id)),
      column('addresses', (instance) => address(instance.port_id)),
      ...tenant,
      column('command', ({ command }) => shellWords(command)),
      ...error,
    ];
  },
  delete: (api, id) => api.instances.delete(id),
};

export const TENANT: Resource<ViewOf<'tenants'>> = {
  kind: 'tenant',
  brief: 'Tenants: who owns networks',
  about: 'Everything in a network belongs to one tenant, and no tenant sees what another has. Only administrators make and delete tenants.',
  reader: (api) => api.tenants,
  nameKey: 'name',
  named: ({ id, name }) => ({ id, name }),
  columns: async () => [idColumn, nameColumn, column('created', (tenant) => tenant.created_at)],
  delete: (api, id) => api.tenants.delete(id),
};

export const NODE: Resource<ViewOf<'nodes'>> = {
  kind: 'node',
  brief: 'Nodes: the machines that carry it all (administrators only)',
  about:
    'A node’s launcher makes its kernel equal to the plan that the controller sends: compute nodes run workloads, network nodes gateways.',
  reader: (api) => api.nodes,
  nameKey: 'hostname',
  named: ({ id, hostname }) => ({ id, name: hostname }),
  columns: async () => [
    idColumn,
    column('name', ({ hostname }) => hostname),
    column('roles', ({ roles }) => roles),
    state('status', ({ status }) => status),
    state('plan', ({ plan, held }) => (held === null ? plan : `held: ${held.reason}`)),
    column('vtep', ({ vtep }) => vtep),
    column('failed', ({ failed }) => Object.keys(failed).length),
  ],
  delete: (api, id) => api.nodes.delete(id),
};

export const CONCENTRATOR: Resource<ViewOf<'concentrators'>> = {
  kind: 'concentrator',
  brief: 'Concentrators: tenants’ gateways',
  about:
    'A concentrator is a tenant’s gateway: it routes between the tenant’s networks, and to the outside from its address on the uplink.',
  reader: (api) => api.concentrators,
  nameKey: undefined,
  named: ({ id, tenant_id }) => ({ id, name: '', owner: tenant_id }),
  async columns(connection, views) {
    const [node, tenant] = await Promise.all([
      lookUp(
        connection.api.nodes,
        views.map((view) => view.node_id),
        ({ hostname }) => hostname,
      ),
      tenantColumn(connection, views),
    ]);
    const error = views.some((view) => view.error !== null)
      ? [column<ViewOf<'concentrators'>>('error', (view) => view.error?.message)]
      : [];
    return [
      idColumn,
      ...tenant,
      state('status', ({ status }) => status),
      column('node', (concentrator) => node(concentrator.node_id)),
      column('uplink address', (concentrator) => concentrator.uplink_address),
      ...error,
    ];
  },
};

/** As one would type it. */
export function shellWords(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`)).join(' ');
}
