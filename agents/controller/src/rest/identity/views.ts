import { DEFAULT_DOMAIN } from '@weft/api/identity';
import type { ApplicationCredentialView, CatalogView, ProjectView, TokenView, UserView } from '@weft/api/identity';
import type { ApplicationCredential, Role, User } from '@weft/core/identity';
import type { Tenant } from '@weft/core/resource';
import type { Authenticated } from '../../identity/identity.ts';
import { roleId } from './identity-context.ts';

export const REGION = 'RegionOne';

/** `base`: where the client sees this API, `https://host:8889`. */
export function catalogView(base: string): CatalogView {
  const service = (id: number, type: 'identity' | 'network', name: string, url: string): CatalogView[number] => ({
    id: `73657276-0000-4000-8000-00000000000${id}`,
    type,
    name,
    endpoints: (['public', 'internal', 'admin'] as const).map((face, index) => ({
      id: `656e6470-0000-4000-8000-0000000000${id}${index}`,
      interface: face,
      region: REGION,
      region_id: REGION,
      url,
    })),
  });
  // The network endpoint is unversioned: clients append /v2.0 themselves.
  return [service(1, 'identity', 'keystone', `${base}/v3`), service(2, 'network', 'neutron', base)];
}

export function tokenView({ token, user, tenant, credential, roles }: Authenticated, catalog: CatalogView | undefined): TokenView {
  const named = ({ id, name }: Readonly<{ id: string; name: string }>): TokenView['user'] & object => ({
    id,
    name,
    domain: DEFAULT_DOMAIN,
    password_expires_at: null,
  });
  return {
    methods: [...token.methods],
    user: named(user),
    audit_ids: [token.auditId, ...(token.parentAuditId === undefined ? [] : [token.parentAuditId])],
    issued_at: time(token.issuedAt),
    expires_at: time(token.expiresAt),
    is_domain: false,
    ...(tenant === undefined ? {} : { project: { id: tenant.id, name: tenant.name, domain: DEFAULT_DOMAIN } }),
    ...(token.scope === 'domain' ? { domain: DEFAULT_DOMAIN } : {}),
    ...(token.scope === 'system' ? { system: { all: true } as const } : {}),
    ...(token.scope === 'unscoped' ? {} : { roles: roles.map(roleView), ...(catalog === undefined ? {} : { catalog }) }),
    ...(credential === undefined
      ? {}
      : { application_credential: { id: credential.id, name: credential.name, restricted: !credential.unrestricted } }),
  };
}

export function roleView(role: Role): Readonly<{ id: string; name: string }> {
  return { id: roleId(role), name: role };
}

export function projectView({ id, name, description, enabled }: Tenant, base: string): ProjectView {
  return {
    id,
    name,
    domain_id: DEFAULT_DOMAIN.id,
    parent_id: DEFAULT_DOMAIN.id,
    description,
    enabled,
    is_domain: false,
    tags: [],
    options: {},
    links: { self: `${base}/v3/projects/${id}` },
  };
}

export function userView({ id, name, description, email, enabled, defaultTenantId }: User, base: string): UserView {
  return {
    id,
    name,
    domain_id: DEFAULT_DOMAIN.id,
    description,
    email: email ?? null,
    enabled,
    default_project_id: defaultTenantId ?? null,
    password_expires_at: null,
    options: {},
    links: { self: `${base}/v3/users/${id}` },
  };
}

export function credentialView(credential: ApplicationCredential, base: string): ApplicationCredentialView {
  const { id, name, description, tenantId, roles, expiresAt, unrestricted, userId } = credential;
  return {
    id,
    name,
    description,
    project_id: tenantId,
    roles: roles.map(roleView),
    expires_at: expiresAt === undefined ? null : new Date(expiresAt).toISOString().replace(/\.\d+Z$/, '.000000'),
    unrestricted,
    links: { self: `${base}/v3/users/${userId}/application_credentials/${id}` },
  };
}

/** As Keystone writes times in tokens: microseconds, and `Z`. */
function time(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
