import { isDhcpPort } from '../dhcp-service.ts';
import { isRouterInterface } from '../router.ts';
import type { ClusterState } from '../cluster-state.ts';
import type { Changes, Port, Resource } from '../resource.ts';
import type { FloatingIpId, PortId, TenantId } from '../uuid.ts';

/** What changes may make reachable or unreachable: ports, and the public addresses that lead to them, among which gateways' own ones. */
export type Concerned = Readonly<{
  ports: ReadonlySet<PortId>;
  publicAddresses: ReadonlySet<FloatingIpId>;
  /** Whose gateway's own address is led otherwise. */
  ownAddresses: ReadonlySet<TenantId>;
}>;

/** Looks at what changed as it was and as it will be. Stops at `limit` ports: `complete` is false then. */
export function concernedBy(states: readonly ClusterState[], changes: Changes, limit: number): Concerned & Readonly<{ complete: boolean }> {
  const ports = new Set<PortId>();
  const publicAddresses = new Set<FloatingIpId>();
  const ownAddresses = new Set<TenantId>();
  let complete = true;
  for (const state of states) {
    for (const { kind, id } of [...changes.remove, ...changes.put]) {
      const record = state.get(kind, id);
      if (record === undefined) continue;
      if (record.kind === 'floatingIp') publicAddresses.add(record.id);
      if (record.kind === 'portForwarding') publicAddresses.add(record.floatingIpId);
      if (record.kind === 'natRule') {
        if (record.floatingIpId !== undefined) publicAddresses.add(record.floatingIpId);
        else if (record.direction === 'inbound') ownAddresses.add(record.tenantId);
      }
      for (const portId of portsOf(state, record)) {
        if (ports.size >= limit && !ports.has(portId)) {
          complete = false;
          break;
        }
        ports.add(portId);
      }
    }
  }
  return { ports, publicAddresses, ownAddresses, complete };
}

function* portsOf(state: ClusterState, record: Resource): Generator<PortId> {
  switch (record.kind) {
    case 'port':
      yield* idsOf([record]);
      yield* namesakesOf(state, record);
      if (isRouterInterface(record)) yield* portsOfTenant(state, record.tenantId);
      break;
    case 'instance':
      yield record.portId;
      break;
    case 'network':
      yield* idsOf(state.portsOf(record.id));
      break;
    case 'subnet':
      yield* idsOf(state.portsOf(record.networkId));
      break;
    case 'securityGroup':
      yield* idsOf(state.portsIn(record.id));
      break;
    case 'securityGroupRule':
      yield* idsOf(state.portsIn(record.groupId));
      break;
    case 'floatingIp':
      if (record.portId !== undefined) yield record.portId;
      for (const forwarding of state.forwardingsOf(record.id)) yield forwarding.internalPortId;
      for (const rule of state.natRulesUsing(record.id)) yield* portsOf(state, rule);
      break;
    case 'portForwarding':
      yield record.internalPortId;
      break;
    case 'node':
      for (const instance of state.instancesOn(record.id)) yield instance.portId;
      for (const concentrator of state.concentratorsOn(record.id)) yield* portsOfTenant(state, concentrator.tenantId);
      break;
    case 'firewallRule':
    case 'natRule':
      if (record.portId === undefined) yield* portsOfTenant(state, record.tenantId);
      else yield record.portId;
      break;
    case 'tenant':
      yield* portsOfTenant(state, record.id);
      break;
    case 'concentrator':
    case 'router':
      yield* portsOfTenant(state, record.tenantId);
      break;
    case 'addressHold': {
      const floating = state.floatingIpByAddress(record.address);
      if (floating?.portId !== undefined) yield floating.portId;
      break;
    }
    // Who may ask says nothing of what is reached.
    case 'user':
    case 'roleAssignment':
    case 'applicationCredential':
    case 'tokenKey':
    case 'tokenRevocation':
    case 'quota':
    case 'subnetPool':
    case 'rbacPolicy':
      break;
  }
}

export function* portsOfTenant(state: ClusterState, tenantId: TenantId): Generator<PortId> {
  for (const network of state.networksOf(tenantId)) yield* idsOf(state.portsOf(network.id));
}

/** Without DHCP servers: what is asked of those is no traffic between a tenant's ports. */
function* idsOf(ports: Iterable<Port>): Generator<PortId> {
  for (const port of ports) if (!isDhcpPort(port)) yield port.id;
}

/** Ports on other networks of the tenant with the same address: groups know their members by address only. */
function* namesakesOf(state: ClusterState, port: Port): Generator<PortId> {
  for (const network of state.networksOf(port.tenantId)) {
    for (const subnet of network.id === port.networkId ? [] : state.subnetsOf(network.id)) {
      for (const { address } of port.fixedIps) {
        const namesake = state.portByAddress(subnet.id, address);
        if (namesake !== undefined) yield namesake.id;
      }
    }
  }
}
