import { show } from '@weft/api/attribute';
import type { AttributeTable, CollectionNames } from '@weft/api/attribute';
import type { Caller } from '@weft/api/caller';
import { list, parseListQuery } from '@weft/api/list-query';
import type { Query } from '@weft/api/list-query';
import {
  AGENTS,
  agentAttributes,
  AVAILABILITY_ZONES,
  IP_AVAILABILITIES,
  ipAvailabilityAttributes,
  ZONE,
  zoneAttributes,
} from '@weft/api/operator-views';
import type { AgentSource, IpAvailabilitySource, ZoneSource } from '@weft/api/operator-views';
import { Forbidden } from '@weft/api/request-error';
import { poolSize } from '@weft/core/address-pool';
import { NotFound } from '@weft/core/command/context';
import type { Network, Node } from '@weft/core/resource';
import type { NetworkId, NodeId } from '@weft/core/uuid';
import type { FastifyInstance } from 'fastify';
import { visible } from './visibility.ts';
import type { RestContext } from './rest-context.ts';
import { listAnswer } from './list-answer.ts';

type WithId = { Params: { id: string }; Querystring: Query };

/** Nodes as agents, their zone, and how full networks are (neutron-api.md §9): administrators look at it; all but the zone is hidden from others. */
export function operatorRoutes(scope: FastifyInstance, { controller, caller }: RestContext): void {
  const { cluster, nodes } = controller;
  const { state } = cluster;
  const isAdmin = (who: Caller): boolean => who.kind === 'admin';

  const agentOf = (record: Node): AgentSource => {
    const seen = nodes.observe(record.id);
    return { record, alive: seen?.connected === true, lastSeenMs: seen?.lastSeenMs };
  };
  const agents = (who: Caller): AgentSource[] => (isAdmin(who) ? Array.from(state.nodes.values(), agentOf) : []);
  const agentViews = (ids: Iterable<NodeId>, who: Caller): unknown[] =>
    Array.from(ids, (id) => state.nodes.get(id))
      .filter((node) => node !== undefined)
      .map((node) => show<AgentSource, typeof agentAttributes>(agentAttributes, agentOf(node), who));

  const useOf = (record: Network): IpAvailabilitySource => ({
    record,
    subnets: Array.from(state.subnetsOf(record.id), ({ id, name, cidr, allocationPools }) => ({
      id,
      name,
      cidr,
      total: Number(poolSize(allocationPools)),
      used: state.addressCount(id) + [...state.floatingIpsIn(id)].length,
    })),
  });
  const uses = (who: Caller): IpAvailabilitySource[] => (isAdmin(who) ? Array.from(state.networks.values(), useOf) : []);
  const zones = (): ZoneSource[] => [
    { record: { id: ZONE }, available: [...state.nodes.keys()].some((id) => nodes.observe(id)?.connected === true) },
  ];

  const listRoute = <S extends Readonly<{ record: Readonly<{ id: string }> }>>(
    names: CollectionNames,
    table: AttributeTable<S>,
    sources: (who: Caller) => Iterable<S>,
  ): void => {
    scope.route<{ Querystring: Query }>({
      method: 'GET',
      url: `/${names.path}`,
      handler: async (request, reply) => {
        const who = caller(request);
        const page = list(table, sources(who), parseListQuery(table, request.query, who), who, (id) => new NotFound('node', id));
        return listAnswer(request, reply, names.plural, page, () => cluster.settled());
      },
    });
  };
  const showRoute = <S extends Readonly<{ record: Readonly<{ id: string }> }>>(
    names: CollectionNames,
    table: AttributeTable<S>,
    sources: (who: Caller) => Iterable<S>,
    kind: 'node' | 'network',
  ): void => {
    scope.route<WithId>({
      method: 'GET',
      url: `/${names.path}/:id`,
      handler: async (request) => {
        const who = caller(request);
        const id = request.params.id.toLowerCase();
        const source = [...sources(who)].find(({ record }) => record.id === id);
        if (source === undefined) throw new NotFound(kind, request.params.id);
        const { fields } = request.query;
        const view = show(table, source, who, fields === undefined ? undefined : new Set([fields].flat()));
        await cluster.settled();
        return { [names.singular]: view };
      },
    });
  };
  listRoute<AgentSource>(AGENTS, agentAttributes, agents);
  showRoute<AgentSource>(AGENTS, agentAttributes, agents, 'node');
  listRoute<ZoneSource>(AVAILABILITY_ZONES, zoneAttributes, zones);
  listRoute<IpAvailabilitySource>(IP_AVAILABILITIES, ipAvailabilityAttributes, uses);
  showRoute<IpAvailabilitySource>(IP_AVAILABILITIES, ipAvailabilityAttributes, uses, 'network');

  // Every node answers the DHCP of the networks that it carries.
  scope.route<WithId>({
    method: 'GET',
    url: '/networks/:id/dhcp-agents',
    handler: async (request) => {
      const who = caller(request);
      const network = visible(state, who, 'network', request.params.id);
      if (!isAdmin(who)) throw new Forbidden('rule:get_dhcp-agents is disallowed by policy');
      const views = agentViews(state.nodesOf(network.id), who);
      await cluster.settled();
      return { agents: views };
    },
  });
  scope.route<WithId>({
    method: 'GET',
    url: '/agents/:id/dhcp-networks',
    handler: async (request) => {
      const nodeId = request.params.id.toLowerCase() as NodeId;
      if (!isAdmin(caller(request)) || !state.nodes.has(nodeId)) throw new NotFound('node', request.params.id);
      const networks = Array.from(state.segmentsOn(nodeId), (id: NetworkId) => {
        const { name, tenantId } = visible(state, caller(request), 'network', id);
        return { id, name, tenant_id: tenantId, project_id: tenantId };
      });
      await cluster.settled();
      return { networks };
    },
  });
}
