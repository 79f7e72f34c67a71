import { Type } from 'typebox';
import type { Static } from 'typebox';

/**
 * The Keystone v3 subset under /v3 (neutron-api.md §13): bodies and views. As Keystone does, attributes that are not known are not looked
 * at in bodies; those of a domain other than `default` are refused.
 */

/** The one domain. */
export const DEFAULT_DOMAIN = { id: 'default', name: 'Default' } as const;

const Text = Type.String({ maxLength: 255, pattern: '^[^\\u0000-\\u001f\\u007f]*$' });
const Name = Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000-\\u001f\\u007f]*$' });
const Secret = Type.String({ minLength: 1, maxLength: 4096 });
const nullable = <T extends Type.TSchema>(schema: T): Type.TUnion<[T, Type.TNull]> => Type.Union([schema, Type.Null()]);

const DomainRef = Type.Object({ id: Type.Optional(Type.String()), name: Type.Optional(Type.String()) });
const UserRef = { id: Type.Optional(Type.String()), name: Type.Optional(Type.String()), domain: Type.Optional(DomainRef) };
const ProjectRef = Type.Object({ id: Type.Optional(Type.String()), name: Type.Optional(Type.String()), domain: Type.Optional(DomainRef) });

/** `POST /v3/auth/tokens`. */
export const AuthBody = Type.Object({
  auth: Type.Object({
    identity: Type.Object({
      methods: Type.Array(Type.String(), { minItems: 1, maxItems: 8 }),
      password: Type.Optional(Type.Object({ user: Type.Object({ ...UserRef, password: Secret }) })),
      token: Type.Optional(Type.Object({ id: Type.String() })),
      application_credential: Type.Optional(
        Type.Object({
          id: Type.Optional(Type.String()),
          name: Type.Optional(Type.String()),
          secret: Secret,
          user: Type.Optional(Type.Object(UserRef)),
        }),
      ),
    }),
    scope: Type.Optional(
      Type.Union([
        Type.Literal('unscoped'),
        Type.Object({
          project: Type.Optional(ProjectRef),
          domain: Type.Optional(DomainRef),
          system: Type.Optional(Type.Object({ all: Type.Boolean() })),
        }),
      ]),
    ),
  }),
});
export type AuthBody = Static<typeof AuthBody>;

const projectFields = {
  description: Type.Optional(nullable(Text)),
  enabled: Type.Optional(Type.Boolean()),
  domain_id: Type.Optional(nullable(Type.String())),
};
export const CreateProjectBody = Type.Object({
  project: Type.Object({
    name: Name,
    ...projectFields,
    is_domain: Type.Optional(Type.Boolean()),
    parent_id: Type.Optional(nullable(Type.String())),
  }),
});
export type CreateProjectBody = Static<typeof CreateProjectBody>;
export const UpdateProjectBody = Type.Object({ project: Type.Object({ name: Type.Optional(Name), ...projectFields }) });
export type UpdateProjectBody = Static<typeof UpdateProjectBody>;

const userFields = {
  description: Type.Optional(nullable(Text)),
  email: Type.Optional(nullable(Text)),
  enabled: Type.Optional(Type.Boolean()),
  domain_id: Type.Optional(nullable(Type.String())),
  default_project_id: Type.Optional(nullable(Type.String())),
  password: Type.Optional(nullable(Secret)),
};
export const CreateUserBody = Type.Object({ user: Type.Object({ name: Name, ...userFields }) });
export type CreateUserBody = Static<typeof CreateUserBody>;
export const UpdateUserBody = Type.Object({ user: Type.Object({ name: Type.Optional(Name), ...userFields }) });
export type UpdateUserBody = Static<typeof UpdateUserBody>;
/** `POST /v3/users/{id}/password`. */
export const ChangePasswordBody = Type.Object({ user: Type.Object({ original_password: Secret, password: Secret }) });
export type ChangePasswordBody = Static<typeof ChangePasswordBody>;

