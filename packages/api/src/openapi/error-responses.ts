import { STATUS_CODES } from 'node:http';
import { Type } from 'typebox';
import { errorFacts } from '../error-table.ts';
import type { Operation } from './operation.ts';
import { isWrite, ref } from './operation.ts';

/** What an error of each of the three APIs looks like. */
export const ERROR_SCHEMAS = {
  NeutronError: Type.Object({
    NeutronError: Type.Object({
      type: Type.String({ description: 'The exception class that clients branch on.' }),
      message: Type.String(),
      detail: Type.Literal(''),
    }),
  }),
  KeystoneError: Type.Object({ error: Type.Object({ code: Type.Integer(), title: Type.String(), message: Type.String() }) }),
  Problem: Type.Object(
    {
      status: Type.Integer(),
      code: Type.String({ description: 'A stable word for the condition.' }),
      title: Type.String(),
      detail: Type.String(),
      remedy: Type.Optional(Type.String({ description: 'What to do about it.' })),
      requestId: Type.String({ description: 'As in X-Openstack-Request-Id; the log of the server has it.' }),
    },
    { description: 'RFC 9457 problem details.' },
  ),
};

const ALWAYS = ['bad_request', 'unauthenticated', 'unavailable', 'identity_unavailable', 'internal'];
const OF_WRITES = ['forbidden', 'body_too_large', 'invalid_input', 'invalid_value'];

/** All codes that an operation may answer: its own, and those of every request of its kind. */
function codesOf({ method, path, errors = [], access }: Operation): readonly string[] {
  if (access === 'open') return errors;
  const isOfNetwork = path.startsWith('/v2.0') || path.startsWith('/v1');
  const writes = isWrite(method) ? OF_WRITES : [];
  const mayBeFull = isWrite(method) && isOfNetwork ? ['over_quota'] : [];
  return [...new Set([...ALWAYS, ...writes, ...mayBeFull, ...(access === 'admin' ? ['forbidden'] : []), ...errors])];
}

/** By status: the form of the error, and the types or codes that it can have there. */
export function errorResponses(operation: Operation): Record<string, object> {
  const byStatus = new Map<number, Map<string, string>>();
  for (const code of codesOf(operation)) {
    const { status, type, title } = told(operation.path, code);
    byStatus.set(status, (byStatus.get(status) ?? new Map<string, string>()).set(type, title));
  }
  const sorted = [...byStatus].toSorted(([a], [b]) => a - b);
  return Object.fromEntries(sorted.map(([status, types]) => [String(status), response(operation, status, types)]));
}

function told(path: string, code: string): Readonly<{ status: number; type: string; title: string }> {
  const { neutron, problem, keystone, title } = errorFacts(code);
  if (path.startsWith('/v2.0')) return { status: neutron[0], type: neutron[1], title };
  return path.startsWith('/v3') ? { status: keystone, type: title, title } : { status: problem[0], type: problem[1], title };
}

function response({ path, errorBodies }: Operation, status: number, types: ReadonlyMap<string, string>): object {
  const names = [...types.keys()].toSorted();
  const description = STATUS_CODES[status] ?? 'Error';
  const special = errorBodies?.[status];
  if (special !== undefined) return { description, content: { 'application/json': { schema: special } } };
  const challenge = { 'WWW-Authenticate': { schema: { type: 'string' }, description: 'Keystone uri="…", where to log in.' } };
  const headers = status === 401 && !path.startsWith('/v1') ? { headers: challenge } : {};
  const isKeystones = path.startsWith('/v3') || (path.startsWith('/v2.0') && status === 401);
  if (isKeystones) return { description, ...headers, content: { 'application/json': { schema: ref('KeystoneError') } } };
  const one = { description: `${description}: ${names.join(', ')}` };
  if (path.startsWith('/v2.0')) {
    const narrowed = { properties: { NeutronError: { properties: { type: { enum: names } } } } };
    return { ...one, content: { 'application/json': { schema: { allOf: [ref('NeutronError'), narrowed] } } } };
  }
  const narrowed = { properties: { code: { enum: names } } };
  return { ...one, content: { 'application/problem+json': { schema: { allOf: [ref('Problem'), narrowed] } } } };
}
