import { checkRevision, parseIfMatch } from '@weft/api/if-match';
import { parseTag, parseTagsBody, TagNotFound, TagResourceNotFound } from '@weft/api/tags';
import type { ClusterState } from '@weft/core/cluster-state';
import { NotFound } from '@weft/core/command/context';
import { setTags } from '@weft/core/command/tags';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { visible } from './visibility.ts';
import type { Collection } from './collections.ts';
import type { RestContext } from './rest-context.ts';

type Under = { Params: { id: string } };
type One = { Params: { id: string; child: string } };

/** The tags of a collection's objects (neutron-api.md §1.8). */
export function tagRoutes(scope: FastifyInstance, { controller, decider, caller }: RestContext, collection: Collection): void {
  const { cluster } = controller;
  const { kind, names } = collection;
  const all = `/${names.path}/:id/tags`;

  const named = <X>(id: string, look: () => X): X => {
    try {
      return look();
    } catch (error) {
      throw error instanceof NotFound && error.kind === kind ? new TagResourceNotFound(names.plural, id) : error;
    }
  };
  const tagsOf = (state: ClusterState, request: FastifyRequest<Under>): readonly string[] => {
    const { id } = request.params;
    return named(id, () => visible(state, caller(request), kind, id)).tags ?? [];
  };
  const change = async (request: FastifyRequest<Under>, wish: (present: readonly string[]) => readonly string[]) => {
    const id = request.params.id.toLowerCase();
    const wanted = parseIfMatch(request.headers['if-match']);
    const { tags } = await decider.decide(request, (state, context) => {
      const present = tagsOf(state, request);
      collection.checkOwner(caller(request), id, 'update');
      checkRevision(wanted, state.get(kind, id)?.revision);
      return setTags(state, context, kind, id, wish(present));
    });
    return tags;
  };

  scope.route<Under>({
    method: 'GET',
    url: all,
    handler: async (request) => {
      const tags = tagsOf(cluster.state, request);
      await cluster.settled();
      return { tags };
    },
  });
  scope.route<Under>({
    method: 'PUT',
    url: all,
    handler: async (request) => {
      const wanted = parseTagsBody(request.body);
      return { tags: await change(request, () => wanted) };
    },
  });
  scope.route<Under>({
    method: 'DELETE',
    url: all,
    handler: async (request, reply) => {
      await change(request, () => []);
      return reply.status(204).send();
    },
  });

  scope.route<One>({
    method: 'GET',
    url: `${all}/:child`,
    handler: async (request, reply) => {
      const { child } = request.params;
      const isThere = tagsOf(cluster.state, request).includes(child);
      await cluster.settled();
      if (!isThere) throw new TagNotFound(child);
      return reply.status(204).send();
    },
  });
  scope.route<One>({
    method: 'PUT',
    url: `${all}/:child`,
    handler: async (request, reply) => {
      const tag = parseTag(request.params.child);
      await change(request, (present) => (present.includes(tag) ? present : [...present, tag]));
      return reply.status(201).send();
    },
  });
  scope.route<One>({
    method: 'DELETE',
    url: `${all}/:child`,
    handler: async (request, reply) => {
      const { child } = request.params;
      await change(request, (present) => {
        if (!present.includes(child)) throw new TagNotFound(child);
        return present.filter((tag) => tag !== child);
      });
      return reply.status(204).send();
    },
  });
}
