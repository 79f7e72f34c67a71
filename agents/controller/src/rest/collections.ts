import type { AttributeTable, CollectionNames } from '@weft/api/attribute';
import { parseCreate, parseUpdate, show } from '@weft/api/attribute';
import { maySee } from '@weft/api/caller';
import type { Caller } from '@weft/api/caller';
import { list, parseListQuery } from '@weft/api/list-query';
import type { Page, Query } from '@weft/api/list-query';
import { FLOATING_IPS, createFloatingIpRequest, floatingIpAttributes, updateFloatingIpRequest } from '@weft/api/floating-ips';
import type { FloatingIpSource } from '@weft/api/floating-ips';
import { NETWORKS, createNetworkRequest, networkAttributes, updateNetworkRequest } from '@weft/api/networks';
import type { NetworkSource } from '@weft/api/networks';
import { PORTS, createPortRequest, portAttributes, updatePortRequest } from '@weft/api/ports';
import type { PortSource } from '@weft/api/ports';
import { checkNewPort, checkPortChange } from '@weft/api/port-policy';
import { RBAC_POLICIES, checkRbacPolicy, createRbacPolicyRequest, rbacPolicyAttributes, withTarget } from '@weft/api/rbac-policies';
import type { RbacPolicySource } from '@weft/api/rbac-policies';
import { BadRequest, Forbidden, InvalidInput } from '@weft/api/request-error';
import { ROUTERS, checkGatewayPolicy, createRouterRequest, routerAttributes, updateRouterRequest } from '@weft/api/routers';
import type { RouterSource } from '@weft/api/routers';
import {
  SECURITY_GROUPS,
  SECURITY_GROUP_RULES,
  checkRulesTogether,
  createSecurityGroupRequest,
  createSecurityGroupRuleRequest,
  securityGroupAttributes,
  securityGroupRuleAttributes,
  updateSecurityGroupRequest,
} from '@weft/api/security-groups';
import type { SecurityGroupRuleSource, SecurityGroupSource } from '@weft/api/security-groups';
import { SUBNETS, createSubnetRequest, subnetAttributes, updateSubnetRequest } from '@weft/api/subnets';
import type { SubnetSource } from '@weft/api/subnets';
import { SUBNET_POOLS, createSubnetPoolRequest, subnetPoolAttributes, updateSubnetPoolRequest } from '@weft/api/subnet-pools';
import type { SubnetPoolSource } from '@weft/api/subnet-pools';
import type { ClusterState } from '@weft/core/cluster-state';
import { NotFound } from '@weft/core/command/context';
import type { CommandContext } from '@weft/core/command/context';
import { createFloatingIp, deleteFloatingIp, updateFloatingIp } from '@weft/core/command/floating-ip';
import { createNetwork, deleteNetwork, updateNetwork } from '@weft/core/command/network';
import { createPort, deletePort, updatePort } from '@weft/core/command/port';
import type { FixedIpRequest } from '@weft/core/command/fixed-ips';
import { createRbacPolicy, deleteRbacPolicy, updateRbacPolicy } from '@weft/core/command/rbac-policy';
import { createRouter, deleteRouter, updateRouter } from '@weft/core/command/router';
import {
  createSecurityGroup,
  createSecurityGroupRule,
  deleteSecurityGroup,
  deleteSecurityGroupRule,
  updateSecurityGroup,
} from '@weft/core/command/security-group';
import { createSubnet, deleteSubnet, updateSubnet } from '@weft/core/command/subnet';
import { createSubnetPool, defaultSubnetPool, deleteSubnetPool, updateSubnetPool } from '@weft/core/command/subnet-pool';
import { bindingOf } from '@weft/core/port-binding';
import type { Changes, Network } from '@weft/core/resource';
import { isSharedWith } from '@weft/core/sharing';
import type {
  FloatingIpId,
  NetworkId,
  PortId,
  RbacPolicyId,
  RouterId,
  SecurityGroupId,
  SecurityGroupRuleId,
  SubnetId,
  SubnetPoolId,
  TenantId,
} from '@weft/core/uuid';
import type { Controller } from '../controller.ts';
import { dnsAssignment } from '../dns-assignment.ts';
import { answererOf } from '@weft/core/public-gateway';
import { floatingIpStatus, portStatus, routerStatus } from '../status.ts';
import { asOperator } from './operator-project.ts';
import { isVisible, mayChange, seesInside, visible } from './visibility.ts';
import type { Owned, OwnedKind } from './visibility.ts';

