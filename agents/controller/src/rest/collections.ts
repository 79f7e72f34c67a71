import type { AttributeTable, CollectionNames } from '@weft/api/attribute';
import { parseCreate, parseUpdate, show } from '@weft/api/attribute';
import { maySee } from '@weft/api/caller';
import type { Caller } from '@weft/api/caller';
import { list, parseListQuery } from '@weft/api/list-query';
import type { Page, Query } from '@weft/api/list-query';
import { NETWORKS, createNetworkRequest, networkAttributes, updateNetworkRequest } from '@weft/api/networks';
import type { NetworkSource } from '@weft/api/networks';
import { PORTS, createPortRequest, portAttributes, updatePortRequest } from '@weft/api/ports';
import type { PortSource } from '@weft/api/ports';
import { BadRequest } from '@weft/api/request-error';
import { SECURITY_GROUPS, SECURITY_GROUP_RULES, securityGroupAttributes, securityGroupRuleAttributes } from '@weft/api/security-groups';
import type { SecurityGroupRuleSource, SecurityGroupSource } from '@weft/api/security-groups';
import { SUBNETS, createSubnetRequest, subnetAttributes, updateSubnetRequest } from '@weft/api/subnets';
import type { SubnetSource } from '@weft/api/subnets';
import type { ClusterState } from '@weft/core/cluster-state';
import { NotFound } from '@weft/core/command/context';
import type { CommandContext } from '@weft/core/command/context';
import { createNetwork, deleteNetwork, updateNetwork } from '@weft/core/command/network';
import { createPort, deletePort, updatePort } from '@weft/core/command/port';
import { createSubnet, deleteSubnet, updateSubnet } from '@weft/core/command/subnet';
import type { Changes, Resource } from '@weft/core/resource';
import type { NetworkId, PortId, SubnetId, TenantId } from '@weft/core/uuid';
import type { Controller } from '../controller.ts';
import { portStatus } from '../status.ts';

/** Something of the state that one tenant owns. */
type Owned = Extract<Resource, { tenantId: TenantId }>;
type OwnedKind = Owned['kind'];

type Decide<A extends readonly unknown[]> = (
  state: ClusterState,
  context: CommandContext,
  ...more: A
) => Changes & Readonly<{ id: string }>;

/** A collection of /v2.0, joined to the state. Bodies and queries come unparsed. */
export type Collection = Readonly<{
  names: CollectionNames;
  /** The object as the caller sees it. Throws NotFound, also for what belongs to somebody else. */
  show: (caller: Caller, id: string, fields?: ReadonlySet<string>) => unknown;
  /** Throws BadRequest for a query that cannot be. */
  list: (caller: Caller, query: Query) => Page<unknown>;
  /** Parses a body at once; what it returns decides. Throws as the tables do. */
  create?: (caller: Caller, body: object) => Decide<[]>;
  update?: (caller: Caller, body: object) => Decide<[id: string]>;
  delete?: (state: ClusterState, context: CommandContext, id: string) => Changes;
}>;

