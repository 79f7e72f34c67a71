import { EXTENSIONS } from '@weft/api/extensions';
import { NETWORKS } from '@weft/api/networks';
import { PORTS } from '@weft/api/ports';
import { SUBNETS } from '@weft/api/subnets';
import type { FastifyInstance } from 'fastify';
import { baseUrl } from './rest-context.ts';

/** What clients ask before they have a token: which APIs are here, and whether anybody is (neutron-api.md §2). Keystone's is at `/v3`. */
export function discoveryRoutes(app: FastifyInstance): void {
  app.route({
    method: 'GET',
    url: '/',
    handler: (request) => ({
      versions: [{ id: 'v2.0', status: 'CURRENT', links: [{ rel: 'self', href: `${baseUrl(request)}/v2.0/` }] }],
    }),
  });
  app.route({
    method: 'GET',
    url: '/v2.0/',
    handler: (request) => ({
      resources: [SUBNETS, NETWORKS, PORTS].map(({ path, plural, singular }) => ({
        name: singular,
        collection: plural,
        links: [{ rel: 'self', href: `${baseUrl(request)}/v2.0/${path}` }],
      })),
    }),
  });
  app.route({ method: 'GET', url: '/healthcheck', handler: (_request, reply) => reply.type('text/plain').send('OK') });
}

/** The extensions, for anybody with a token. */
export function extensionRoutes(scope: FastifyInstance): void {
  scope.route({ method: 'GET', url: '/extensions', handler: () => ({ extensions: [...EXTENSIONS.values()] }) });
  scope.route<{ Params: { id: string } }>({
    method: 'GET',
    url: '/extensions/:id',
    handler: (request, reply) => {
      const { id } = request.params;
      const extension = EXTENSIONS.get(id);
      if (extension !== undefined) return { extension };
      // The one answer of Neutron that has no NeutronError.
      return reply.status(404).send({ code: 404, title: 'Not Found', message: `Extension with alias ${id} does not exist` });
    },
  });
}