type Decide<A extends readonly unknown[]> = (
  state: ClusterState,
  context: CommandContext,
  ...more: A
) => Changes & Readonly<{ id: string }>;

/** A collection of /v2.0, joined to the state. Bodies and queries come unparsed. */
export type Collection = Readonly<{
  names: CollectionNames;
  kind: OwnedKind;
  /** Whether its objects have tags. */
  tagged: boolean;
  /** The object as the caller sees it. Throws NotFound, also for what belongs to somebody else. */
  show: (caller: Caller, id: string, fields?: ReadonlySet<string>) => unknown;
  /** Throws NotFound for what the caller may not see, Forbidden for what it may see but not change. */
  checkOwner: (caller: Caller, id: string, verb: 'update' | 'delete') => void;
  /** Throws BadRequest for a query that cannot be. */
  list: (caller: Caller, query: Query) => Page<unknown>;
  /** Throws for bodies that cannot be made in one request. */
  checkBulk?: (bodies: readonly object[]) => void;
  /** Parses a body at once; what it returns decides. Throws as the tables do. */
  create?: (caller: Caller, body: object) => Decide<[]>;
  update?: (caller: Caller, body: object) => Decide<[id: string]>;
  delete?: (state: ClusterState, context: CommandContext, id: string) => Changes;
}>;

