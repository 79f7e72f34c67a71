import { Type } from 'typebox';
import type { TSchema } from 'typebox';
import * as V3 from '../identity.ts';
import { ref } from './operation.ts';
import type { Operation, Parameter } from './operation.ts';

/** The filter that most lists of /v3 have. */
export const NAME: Parameter = { name: 'name', schema: Type.String() };

/** Of /v3, who may do what: roles and their assignments, application credentials, and the catalog that tokens come with. */
export function accessOperations(): readonly Operation[] {
  return [...roleOperations(), ...credentialOperations(), ...serviceOperations()];
}

/** A list as Keystone answers it. */
export function listOf(key: string, item: TSchema): TSchema {
  return Type.Object({
    [key]: Type.Array(item),
    links: Type.Object({ self: Type.String(), next: Type.Null(), previous: Type.Null() }),
  });
}

function roleOperations(): readonly Operation[] {
  const tag = 'roles';
  const places = [
    { at: '/v3/projects/{project}/users/{user}/roles', name: 'project', where: 'in a project' },
    { at: '/v3/system/users/{user}/roles', name: 'system', where: 'in the whole system' },
  ];
  const missing = ['not_found:user', 'not_found:tenant'];
  const grants = places.flatMap(({ at, name, where }): readonly Operation[] => {
    const common = { tag, access: 'admin', answer: { status: 204 } } as const;
    const errors = [...missing, 'not_found:role', 'not_found:roleAssignment'];
    return [
      {
        ...common,
        method: 'get',
        path: at,
        id: `list_${name}_roles`,
        summary: `List the roles that a user has ${where}`,
        answer: { status: 200, schema: listOf('roles', ref('Role')) },
        errors: missing,
      },
      { ...common, method: 'put', path: `${at}/{role}`, id: `grant_${name}_role`, summary: `Give a user a role ${where}`, errors },
      {
        ...common,
        method: 'head',
        path: `${at}/{role}`,
        id: `check_${name}_role`,
        summary: `Ask whether a user has a role ${where}`,
        errors,
      },
      {
        ...common,
        method: 'delete',
        path: `${at}/{role}`,
        id: `withdraw_${name}_role`,
        summary: `Take a role from a user ${where}`,
        errors,
      },
    ];
  });
  const filter = (name: string): Parameter => ({ name, schema: Type.String() });
  return [
    {
      method: 'get',
      path: '/v3/roles',
      id: 'list_roles',
      tag,
      summary: 'List roles',
      about: 'They are fixed: admin, member, reader, service.',
      query: [NAME],
      answer: { status: 200, schema: listOf('roles', ref('Role')) },
    },
    {
      method: 'get',
      path: '/v3/roles/{id}',
      id: 'show_role',
      tag,
      summary: 'Show a role',
      answer: { status: 200, schema: Type.Object({ role: ref('Role') }) },
      errors: ['not_found:role'],
    },
    ...grants,
    {
      method: 'get',
      path: '/v3/role_assignments',
      id: 'list_role_assignments',
      tag,
      summary: 'List who has which role where',
      access: 'admin',
      query: ['user.id', 'role.id', 'scope.project.id', 'scope.system', 'include_names'].map(filter),
      answer: { status: 200, schema: listOf('role_assignments', ref('RoleAssignment')) },
    },
  ];
}

function credentialOperations(): readonly Operation[] {
  const tag = 'application credentials';
  const at = '/v3/users/{user}/application_credentials';
  const one = Type.Object({ application_credential: ref('ApplicationCredential') });
  const errors = ['forbidden', 'not_found:user'];
  const missing = [...errors, 'not_found:applicationCredential'];
  return [
    {
      method: 'get',
      path: at,
      id: 'list_application_credentials',
      tag,
      summary: 'List a user’s application credentials',
      query: [NAME],
      answer: { status: 200, schema: listOf('application_credentials', ref('ApplicationCredential')) },
      errors,
    },
    {
      method: 'get',
      path: `${at}/{id}`,
      id: 'show_application_credential',
      tag,
      summary: 'Show an application credential',
      answer: { status: 200, schema: one },
      errors: missing,
    },
    {
      method: 'post',
      path: at,
      id: 'create_application_credential',
      tag,
      summary: 'Create an application credential',
      about: 'For oneself and the token’s project. The answer is the only one with the secret.',
      body: V3.CreateApplicationCredentialBody,
      answer: { status: 201, schema: one },
      errors: [...errors, 'credential_exists', 'role_not_held', 'not_found:role', 'invalid_name'],
    },
    {
      method: 'delete',
      path: `${at}/{id}`,
      id: 'delete_application_credential',
      tag,
      summary: 'Delete an application credential, and with it its tokens',
      answer: { status: 204 },
      errors: missing,
    },
  ];
}

function serviceOperations(): readonly Operation[] {
  const item = Type.Object({ id: Type.String() }, { additionalProperties: true });
  return ['services', 'endpoints', 'regions'].map((name) => ({
    method: 'get',
    path: `/v3/${name}`,
    id: `list_${name}`,
    tag: 'catalog',
    summary: `List the ${name} of the catalog`,
    access: 'admin',
    answer: { status: 200, schema: listOf(name, item) },
  }));
}
