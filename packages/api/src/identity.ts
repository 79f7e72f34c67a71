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

type Named = Readonly<{ id: string; name: string }>;
type InDomain = Named & Readonly<{ domain: Named }>;

export type CatalogView = readonly Readonly<{
  id: string;
  type: 'identity' | 'network';
  name: string;
  endpoints: readonly Readonly<{
    id: string;
    interface: 'public' | 'internal' | 'admin';
    region: string;
    region_id: string;
    url: string;
  }>[];
}>[];

export type TokenView = Readonly<{
  methods: readonly string[];
  user: InDomain & Readonly<{ password_expires_at: null }>;
  audit_ids: readonly string[];
  issued_at: string;
  expires_at: string;
  is_domain: false;
  project?: InDomain;
  domain?: Named;
  system?: Readonly<{ all: true }>;
  roles?: readonly Named[];
  catalog?: CatalogView;
  application_credential?: Named & Readonly<{ restricted: boolean }>;
}>;

export type ProjectView = Readonly<{
  id: string;
  name: string;
  domain_id: string;
  parent_id: string;
  description: string;
  enabled: boolean;
  is_domain: false;
  tags: readonly string[];
  options: object;
  links: Readonly<{ self: string }>;
}>;

export type UserView = Readonly<{
  id: string;
  name: string;
  domain_id: string;
  description: string;
  email: string | null;
  enabled: boolean;
  default_project_id: string | null;
  password_expires_at: null;
  options: object;
  links: Readonly<{ self: string }>;
}>;

export type ApplicationCredentialView = Readonly<{
  id: string;
  name: string;
  description: string;
  project_id: string;
  roles: readonly Named[];
  expires_at: string | null;
  unrestricted: boolean;
  links: Readonly<{ self: string }>;
  /** In the answer to its creation only. */
  secret?: string;
}>;
