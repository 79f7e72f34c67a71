import { Type } from 'typebox';
import type { TSchema } from 'typebox';
import * as V3 from '../identity.ts';
import { NAME, accessOperations, listOf } from './access-operations.ts';
import { ref } from './operation.ts';
import type { Operation, Parameter } from './operation.ts';

/** Schemas of /v3 by name. */
export const IDENTITY_SCHEMAS: Readonly<Record<string, TSchema>> = {
  Token: V3.TokenView,
  Catalog: V3.CatalogView,
  Project: V3.ProjectView,
  Domain: V3.DomainView,
  User: V3.UserView,
  Role: V3.RoleView,
  RoleAssignment: V3.RoleAssignmentView,
  ApplicationCredential: V3.ApplicationCredentialView,
};

const SUBJECT: Parameter = {
  name: 'X-Subject-Token',
  schema: Type.String(),
  description: 'The token that is asked about.',
  required: true,
};
const NOCATALOG: Parameter = { name: 'nocatalog', schema: Type.String(), description: 'If it is there, the answer has no catalog.' };
const SUBJECT_ANSWER = { 'X-Subject-Token': 'The token.' };

/** The embedded identity service: the subset of Keystone v3 that clients use. It is not there where an external Keystone is configured. */
export function identityOperations(): readonly Operation[] {
  return [...authOperations(), ...projectOperations(), ...userOperations(), ...accessOperations()];
}

function authOperations(): readonly Operation[] {
  const tag = 'tokens';
  const token = Type.Object({ token: ref('Token') });
  return [
    {
      method: 'get',
      path: '/v3',
      id: 'show_identity_version',
      tag,
      summary: 'Show the version of the identity API',
      access: 'open',
      answer: { status: 200, schema: Type.Object({ version: VersionView }) },
    },
    {
      method: 'post',
      path: '/v3/auth/tokens',
      id: 'login',
      tag,
      summary: 'Log in: get a token',
      about: 'With a password, an application credential, or another token. After wrong guesses it takes ever longer (429).',
      access: 'open',
      query: [NOCATALOG],
      body: V3.AuthBody,
      answer: { status: 201, schema: token, headers: SUBJECT_ANSWER },
      errors: ['bad_request', 'unauthenticated', 'too_many_logins', 'body_too_large', 'unavailable', 'internal'],
    },
    {
      method: 'get',
      path: '/v3/auth/tokens',
      id: 'show_token',
      tag,
      summary: 'Ask what a token is worth',
      about: 'One’s own, or as an administrator or service anybody’s.',
      query: [NOCATALOG],
      headers: [SUBJECT],
      answer: { status: 200, schema: token, headers: SUBJECT_ANSWER },
      errors: ['forbidden', 'not_found:token'],
    },
    {
      method: 'delete',
      path: '/v3/auth/tokens',
      id: 'revoke_token',
      tag,
      summary: 'Revoke a token',
      headers: [SUBJECT],
      answer: { status: 204 },
      errors: ['not_found:token'],
    },
    {
      method: 'get',
      path: '/v3/auth/projects',
      id: 'list_own_projects',
      tag,
      summary: 'List the projects that the token’s user may work in',
      answer: { status: 200, schema: listOf('projects', ref('Project')) },
    },
    {
      method: 'get',
      path: '/v3/auth/domains',
      id: 'list_own_domains',
      tag,
      summary: 'List the domains that the token’s user has a role in',
      answer: { status: 200, schema: listOf('domains', ref('Domain')) },
    },
    {
      method: 'get',
      path: '/v3/auth/catalog',
      id: 'show_catalog',
      tag,
      summary: 'Show where the services are',
      answer: { status: 200, schema: Type.Object({ catalog: ref('Catalog') }) },
    },
  ];
}

const VersionView = Type.Object({
  id: Type.String(),
  status: Type.String(),
  updated: Type.String(),
  links: Type.Array(Type.Object({ rel: Type.String(), href: Type.String() })),
  'media-types': Type.Array(Type.Object({ base: Type.String(), type: Type.String() })),
});

