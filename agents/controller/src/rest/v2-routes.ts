import { unwrap, unwrapCreate } from '@weft/api/attribute';
import { checkRevision, parseIfMatch } from '@weft/api/if-match';
import type { Query } from '@weft/api/list-query';
import { sequence } from '@weft/core/command/sequence';
import type { FastifyInstance } from 'fastify';
import type { Collection } from './collections.ts';
import { listAnswer } from './list-answer.ts';
import type { RestContext } from './rest-context.ts';
import { tagRoutes } from './tag-routes.ts';

type WithId = { Params: { id: string }; Querystring: Query };

/** The verbs of /v2.0 for every collection (neutron-api.md §1.1). */
export function routesOfV2(scope: FastifyInstance, context: RestContext, all: readonly Collection[]): void {
  for (const collection of all) {
    collectionRoutes(scope, context, collection);
    if (collection.tagged) tagRoutes(scope, context, collection);
  }
}

function collectionRoutes(scope: FastifyInstance, { controller, decider, caller }: RestContext, collection: Collection): void {
  const { cluster } = controller;
  const { path, plural, singular } = collection.names;
  const fieldsOf = (query: Query): ReadonlySet<string> | undefined =>
    query['fields'] === undefined ? undefined : new Set([query['fields']].flat());

  scope.route<{ Querystring: Query }>({
    method: 'GET',
    url: `/${path}`,
    handler: async (request, reply) => {
      const page = collection.list(caller(request), request.query);
      return listAnswer(request, reply, plural, page, () => cluster.settled());
    },
  });

  scope.route<WithId>({
    method: 'GET',
    url: `/${path}/:id`,
    handler: async (request) => {
      const view = collection.show(caller(request), request.params.id, fieldsOf(request.query));
      await cluster.settled();
      return { [singular]: view };
    },
  });

  const { create, update, delete: remove } = collection;
  if (create !== undefined) {
    scope.route({
      method: 'POST',
      url: `/${path}`,
      handler: async (request, reply) => {
        const who = caller(request);
        const { bulk, bodies } = unwrapCreate(request.body, collection.names);
        collection.checkBulk?.(bodies);
        const decisions = bodies.map((body) => create(who, body));
        const views = await decider.decideAndShow(
          request,
          (state, command) =>
            sequence(
              state,
              decisions.map((decide) => (present) => decide(present, command)),
            ),
          ({ results }) => results.map(({ id }) => collection.show(who, id)),
        );
        void reply.status(201);
        return bulk ? { [plural]: views } : { [singular]: views[0] };
      },
    });
  }
  if (update !== undefined) {
    scope.route<WithId>({
      method: 'PUT',
      url: `/${path}/:id`,
      handler: async (request) => {
        const who = caller(request);
        const id = request.params.id.toLowerCase();
        // Whether it exists and may be changed comes before what is wrong with the body.
        collection.checkOwner(who, id, 'update');
        const decide = update(who, unwrap(request.body, collection.names));
        const wanted = parseIfMatch(request.headers['if-match']);
        const view = await decider.decideAndShow(
          request,
          (state, command) => {
            checkRevision(wanted, state.get(collection.kind, id)?.revision);
            return decide(state, command, id);
          },
          () => collection.show(who, id),
        );
        return { [singular]: view };
      },
    });
  }
  if (remove !== undefined) {
    scope.route<WithId>({
      method: 'DELETE',
      url: `/${path}/:id`,
      handler: async (request, reply) => {
        const id = request.params.id.toLowerCase();
        const wanted = parseIfMatch(request.headers['if-match']);
        await decider.decide(request, (state, command) => {
          collection.checkOwner(caller(request), id, 'delete');
          checkRevision(wanted, state.get(collection.kind, id)?.revision);
          return remove(state, command, id);
        });
        return reply.status(204).send();
      },
    });
  }
}
