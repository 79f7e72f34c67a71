import { parseCreate, parseUpdate, show, unwrap, unwrapCreate } from '@weft/api/attribute';
import { list, parseListQuery } from '@weft/api/list-query';
import type { Query } from '@weft/api/list-query';
import {
  PORT_FORWARDINGS,
  createPortForwardingRequest,
  portForwardingAttributes,
  updatePortForwardingRequest,
} from '@weft/api/port-forwardings';
import type { PortForwardingSource, PortForwardingView } from '@weft/api/port-forwardings';
import type { Caller } from '@weft/api/caller';
import type { ClusterState } from '@weft/core/cluster-state';
import { NotFound } from '@weft/core/command/context';
import { createPortForwarding, deletePortForwarding, updatePortForwarding } from '@weft/core/command/port-forwarding';
import { sequence } from '@weft/core/command/sequence';
import type { FloatingIp, PortForwarding } from '@weft/core/resource';
import type { PortForwardingId } from '@weft/core/uuid';
import type { FastifyInstance } from 'fastify';
import { visible } from './visibility.ts';
import type { RestContext } from './rest-context.ts';
import { listAnswer } from './list-answer.ts';

type Under = { Params: { id: string }; Querystring: Query };
type One = { Params: { id: string; child: string }; Querystring: Query };

const COLLECTION = '/floatingips/:id/port_forwardings';
const { plural, singular } = PORT_FORWARDINGS;

/** The port forwardings of a floating IP: the one collection of /v2.0 that lies below an object (neutron-api.md §6.3). */
export function portForwardingRoutes(scope: FastifyInstance, { controller, decider, caller }: RestContext): void {
  const { cluster } = controller;
  const view = (who: Caller, record: PortForwarding, fields?: ReadonlySet<string>): PortForwardingView =>
    show<PortForwardingSource, typeof portForwardingAttributes>(portForwardingAttributes, { record }, who, fields);
  const findOne = (state: ClusterState, who: Caller, { id, child }: One['Params']): PortForwarding => {
    const floating = visible(state, who, 'floatingIp', id);
    const record = state.portForwardings.get(child.toLowerCase() as PortForwardingId);
    if (record?.floatingIpId !== floating.id) throw new NotFound('portForwarding', child);
    return record;
  };

  scope.route<Under>({
    method: 'GET',
    url: COLLECTION,
    handler: async (request, reply) => {
      const who = caller(request);
      const floating: FloatingIp = visible(cluster.state, who, 'floatingIp', request.params.id);
      const query = parseListQuery<PortForwardingSource>(portForwardingAttributes, request.query, who);
      const sources = [...cluster.state.forwardingsOf(floating.id)].map((record) => ({ record }));
      const page = list<PortForwardingSource, typeof portForwardingAttributes>(
        portForwardingAttributes,
        sources,
        query,
        who,
        (marker) => new NotFound('portForwarding', marker),
      );
      return listAnswer(request, reply, plural, page, () => cluster.settled());
    },
  });

  scope.route<One>({
    method: 'GET',
    url: `${COLLECTION}/:child`,
    handler: async (request) => {
      const who = caller(request);
      const { fields } = request.query;
      const chosen = fields === undefined ? undefined : new Set([fields].flat());
      const shown = view(who, findOne(cluster.state, who, request.params), chosen);
      await cluster.settled();
      return { [singular]: shown };
    },
  });

  scope.route<Under>({
    method: 'POST',
    url: COLLECTION,
    handler: async (request, reply) => {
      const who = caller(request);
      const { bulk, bodies } = unwrapCreate(request.body, PORT_FORWARDINGS);
      const { id } = visible(cluster.state, who, 'floatingIp', request.params.id);
      const requests = bodies.map((body) =>
        createPortForwardingRequest(
          parseCreate<PortForwardingSource, typeof portForwardingAttributes>(portForwardingAttributes, PORT_FORWARDINGS, body, who),
        ),
      );
      const views = await decider.decideAndShow(
        request,
        (state, context) => {
          visible(state, who, 'floatingIp', id);
          return sequence(
            state,
            requests.map((wish) => (present: ClusterState) => createPortForwarding(present, context, id, wish)),
          );
        },
        ({ results }) => results.map(({ portForwarding }) => view(who, portForwarding)),
      );
      void reply.status(201);
      return bulk ? { [plural]: views } : { [singular]: views[0] };
    },
  });

  scope.route<One>({
    method: 'PUT',
    url: `${COLLECTION}/:child`,
    handler: async (request) => {
      const who = caller(request);
      findOne(cluster.state, who, request.params);
      const values = parseUpdate<PortForwardingSource, typeof portForwardingAttributes>(
        portForwardingAttributes,
        PORT_FORWARDINGS,
        unwrap(request.body, PORT_FORWARDINGS),
        who,
      );
      const shown = await decider.decideAndShow(
        request,
        (state, context) => {
          const old = findOne(state, who, request.params);
          return updatePortForwarding(state, context, old.id, updatePortForwardingRequest(values, old));
        },
        ({ portForwarding }) => view(who, portForwarding),
      );
      return { [singular]: shown };
    },
  });

  scope.route<One>({
    method: 'DELETE',
    url: `${COLLECTION}/:child`,
    handler: async (request, reply) => {
      const who = caller(request);
      await decider.decide(request, (state, context) => deletePortForwarding(state, context, findOne(state, who, request.params).id));
      return reply.status(204).send();
    },
  });
}
