import type { CatalogView } from '@weft/api/identity';
import type { FastifyInstance } from 'fastify';
import { baseUrl } from '../rest-context.ts';
import { checkAdmin, collection, matching } from './identity-context.ts';
import type { IdentityContext, Query } from './identity-context.ts';
import { catalogView, REGION } from './views.ts';

type Service = CatalogView[number];

/** The catalog once more, as `openstack service list`, `endpoint list` and `region list` ask for it. Services are fixed: nothing is written. */
export function serviceRoutes(scope: FastifyInstance, { caller }: IdentityContext): void {
  const list = <V extends object>(path: string, views: (base: string) => V[]): void => {
    scope.route<{ Querystring: Query }>({
      method: 'GET',
      url: `/${path}`,
      handler: (request) => {
        checkAdmin(caller(request), `list_${path}`);
        const base = baseUrl(request);
        return collection(path, matching(views(base), request.query), `${base}/v3/${path}`);
      },
    });
  };
  list('services', (base) => catalogView(base).map((service) => serviceView(service, base)));
  list('endpoints', (base) => catalogView(base).flatMap((service) => endpointViews(service, base)));
  list('regions', (base) => [{ id: REGION, description: '', parent_region_id: null, links: { self: `${base}/v3/regions/${REGION}` } }]);
}

function serviceView({ id, type, name }: Service, base: string): object {
  return { id, type, name, description: '', enabled: true, links: { self: `${base}/v3/services/${id}` } };
}

function endpointViews({ id: serviceId, endpoints }: Service, base: string): object[] {
  return endpoints.map(({ id, interface: face, region, region_id, url }) => ({
    id,
    service_id: serviceId,
    interface: face,
    region,
    region_id,
    url,
    enabled: true,
    links: { self: `${base}/v3/endpoints/${id}` },
  }));
}