/** All collections of /v2.0: the next one is one more entry here and a table in `api`. */
export function collections(controller: Controller): readonly Collection[] {
  const { state } = controller.cluster;
  const networkSource = (record: NetworkSource['record'], caller: Caller): NetworkSource => ({
    record,
    shared: isSharedWith(state, record.id, caller.tenantId),
    get subnets() {
      return seesInside(state, caller, record) ? Array.from(state.subnetsOf(record.id), ({ id }) => id) : [];
    },
  });
  const subnetSource = (record: SubnetSource['record'], caller: Caller): SubnetSource => ({
    record,
    get shared() {
      return isSharedWith(state, record.networkId, caller.tenantId);
    },
  });
  // Computed when it is shown or filtered by: a list looks at many ports and shows few. A class, because it costs a tenth of an object's getters.
  class Computed implements PortSource {
    readonly record: PortSource['record'];
    constructor(record: PortSource['record']) {
      this.record = record;
    }
    get status(): PortSource['status'] {
      return portStatus(controller.statusSources, this.record);
    }
    get binding(): PortSource['binding'] {
      return bindingOf(state, this.record);
    }
    get dnsAssignment(): PortSource['dnsAssignment'] {
      return dnsAssignment(state, controller.cluster.config, this.record);
    }
  }
  const portSource = (record: PortSource['record']): PortSource => new Computed(record);
  const groupSource = (record: SecurityGroupSource['record']): SecurityGroupSource => ({ record, rules: [...state.rulesOf(record.id)] });
  const floatingIpSource = (record: FloatingIpSource['record']): FloatingIpSource => ({
    record,
    get status() {
      return floatingIpStatus(controller.statusSources, record);
    },
    get port() {
      const port = record.portId === undefined ? undefined : state.ports.get(record.portId);
      return port === undefined ? undefined : { record: port, status: portStatus(controller.statusSources, port) };
    },
    forwardings: [...state.forwardingsOf(record.id)],
    get routerId() {
      return answererOf(state, record)?.routerId;
    },
  });
  const routerSource = (record: RouterSource['record']): RouterSource => ({
    record,
    get status() {
      return routerStatus(controller.statusSources, record);
    },
  });
  const plain = <R>(record: R): Readonly<{ record: R }> => ({ record });
  const kinds = { state };

  return [
    {
      ...readable<'network', NetworkSource>({
        ...kinds,
        kind: 'network',
        names: NETWORKS,
        table: networkAttributes,
        source: networkSource,
      }),
      create: (caller, body) => {
        const values = parseCreate(networkAttributes, NETWORKS, body, caller);
        const owner = values['router:external'] && values.project_id === undefined ? undefined : ownerOf(caller, values.project_id);
        return (present, context) => {
          const create = (given: ClusterState, tenantId: TenantId): Changes & Readonly<{ id: string }> => {
            const { network, ...changes } = createNetwork(given, context, createNetworkRequest(values, tenantId));
            return { ...changes, id: network.id };
          };
          return owner === undefined ? asOperator(present, context, create) : create(present, owner);
        };
      },
      update: (caller, body) => {
        const request = updateNetworkRequest(parseUpdate(networkAttributes, NETWORKS, body, caller));
        return (present, context, id) => ({ ...updateNetwork(present, context, id as NetworkId, request), id });
      },
      delete: (present, _context, id) => deleteNetwork(present, id as NetworkId),
    },
    {
      ...readable<'subnet', SubnetSource>({ ...kinds, kind: 'subnet', names: SUBNETS, table: subnetAttributes, source: subnetSource }),
      create: (caller, body) => {
        const values = parseCreate(subnetAttributes, SUBNETS, body, caller);
        return (present, context) => {
          const request = createSubnetRequest(values, defaultSubnetPool(present)?.id);
          if (values.subnetpool_id !== null) visible(present, caller, 'subnetPool', values.subnetpool_id);
          const network = visible(present, caller, 'network', request.networkId);
          checkProject(caller, network, values.project_id);
          if (!maySee(caller, network)) throw new Forbidden('rule:create_subnet is disallowed by policy');
          const { subnet, ...changes } = createSubnet(present, context, request);
          return { ...changes, id: subnet.id };
        };
      },
      update: (caller, body) => {
        const request = updateSubnetRequest(parseUpdate(subnetAttributes, SUBNETS, body, caller));
        return (present, context, id) => ({ ...updateSubnet(present, context, id as SubnetId, request), id });
      },
      delete: (present, context, id) => deleteSubnet(present, context, id as SubnetId),
    },
    {
      ...readable<'subnetPool', SubnetPoolSource>({
        ...kinds,
        kind: 'subnetPool',
        names: SUBNET_POOLS,
        table: subnetPoolAttributes,
        source: plain,
      }),
      create: (caller, body) => {
        const values = parseCreate(subnetPoolAttributes, SUBNET_POOLS, body, caller);
        const owner = values.project_id ?? caller.tenantId;
        return (present, context) => {
          const create = (given: ClusterState, tenantId: TenantId): Changes & Readonly<{ id: string }> => {
            const { pool, ...changes } = createSubnetPool(given, context, createSubnetPoolRequest(values, tenantId));
            return { ...changes, id: pool.id };
          };
          return owner === undefined ? asOperator(present, context, create) : create(present, owner as TenantId);
        };
      },
      update: (caller, body) => {
        const request = updateSubnetPoolRequest(parseUpdate(subnetPoolAttributes, SUBNET_POOLS, body, caller));
        return (present, context, id) => ({ ...updateSubnetPool(present, context, id as SubnetPoolId, request), id });
      },
      delete: (present, _context, id) => deleteSubnetPool(present, id as SubnetPoolId),
    },
    {
      ...readable<'port', PortSource>({ ...kinds, kind: 'port', names: PORTS, table: portAttributes, source: portSource }),
      create: (caller, body) => {
        const values = parseCreate(portAttributes, PORTS, body, caller);
        const request = createPortRequest(values);
        return (present, context) => {
          const network = visible(present, caller, 'network', request.networkId);
          if (!network.external) checkNewPort(caller, network, request);
          // An administrator who names no project means the network's.
          const tenantId = caller.kind === 'admin' ? ((values.project_id as TenantId | undefined) ?? network.tenantId) : caller.tenantId;
          checkSubnets(present, caller, request.fixedIps);
          const { port, ...changes } = createPort(present, context, { ...request, tenantId });
          return { ...changes, id: port.id };
        };
      },
      update: (caller, body) => {
        const request = updatePortRequest(parseUpdate(portAttributes, PORTS, body, caller));
        return (present, context, id) => {
          const old = visible(present, caller, 'port', id);
          const network = present.networks.get(old.networkId);
          if (network !== undefined) checkPortChange(caller, network, old, request);
          checkSubnets(present, caller, request.fixedIps);
          return { ...updatePort(present, context, id as PortId, request), id };
        };
      },
      delete: (present, context, id) => deletePort(present, context, id as PortId),
    },
    {
      ...readable<'router', RouterSource>({ ...kinds, kind: 'router', names: ROUTERS, table: routerAttributes, source: routerSource }),
      create: (caller, body) => {
        const values = parseCreate(routerAttributes, ROUTERS, body, caller);
        checkGatewayPolicy(caller, 'create', values.external_gateway_info);
        const request = createRouterRequest(values, ownerOf(caller, values.project_id));
        return (present, context) => {
          if (request.externalGateway !== undefined) visible(present, caller, 'network', request.externalGateway.networkId);
          const { router, ...changes } = createRouter(present, context, request);
          return { ...changes, id: router.id };
        };
      },
      update: (caller, body) => {
        const values = parseUpdate(routerAttributes, ROUTERS, body, caller);
        checkGatewayPolicy(caller, 'update', values.external_gateway_info);
        const request = updateRouterRequest(values);
        return (present, context, id) => {
          const gateway = request.externalGateway ?? undefined;
          if (gateway !== undefined) visible(present, caller, 'network', gateway.networkId);
          return { ...updateRouter(present, context, id as RouterId, request), id };
        };
      },
      delete: (present, _context, id) => deleteRouter(present, id as RouterId),
    },
    {
      ...readable<'floatingIp', FloatingIpSource>({
        ...kinds,
        kind: 'floatingIp',
        names: FLOATING_IPS,
        table: floatingIpAttributes,
        source: floatingIpSource,
      }),
      create: (caller, body) => {
        const values = parseCreate(floatingIpAttributes, FLOATING_IPS, body, caller);
        return (present, context) => {
          visible(present, caller, 'network', values.floating_network_id);
          // An administrator who names a port means its project.
          const port = caller.kind === 'admin' && values.port_id !== null ? visible(present, caller, 'port', values.port_id) : undefined;
          const request = createFloatingIpRequest(values, ownerOf(caller, values.project_id ?? port?.tenantId));
          const { floatingIp, ...changes } = createFloatingIp(present, context, request);
          return { ...changes, id: floatingIp.id };
        };
      },
      update: (caller, body) => {
        const request = updateFloatingIpRequest(parseUpdate(floatingIpAttributes, FLOATING_IPS, body, caller));
        return (present, context, id) => ({ ...updateFloatingIp(present, context, id as FloatingIpId, request), id });
      },
      delete: (present, _context, id) => deleteFloatingIp(present, id as FloatingIpId),
    },
    {
      ...readable<'securityGroup', SecurityGroupSource>({
        ...kinds,
        kind: 'securityGroup',
        names: SECURITY_GROUPS,
        table: securityGroupAttributes,
        source: groupSource,
      }),
      create: (caller, body) => {
        const values = parseCreate(securityGroupAttributes, SECURITY_GROUPS, body, caller);
        const request = createSecurityGroupRequest(values, ownerOf(caller, values.project_id));
        return (present, context) => {
          const { group, ...changes } = createSecurityGroup(present, context, request);
          return { ...changes, id: group.id };
        };
      },
      update: (caller, body) => {
        const request = updateSecurityGroupRequest(parseUpdate(securityGroupAttributes, SECURITY_GROUPS, body, caller));
        return (present, context, id) => ({ ...updateSecurityGroup(present, context, id as SecurityGroupId, request), id });
      },
      delete: (present, _context, id) => deleteSecurityGroup(present, id as SecurityGroupId),
    },
    {
      ...readable<'securityGroupRule', SecurityGroupRuleSource>({
        ...kinds,
        kind: 'securityGroupRule',
        names: SECURITY_GROUP_RULES,
        table: securityGroupRuleAttributes,
        source: plain,
      }),
      checkBulk: checkRulesTogether,
      create: (caller, body) => {
        const request = createSecurityGroupRuleRequest(parseCreate(securityGroupRuleAttributes, SECURITY_GROUP_RULES, body, caller));
        return (present, context) => {
          visible(present, caller, 'securityGroup', request.groupId);
          const { rule, ...changes } = createSecurityGroupRule(present, context, request);
          return { ...changes, id: rule.id };
        };
      },
      delete: (present, context, id) => deleteSecurityGroupRule(present, context, id as SecurityGroupRuleId),
    },
    {
      ...readable<'rbacPolicy', RbacPolicySource>({
        ...kinds,
        kind: 'rbacPolicy',
        names: RBAC_POLICIES,
        table: rbacPolicyAttributes,
        source: (record) => ({ record: { ...record, description: '' } }),
      }),
      create: (caller, body) => {
        const values = parseCreate(rbacPolicyAttributes, RBAC_POLICIES, withTarget(body), caller);
        const request = createRbacPolicyRequest(values);
        checkRbacPolicy(caller, 'create', request);
        return (present, context) => {
          const network = visible(present, caller, 'network', request.objectId);
          if (!maySee(caller, network)) throw new InvalidInput('Only admins can manipulate policies on objects they do not own');
          checkProject(caller, network, values.project_id);
          const { rbacPolicy, ...changes } = createRbacPolicy(present, context, request);
          return { ...changes, id: rbacPolicy.id };
        };
      },
      update: (caller, body) => {
        const { target_tenant: target } = parseUpdate(rbacPolicyAttributes, RBAC_POLICIES, withTarget(body), caller);
        checkRbacPolicy(caller, 'update', { target });
        return (present, context, id) => ({ ...updateRbacPolicy(present, context, id as RbacPolicyId, target), id });
      },
      delete: (present, context, id) => deleteRbacPolicy(present, context, id as RbacPolicyId),
    },
  ];
}

