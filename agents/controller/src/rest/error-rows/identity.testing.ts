import { NOWHERE, PASSWORD } from './row.testing.ts';
import type { Ask, ErrorRow } from './row.testing.ts';

const badRequest = { status: 400, type: 'Bad Request' } as const;
const unauthorized = { status: 401, type: 'Unauthorized', text: 'The request you have made requires authentication.' } as const;
const forbidden = { status: 403, type: 'Forbidden' } as const;
const notFound = { status: 404, type: 'Not Found' } as const;
const conflict = { status: 409, type: 'Conflict' } as const;

const v3 = (method: string, path: string, body?: unknown): Ask => ({ method, url: `/v3/${path}`, body });
const logIn = (identity: object, scope?: unknown): Ask => v3('POST', 'auth/tokens', { auth: { identity, scope } });
const byPassword = (name: string, password: string): object => ({
  methods: ['password'],
  password: { user: { name, domain: { id: 'default' }, password } },
});
const MEMBER = '726f6c65-0000-4000-8000-000000000002';

/** The identity service: neutron-api.md §13, in Keystone's form, where the title stands for the type. */
export const identityRows: readonly ErrorRow[] = [
  { at: '§13.2', when: 'a password is wrong', as: 'nobody', ask: () => logIn(byPassword('admin', 'wrong')), ...unauthorized },
  { at: '§13.2', when: 'a user is not there', as: 'nobody', ask: () => logIn(byPassword('stranger', PASSWORD)), ...unauthorized },
  { at: '§13.2', when: 'a method is unknown', as: 'nobody', ask: () => logIn({ methods: ['oauth'] }), ...unauthorized },
  { at: '§13.2', when: 'a method has no content', as: 'nobody', ask: () => logIn({ methods: ['password'] }), ...unauthorized },
  {
    at: '§13.2',
    when: 'a token to log in with is none',
    as: 'nobody',
    ask: () => logIn({ methods: ['token'], token: { id: 'zz' } }),
    ...unauthorized,
  },
  {
    at: '§13.2',
    when: 'an application credential is not there',
    as: 'nobody',
    ask: () => logIn({ methods: ['application_credential'], application_credential: { id: NOWHERE, secret: 'zz' } }),
    ...unauthorized,
  },
  {
    at: '§13.2',
    when: 'a log-in is no JSON',
    as: 'nobody',
    ask: () => ({ method: 'POST', url: '/v3/auth/tokens', text: '{"auth":' }),
    ...badRequest,
    text: 'Body contains invalid data',
  },
  { at: '§13.2', when: 'a log-in says nothing', as: 'nobody', ask: () => v3('POST', 'auth/tokens', {}), ...badRequest, text: /auth/ },
  { at: '§13.2', when: 'a user is disabled', as: 'nobody', ask: (w) => user(w, { enabled: false }, {}), ...unauthorized },
  {
    at: '§13.2',
    when: 'a user has no role in the project',
    as: 'nobody',
    ask: (w) => user(w, {}, { project: { id: w.redProject } }),
    ...unauthorized,
  },
  {
    at: '§13.2',
    when: 'a project to log in to is not there',
    as: 'nobody',
    ask: (w) => user(w, {}, { project: { id: NOWHERE } }),
    ...unauthorized,
  },
  {
    at: '§13.2',
    when: 'there were too many wrong passwords',
    as: 'nobody',
    ask: async (w) => {
      for (let n = 0; n < 100; n += 1) {
        const { method, url, body } = logIn(byPassword('stranger', String(n)));
        const reply = await w.rest.send({ method, url, text: JSON.stringify(body) });
        if (reply.status === 429) break;
      }
      return logIn(byPassword('stranger', 'x'));
    },
    status: 429,
    type: 'Too Many Requests',
    text: /./,
  },
  { at: '§13.2', when: 'the caller’s token is wrong', as: 'nobody', ask: () => v3('GET', 'auth/tokens'), ...unauthorized },
  {
    at: '§13.2',
    when: 'the token asked about is none',
    as: 'member',
    ask: async (w) => ({ ...v3('GET', 'auth/tokens'), headers: { 'x-subject-token': w.users.get('member') === 'x' ? 'y' : 'x' } }),
    ...forbidden,
    text: /identity:validate_token/,
  },
  {
    at: '§13.2',
    when: 'a bad token is asked about',
    as: 'admin',
    ask: () => ({ ...v3('GET', 'auth/tokens'), headers: { 'x-subject-token': 'zz' } }),
    ...notFound,
    text: 'Could not find token.',
  },
  {
    at: '§13.2',
    when: 'a bad token is revoked',
    as: 'admin',
    ask: () => ({ ...v3('DELETE', 'auth/tokens'), headers: { 'x-subject-token': 'zz' } }),
    ...notFound,
    text: 'Could not find token.',
  },
  {
    at: '§13.2',
    when: 'no token is asked about',
    as: 'admin',
    ask: () => v3('GET', 'auth/tokens'),
    ...notFound,
    text: 'Could not find token.',
  },
  { at: '§13.2', when: 'a fixed token has no user', as: 'red', ask: () => v3('GET', 'auth/projects'), ...unauthorized },
  ...['projects', 'users', `projects/${NOWHERE}`, `users/${NOWHERE}`, 'role_assignments', 'services', 'endpoints'].map(
    (path): ErrorRow => ({
      at: '§13.2',
      when: `GET ${path} is for administrators`,
      as: 'member',
      ask: () => v3('GET', path),
      ...forbidden,
      text: /^You are not authorized to perform the requested action: identity:/,
    }),
  ),
  {
    at: '§13.2',
    when: 'administrators make projects',
    as: 'member',
    ask: () => v3('POST', 'projects', { project: { name: 'x' } }),
    ...forbidden,
    text: /identity:create_project/,
  },
  {
    at: '§13.2',
    when: 'administrators make users',
    as: 'member',
    ask: () => v3('POST', 'users', { user: { name: 'x' } }),
    ...forbidden,
    text: /identity:create_user/,
  },
  {
    at: '§13.2',
    when: 'administrators grant roles',
    as: 'member',
    ask: (w) => v3('PUT', `projects/${w.redProject}/users/${NOWHERE}/roles/${MEMBER}`),
    ...forbidden,
    text: /identity:create_grant/,
  },
  ...[
    ['GET', `projects/${NOWHERE}`, 'project'],
    ['DELETE', `projects/${NOWHERE}`, 'project'],
    ['GET', `users/${NOWHERE}`, 'user'],
    ['DELETE', `users/${NOWHERE}`, 'user'],
    ['GET', `roles/${NOWHERE}`, 'role'],
    ['GET', 'domains/other', 'domain'],
    ['GET', 'projects/zzz', 'project'],
  ].map(([method = '', path = '', what]): ErrorRow => ({
    at: '§13.2',
    when: `there is nothing to ${method} at ${path}`,
    as: 'admin',
    ask: () => v3(method, path),
    ...notFound,
    text: new RegExp(`[Cc]ould not (find ${what}|be found)`),
  })),
  {
    at: '§13.3',
    when: 'a project is there already',
    as: 'admin',
    ask: () => v3('POST', 'projects', { project: { name: 'red' } }),
    ...conflict,
    text: /red/,
  },
  {
    at: '§13.3',
    when: 'a user is there already',
    as: 'admin',
    ask: async (w) => {
      await w.admin('POST', '/v3/users', { user: { name: 'x' } });
      return v3('POST', 'users', { user: { name: 'x' } });
    },
    ...conflict,
    text: /x/,
  },
  {
    at: '§13.2',
    when: 'a project is of another domain',
    as: 'admin',
    ask: () => v3('POST', 'projects', { project: { name: 'x', domain_id: 'other' } }),
    ...badRequest,
    text: /There is no domain other/,
  },
  { at: '§13.2', when: 'a user has no name', as: 'admin', ask: () => v3('POST', 'users', { user: {} }), ...badRequest, text: /name/ },
  {
    at: '§13.2',
    when: 'a project has things',
    as: 'admin',
    ask: (w) => v3('DELETE', `projects/${w.redProject}`),
    ...conflict,
    text: /network|port|in use|still/i,
  },
  {
    at: '§13.2',
    when: 'a user has no such role to look for',
    as: 'admin',
    ask: async (w) => {
      const { id } = (await w.admin('POST', '/v3/users', { user: { name: 'x' } })).body['user'] as Readonly<{ id: string }>;
      return v3('HEAD', `projects/${w.redProject}/users/${id}/roles/${MEMBER}`);
    },
    ...notFound,
    text: /./,
  },
  {
    at: '§13.2',
    when: 'an application credential is not there to delete',
    as: 'member',
    ask: async (w) => v3('DELETE', `users/${await userId(w, 'member')}/application_credentials/${NOWHERE}`),
    ...notFound,
    text: /Could not find Application Credential/,
  },
  {
    at: '§13.2',
    when: 'an application credential would have a role that its user has not',
    as: 'member',
    ask: async (w) =>
      v3('POST', `users/${await userId(w, 'member')}/application_credentials`, {
        application_credential: { name: 'x', roles: [{ name: 'admin' }] },
      }),
    ...badRequest,
    text: /admin/,
  },
  {
    at: '§13.2',
    when: 'an application credential is of a time past',
    as: 'member',
    ask: async (w) =>
      v3('POST', `users/${await userId(w, 'member')}/application_credentials`, {
        application_credential: { name: 'x', expires_at: '2020-01-01T00:00:00Z' },
      }),
    ...badRequest,
    text: /is in the past/,
  },
  {
    at: '§13.1',
    when: 'there is no such path',
    as: 'admin',
    ask: () => v3('GET', 'zebras'),
    ...notFound,
    text: 'The resource could not be found.',
  },
  {
    at: '§13.1',
    when: 'a path does not know the verb',
    as: 'admin',
    ask: () => v3('PUT', 'users', {}),
    status: 405,
    type: 'Method Not Allowed',
    text: /PUT/,
  },
];

async function userId({ rest }: Parameters<ErrorRow['ask']>[0], name: string): Promise<string> {
  const users = (await rest.admin('GET', `/v3/users?name=${name}`)).body['users'] as readonly Readonly<{ id: string }>[];
  return String(users[0]?.id);
}

/** Makes a user, who logs in. */
async function user({ admin }: Parameters<ErrorRow['ask']>[0], more: object, scope: object): Promise<Ask> {
  await admin('POST', '/v3/users', { user: { name: 'x', password: PASSWORD, ...more } });
  return logIn(byPassword('x', PASSWORD), scope);
}