export const CreateApplicationCredentialBody = Type.Object({
  application_credential: Type.Object({
    name: Name,
    description: Type.Optional(nullable(Text)),
    secret: Type.Optional(nullable(Secret)),
    /** ISO 8601, in UTC where it says nothing else. */
    expires_at: Type.Optional(nullable(Type.String())),
    roles: Type.Optional(Type.Array(Type.Object({ id: Type.Optional(Type.String()), name: Type.Optional(Type.String()) }))),
    unrestricted: Type.Optional(nullable(Type.Boolean())),
  }),
});
export type CreateApplicationCredentialBody = Static<typeof CreateApplicationCredentialBody>;

const Named = Type.Object({ id: Type.String(), name: Type.String() });
const inDomain = { ...Named.properties, domain: Named };
const Links = Type.Object({ self: Type.String() });

/** One service of the catalog. */
export const ServiceView = Type.Object({
  id: Type.String(),
  type: Type.Enum(['identity', 'network']),
  name: Type.String(),
  endpoints: Type.Array(
    Type.Object({
      id: Type.String(),
      interface: Type.Enum(['public', 'internal', 'admin']),
      region: Type.String(),
      region_id: Type.String(),
      url: Type.String(),
    }),
  ),
});
export const CatalogView = Type.Array(ServiceView);
export type CatalogView = Static<typeof CatalogView>;

export const TokenView = Type.Object({
  methods: Type.Array(Type.String()),
  user: Type.Object({ ...inDomain, password_expires_at: Type.Null() }),
  audit_ids: Type.Array(Type.String()),
  issued_at: Type.String(),
  expires_at: Type.String(),
  is_domain: Type.Literal(false),
  project: Type.Optional(Type.Object(inDomain)),
  domain: Type.Optional(Named),
  system: Type.Optional(Type.Object({ all: Type.Literal(true) })),
  roles: Type.Optional(Type.Array(Named)),
  catalog: Type.Optional(CatalogView),
  application_credential: Type.Optional(Type.Object({ ...Named.properties, restricted: Type.Boolean() })),
});
export type TokenView = Static<typeof TokenView>;

export const ProjectView = Type.Object({
  id: Type.String(),
  name: Type.String(),
  domain_id: Type.String(),
  parent_id: Type.String(),
  description: Type.String(),
  enabled: Type.Boolean(),
  is_domain: Type.Literal(false),
  tags: Type.Array(Type.String()),
  options: Type.Object({}),
  links: Links,
});
export type ProjectView = Static<typeof ProjectView>;

export const DomainView = Type.Object({
  ...Named.properties,
  description: Type.String(),
  enabled: Type.Boolean(),
  tags: Type.Array(Type.String()),
  options: Type.Object({}),
  links: Links,
});
export type DomainView = Static<typeof DomainView>;

export const UserView = Type.Object({
  id: Type.String(),
  name: Type.String(),
  domain_id: Type.String(),
  description: Type.String(),
  email: nullable(Type.String()),
  enabled: Type.Boolean(),
  default_project_id: nullable(Type.String()),
  password_expires_at: Type.Null(),
  options: Type.Object({}),
  links: Links,
});
export type UserView = Static<typeof UserView>;

export const RoleView = Type.Object({
  ...Named.properties,
  domain_id: Type.Optional(Type.Null()),
  description: Type.Optional(Type.Null()),
  options: Type.Optional(Type.Object({})),
});

export const RoleAssignmentView = Type.Object({
  user: Type.Object({ id: Type.String(), name: Type.Optional(Type.String()), domain: Type.Optional(Named) }),
  role: Type.Object({ id: Type.String(), name: Type.Optional(Type.String()) }),
  scope: Type.Union([
    Type.Object({ system: Type.Object({ all: Type.Literal(true) }) }),
    Type.Object({ project: Type.Object({ id: Type.String(), name: Type.Optional(Type.String()), domain: Type.Optional(Named) }) }),
  ]),
  links: Type.Object({}),
});

export const ApplicationCredentialView = Type.Object({
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  project_id: Type.String(),
  roles: Type.Array(Named),
  expires_at: nullable(Type.String()),
  unrestricted: Type.Boolean(),
  links: Links,
  /** In the answer to its creation only. */
  secret: Type.Optional(Type.String()),
});
export type ApplicationCredentialView = Static<typeof ApplicationCredentialView>;