function readable<K extends OwnedKind, S extends Readonly<{ record: Readonly<{ id: string }> }>>(
  the: Readonly<{
    state: ClusterState;
    kind: K;
    names: CollectionNames;
    table: AttributeTable<S>;
    source: (record: Extract<Owned, { kind: K }>, caller: Caller) => S;
  }>,
): Pick<Collection, 'names' | 'kind' | 'tagged' | 'show' | 'checkOwner' | 'list'> {
  return {
    names: the.names,
    kind: the.kind,
    tagged: Object.hasOwn(the.table, 'tags'),
    show: (caller, id, fields) => show(the.table, the.source(visible(the.state, caller, the.kind, id), caller), caller, fields),
    checkOwner: (caller, id, verb) => {
      if (mayChange(the.state, caller, visible(the.state, caller, the.kind, id), verb)) return;
      throw new Forbidden(`rule:${verb}_${the.names.singular} is disallowed by policy`);
    },
    list: (caller, query) => {
      const parsed = parseListQuery(the.table, query, caller);
      const sources = function* (): Generator<S> {
        const all = recordsByIds(the.state, the.kind, parsed.filters.get('id')) ?? recordsOf(the.state, the.kind);
        for (const record of all) if (isVisible(the.state, caller, record)) yield the.source(record, caller);
      };
      return list(the.table, sources(), parsed, caller, (marker) => new NotFound(the.kind, marker));
    },
  };
}

