import { unwrap } from '@weft/api/attribute';
import type { Caller } from '@weft/api/caller';
import type { RouterInterfaceView } from '@weft/api/routers';
import { ROUTERS, parseExtraRoutes, parseRouterInterface, routerInterfaceView } from '@weft/api/routers';
import type { ClusterState } from '@weft/core/cluster-state';
import { addRouterInterface, removeRouterInterface } from '@weft/core/command/router-interface';
import type { RouterInterfaceRequest } from '@weft/core/command/router-interface';
import { addRoutes, removeRoutes } from '@weft/core/command/router';
import type { RouterId } from '@weft/core/uuid';
import type { FastifyInstance } from 'fastify';
import type { Collection } from './collections.ts';
import { visible } from './visibility.ts';
import type { RestContext } from './rest-context.ts';

type WithId = { Params: { id: string } };

const INTERFACE_ACTIONS = [
  ['add_router_interface', addRouterInterface],
  ['remove_router_interface', removeRouterInterface],
] as const;

const ROUTE_ACTIONS = [
  ['add_extraroutes', addRoutes],
  ['remove_extraroutes', removeRoutes],
] as const;

/** What one does with a router (neutron-api.md §6.1): its interfaces, and some of its routes. `routers`: how one is shown. */
export function routerRoutes(
  scope: FastifyInstance,
  { decider, caller }: RestContext,
  routers: Pick<Collection, 'show' | 'checkOwner'>,
): void {
  for (const [action, command] of INTERFACE_ACTIONS) {
    scope.route<WithId>({
      method: 'PUT',
      url: `/${ROUTERS.path}/:id/${action}`,
      handler: async (request) => {
        const who = caller(request);
        const id = request.params.id.toLowerCase() as RouterId;
        routers.checkOwner(who, id, 'update');
        const wish = parseRouterInterface(request.body, 'router interface');
        return decider.decideAndShow<ReturnType<typeof addRouterInterface>, RouterInterfaceView>(
          request,
          (state, context) => {
            checkNamed(state, who, wish);
            return command(state, context, id, wish);
          },
          routerInterfaceView,
        );
      },
    });
  }
  for (const [action, command] of ROUTE_ACTIONS) {
    scope.route<WithId>({
      method: 'PUT',
      url: `/${ROUTERS.path}/:id/${action}`,
      handler: async (request) => {
        const who = caller(request);
        const id = request.params.id.toLowerCase() as RouterId;
        routers.checkOwner(who, id, 'update');
        const routes = parseExtraRoutes(unwrap(request.body, ROUTERS), 'routes');
        const view = await decider.decideAndShow(
          request,
          (state, context) => command(state, context, id, routes),
          () => routers.show(who, id),
        );
        return { [ROUTERS.singular]: view };
      },
    });
  }
}

/** Of another project's subnet or port nobody says more than that there is none. */
function checkNamed(state: ClusterState, who: Caller, { subnetId, portId }: RouterInterfaceRequest): void {
  if (subnetId !== undefined) visible(state, who, 'subnet', subnetId);
  if (portId !== undefined) visible(state, who, 'port', portId);
}