function projectOperations(): readonly Operation[] {
  const tag = 'projects';
  const one = Type.Object({ project: ref('Project') });
  const at = '/v3/projects';
  return [
    {
      method: 'get',
      path: at,
      id: 'list_projects',
      tag,
      summary: 'List projects',
      access: 'admin',
      query: [NAME],
      answer: { status: 200, schema: listOf('projects', ref('Project')) },
    },
    {
      method: 'get',
      path: `${at}/{id}`,
      id: 'show_project',
      tag,
      summary: 'Show a project',
      answer: { status: 200, schema: one },
      errors: ['forbidden', 'not_found:tenant'],
    },
    {
      method: 'post',
      path: at,
      id: 'create_project',
      tag,
      summary: 'Create a project',
      access: 'admin',
      body: V3.CreateProjectBody,
      answer: { status: 201, schema: one },
      errors: ['tenant_exists', 'invalid_name'],
    },
    {
      method: 'patch',
      path: `${at}/{id}`,
      id: 'update_project',
      tag,
      summary: 'Change a project',
      access: 'admin',
      body: V3.UpdateProjectBody,
      answer: { status: 200, schema: one },
      errors: ['not_found:tenant', 'tenant_exists', 'invalid_name'],
    },
    {
      method: 'delete',
      path: `${at}/{id}`,
      id: 'delete_project',
      tag,
      summary: 'Delete a project',
      access: 'admin',
      answer: { status: 204 },
      errors: ['not_found:tenant', 'tenant_in_use'],
    },
    {
      method: 'get',
      path: '/v3/domains',
      id: 'list_domains',
      tag: 'domains',
      summary: 'List domains',
      about: 'There is one: `default`.',
      query: [NAME],
      answer: { status: 200, schema: listOf('domains', ref('Domain')) },
    },
    {
      method: 'get',
      path: '/v3/domains/{id}',
      id: 'show_domain',
      tag: 'domains',
      summary: 'Show a domain',
      answer: { status: 200, schema: Type.Object({ domain: ref('Domain') }) },
      errors: ['not_found:domain'],
    },
  ];
}

function userOperations(): readonly Operation[] {
  const tag = 'users';
  const one = Type.Object({ user: ref('User') });
  const at = '/v3/users';
  const missing = ['not_found:user'];
  const written = ['user_exists', 'not_found:tenant', 'invalid_name'];
  return [
    {
      method: 'get',
      path: at,
      id: 'list_users',
      tag,
      summary: 'List users',
      access: 'admin',
      query: [NAME],
      answer: { status: 200, schema: listOf('users', ref('User')) },
    },
    {
      method: 'get',
      path: `${at}/{id}`,
      id: 'show_user',
      tag,
      summary: 'Show a user',
      answer: { status: 200, schema: one },
      errors: ['forbidden', ...missing],
    },
    {
      method: 'get',
      path: `${at}/{id}/projects`,
      id: 'list_user_projects',
      tag,
      summary: 'List the projects that a user has a role in',
      answer: { status: 200, schema: listOf('projects', ref('Project')) },
      errors: ['forbidden', ...missing],
    },
    {
      method: 'post',
      path: at,
      id: 'create_user',
      tag,
      summary: 'Create a user',
      access: 'admin',
      body: V3.CreateUserBody,
      answer: { status: 201, schema: one },
      errors: written,
    },
    {
      method: 'patch',
      path: `${at}/{id}`,
      id: 'update_user',
      tag,
      summary: 'Change a user',
      access: 'admin',
      body: V3.UpdateUserBody,
      answer: { status: 200, schema: one },
      errors: [...missing, ...written],
    },
    {
      method: 'post',
      path: `${at}/{id}/password`,
      id: 'change_password',
      tag,
      summary: 'Change one’s own password',
      body: V3.ChangePasswordBody,
      answer: { status: 204 },
      errors: missing,
    },
    {
      method: 'delete',
      path: `${at}/{id}`,
      id: 'delete_user',
      tag,
      summary: 'Delete a user',
      access: 'admin',
      answer: { status: 204 },
      errors: missing,
    },
  ];
}
