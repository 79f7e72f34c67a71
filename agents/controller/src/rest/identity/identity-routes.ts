import type { FastifyInstance } from 'fastify';
import { tokenRoutes } from './auth-routes.ts';
import { credentialRoutes } from './credential-routes.ts';
import type { IdentityContext } from './identity-context.ts';
import { projectRoutes } from './project-routes.ts';
import { roleRoutes } from './role-routes.ts';
import { serviceRoutes } from './service-routes.ts';
import { userRoutes } from './user-routes.ts';

/** What of the identity service needs a token. */
export function identityRoutes(scope: FastifyInstance, context: IdentityContext): void {
  tokenRoutes(scope, context);
  projectRoutes(scope, context);
  userRoutes(scope, context);
  roleRoutes(scope, context);
  credentialRoutes(scope, context);
  serviceRoutes(scope, context);
}
