/** Rules of the public side, as the command line knows them. */
import { column, idColumn, lookUp, short, tenantColumn } from './resources.ts';
import type { Resource, ViewOf } from './resources.ts';

export const FIREWALL_RULE: Resource<ViewOf<'firewallRules'>> = {
  kind: 'firewall-rule',
  brief: 'Firewall rules: what passes between a tenant and the outside',
  about:
    'A firewall rule allows or denies traffic at the tenant’s gateway. Rules are asked by rising priority; the first that fits decides. Without\none, everything may go out, and what public addresses and forwardings lead in may come in; no rule opens more than that.',
  reader: (api) => api.firewallRules,
  nameKey: undefined,
  named: ({ id, tenant_id }) => ({ id, name: '', owner: tenant_id }),
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
      column('priority', ({ priority }) => priority),
      column('direction', ({ direction }) => direction),
      column('action', ({ action }) => action),
      column('port', (rule) => (rule.port_id === null ? 'all' : port(rule.port_id))),
      column('protocol', ({ protocol }) => protocol ?? 'any'),
      column('ports', ({ port_min, port_max }) => (port_min === port_max ? (port_min ?? 'any') : `${port_min}-${port_max}`)),
      column('remote', ({ remote_cidr }) => remote_cidr ?? 'any'),
      ...tenant,
    ];
  },
  delete: (api, id) => api.firewallRules.delete(id),
};

export const NAT_RULE: Resource<ViewOf<'natRules'>> = {
  kind: 'nat-rule',
  brief: 'NAT rules: which addresses and ports the outside sees',
  about:
    'A NAT rule says which public address a tenant’s traffic leaves with, or which ports of a public address lead to a workload. Rules are asked\nby rising priority; the first that fits translates, before port forwardings and floating IPs that are associated.',
  reader: (api) => api.natRules,
  nameKey: undefined,
  named: ({ id, tenant_id }) => ({ id, name: '', owner: tenant_id }),
  async columns(connection, views) {
    const [port, address, tenant] = await Promise.all([
      lookUp(
        connection.api.ports,
        views.map((view) => view.port_id),
        ({ id, name }) => (name === '' ? short(id) : name),
      ),
      lookUp(
        connection.api.floatingIps,
        views.map((view) => view.floating_ip_id),
        ({ floating_ip_address }) => floating_ip_address,
      ),
      tenantColumn(connection, views),
    ]);
    return [
      idColumn,
      column('priority', ({ priority }) => priority),
      column('direction', ({ direction }) => direction),
      column('port', (rule) => (rule.port_id === null ? 'all' : port(rule.port_id))),
      column('protocol', ({ protocol }) => protocol ?? 'any'),
      column('ports', ({ port_min, port_max }) => (port_min === port_max ? (port_min ?? 'any') : `${port_min}-${port_max}`)),
      column('remote', ({ remote_cidr }) => remote_cidr ?? 'any'),
      column('address', ({ floating_ip_id }) => (floating_ip_id === null ? 'gateway' : address(floating_ip_id))),
      column('to', ({ to_port }) => to_port),
      ...tenant,
    ];
  },
  delete: (api, id) => api.natRules.delete(id),
};