/** Those with an id that was asked for, without a look at all others; undefined if none was. */
function recordsByIds<K extends OwnedKind>(
  state: ClusterState,
  kind: K,
  ids: readonly string[] | undefined,
): readonly Extract<Owned, { kind: K }>[] | undefined {
  if (ids === undefined) return undefined;
  return [...new Set(ids)].flatMap((id) => state.get<K>(kind, id) ?? []);
}

function recordsOf<K extends OwnedKind>(state: ClusterState, kind: K): Iterable<Extract<Owned, { kind: K }>> {
  const tables = {
    network: state.networks,
    subnet: state.subnets,
    subnetPool: state.subnetPools,
    port: state.ports,
    router: state.routers,
    securityGroup: state.securityGroups,
    securityGroupRule: state.securityGroupRules,
    concentrator: state.concentrators,
    instance: state.instances,
    floatingIp: state.floatingIps,
    portForwarding: state.portForwardings,
    rbacPolicy: state.rbacPolicies,
    firewallRule: state.firewallRules,
    natRule: state.natRules,
  };
  return tables[kind].values() as Iterable<Extract<Owned, { kind: K }>>;
}

/** Whose a new network is: the caller's, or whose the administrator says. */
function ownerOf(caller: Caller, project: string | undefined): TenantId {
  if (project === undefined && caller.tenantId !== undefined) return caller.tenantId;
  if (project === undefined) throw new BadRequest("Failed to parse request. Required attribute 'tenant_id' not specified");
  return project as TenantId;
}

/** Of another project's subnet nobody says more than that there is none. */
function checkSubnets(state: ClusterState, caller: Caller, fixedIps: readonly FixedIpRequest[] | undefined): void {
  for (const { subnetId } of fixedIps ?? []) if (subnetId !== undefined) visible(state, caller, 'subnet', subnetId);
}

/** What belongs to a network belongs to the network's project, and to no other. */
function checkProject(caller: Caller, network: Network, project: string | undefined): void {
  if (!maySee(caller, network) || project === undefined || project === network.tenantId) return;
  throw new BadRequest(`The project of network ${network.id} is ${network.tenantId}; what belongs to it is that project's`);
}