/** All collections of /v2.0: the next one is one more entry here and a table in `api`. */
export function collections(controller: Controller): readonly Collection[] {
  const { state } = controller.cluster;
  const networkSource = (record: NetworkSource['record']): NetworkSource => ({
    record,
    subnets: [...state.subnetsOf(record.id)].map(({ id }) => id),
  });
  // Computed when it is shown or filtered by: a list looks at many ports and shows few.
  const portSource = (record: PortSource['record']): PortSource => ({
    record,
    get status() {
      return portStatus(controller.statusSources, record);
    },
    get host() {
      const nodeId = state.nodeOfPort(record.id);
      return nodeId === undefined ? undefined : state.nodes.get(nodeId)?.hostname;
    },
  });
  const groupSource = (record: SecurityGroupSource['record']): SecurityGroupSource => ({ record, rules: [...state.rulesOf(record.id)] });
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
        const request = createNetworkRequest(values, ownerOf(caller, values.project_id));
        return (present, context) => {
          const { network, ...changes } = createNetwork(present, context, request);
          return { ...changes, id: network.id };
        };
      },
      update: (caller, body) => {
        const request = updateNetworkRequest(parseUpdate(networkAttributes, NETWORKS, body, caller));
        return (present, context, id) => ({ ...updateNetwork(present, context, id as NetworkId, request), id });
      },
      delete: (present, _context, id) => deleteNetwork(present, id as NetworkId),
    },
    {
      ...readable<'subnet', SubnetSource>({ ...kinds, kind: 'subnet', names: SUBNETS, table: subnetAttributes, source: plain }),
      create: (caller, body) => {
        const values = parseCreate(subnetAttributes, SUBNETS, body, caller);
        const request = createSubnetRequest(values);
        return (present, context) => {
          checkNetwork(present, caller, request.networkId, values.project_id);
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
      ...readable<'port', PortSource>({ ...kinds, kind: 'port', names: PORTS, table: portAttributes, source: portSource }),
      create: (caller, body) => {
        const values = parseCreate(portAttributes, PORTS, body, caller);
        const request = createPortRequest(values);
        return (present, context) => {
          checkNetwork(present, caller, request.networkId, values.project_id);
          const { port, ...changes } = createPort(present, context, request);
          return { ...changes, id: port.id };
        };
      },
      update: (caller, body) => {
        const request = updatePortRequest(parseUpdate(portAttributes, PORTS, body, caller));
        return (present, context, id) => ({ ...updatePort(present, context, id as PortId, request), id });
      },
      delete: (present, _context, id) => deletePort(present, id as PortId),
    },
    readable<'securityGroup', SecurityGroupSource>({
      ...kinds,
      kind: 'securityGroup',
      names: SECURITY_GROUPS,
      table: securityGroupAttributes,
      source: groupSource,
    }),
    readable<'securityGroupRule', SecurityGroupRuleSource>({
      ...kinds,
      kind: 'securityGroupRule',
      names: SECURITY_GROUP_RULES,
      table: securityGroupRuleAttributes,
      source: plain,
    }),
  ];
}

/** The record, if the caller may know of it. Throws NotFound. */
export function visible<K extends OwnedKind>(state: ClusterState, caller: Caller, kind: K, id: string): Extract<Owned, { kind: K }> {
  const record: Extract<Owned, { kind: K }> | undefined = state.get(kind, id.toLowerCase());
  if (record === undefined || !maySee(caller, record)) throw new NotFound(kind, id);
  return record;
}

function readable<K extends OwnedKind, S extends Readonly<{ record: Readonly<{ id: string }> }>>(
  the: Readonly<{
    state: ClusterState;
    kind: K;
    names: CollectionNames;
    table: AttributeTable<S>;
    source: (record: Extract<Owned, { kind: K }>) => S;
  }>,
): Pick<Collection, 'names' | 'show' | 'list'> {
  return {
    names: the.names,
    show: (caller, id, fields) => show(the.table, the.source(visible(the.state, caller, the.kind, id)), caller, fields),
    list: (caller, query) => {
      const parsed = parseListQuery(the.table, query, caller);
      const sources = function* (): Generator<S> {
        for (const record of recordsOf(the.state, the.kind)) if (maySee(caller, record)) yield the.source(record);
      };
      return list(the.table, sources(), parsed, caller, (marker) => new NotFound(the.kind, marker));
    },
  };
}

function recordsOf<K extends OwnedKind>(state: ClusterState, kind: K): Iterable<Extract<Owned, { kind: K }>> {
  const tables = {
    network: state.networks,
    subnet: state.subnets,
    port: state.ports,
    securityGroup: state.securityGroups,
    securityGroupRule: state.securityGroupRules,
    concentrator: state.concentrators,
    instance: state.instances,
  };
  return tables[kind].values() as Iterable<Extract<Owned, { kind: K }>>;
}

/** Whose a new network is: the caller's, or whose the administrator says. */
function ownerOf(caller: Caller, project: string | undefined): TenantId {
  if (caller.kind === 'tenant') return caller.tenantId;
  if (project === undefined) throw new BadRequest("Failed to parse request. Required attribute 'tenant_id' not specified");
  return project as TenantId;
}

/** Subnets and ports belong to their network's project, and to no other. */
function checkNetwork(state: ClusterState, caller: Caller, networkId: NetworkId, project: string | undefined): void {
  const network = visible(state, caller, 'network', networkId);
  if (project !== undefined && project !== network.tenantId) {
    throw new BadRequest(`The project of network ${network.id} is ${network.tenantId}; what is made on it belongs to that project`);
  }
}
