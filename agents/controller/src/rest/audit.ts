import type { Caller } from '@weft/api/caller';
import type { Changes } from '@weft/core/resource';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AuditChange, AuditEntry, AuditSink } from '../audit-log.ts';
import type { IdentityCaller } from './identity/identity-context.ts';

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** What is learnt of a request on its way, for its line. */
export type AuditNotes = Readonly<{
  /** It decided this. */
  decided: (request: FastifyRequest, changes: Changes) => void;
  /** It was only asked about. */
  asked: (request: FastifyRequest) => void;
  refused: (request: FastifyRequest, code: string) => void;
}>;

export type AuditDeps = Readonly<{
  sink: AuditSink | undefined;
  wallMs: () => number;
  /** Who sent it to the network API, or to the identity service, as far as it got. */
  caller: (request: FastifyRequest) => Caller | undefined;
  identityCaller: (request: FastifyRequest) => IdentityCaller | undefined;
}>;

type Note = { changes: AuditChange[]; dryRun: boolean; error: string | null };

/** Has a line written for each write, before its answer goes out. */
export function auditWrites(app: FastifyInstance, deps: AuditDeps): AuditNotes {
  const notes = new WeakMap<FastifyRequest, Note>();
  const noteOf = (request: FastifyRequest): Note => {
    const note = notes.get(request) ?? { changes: [], dryRun: false, error: null };
    notes.set(request, note);
    return note;
  };
  app.addHook('onSend', async (request, reply) => {
    const { changes, dryRun, error } = noteOf(request);
    // The first look at an automatic topology makes it.
    if (deps.sink === undefined || (READING.has(request.method) && changes.length === 0)) return;
    const entry: AuditEntry = {
      time: new Date(deps.wallMs()).toISOString(),
      request_id: request.id,
      global_request_id: globalRequestId(request),
      from: request.ip,
      who: whoOf(deps.caller(request), deps.identityCaller(request)),
      method: request.method,
      route: request.routeOptions.url ?? null,
      ids: Object.values((request.params ?? {}) as Readonly<Record<string, string>>).filter((value) => UUID.test(value)),
      dry_run: dryRun,
      status: reply.statusCode,
      error,
      changes,
    };
    await deps.sink.write(entry);
  });
  return {
    decided: (request, { put, remove }) => {
      const written = put.map(({ kind, id, revision }): AuditChange => ({ kind, id, revision }));
      const removed = remove.map(({ kind, id, revision }): AuditChange => ({ kind, id, revision, removed: true }));
      noteOf(request).changes.push(...written, ...removed);
    },
    asked: (request) => {
      noteOf(request).dryRun = true;
    },
    refused: (request, code) => {
      const note = noteOf(request);
      note.error = code;
      // Decided, but not durable: it is not said to have happened.
      note.changes = [];
    },
  };
}

/** A client's own id of what it does, in the form that services hand on; anything else could be anything. */
function globalRequestId(request: FastifyRequest): string | null {
  const id = request.headers['x-openstack-request-id'];
  return typeof id === 'string' && id.startsWith('req-') && UUID.test(id.slice(4)) ? id.toLowerCase() : null;
}

function whoOf(caller: Caller | undefined, identity: IdentityCaller | undefined): AuditEntry['who'] {
  if (caller !== undefined) {
    return {
      token: caller.userId === undefined ? 'fixed' : 'user',
      role: caller.kind === 'admin' ? 'admin' : caller.readOnly === true ? 'reader' : 'member',
      ...(caller.userId === undefined ? {} : { user: caller.userId }),
      ...(caller.tenantId === undefined ? {} : { project: caller.tenantId }),
    };
  }
  if (identity === undefined) return null;
  const { authenticated, isAdmin } = identity;
  return {
    token: authenticated === undefined ? 'fixed' : 'user',
    role: isAdmin ? 'admin' : (authenticated?.roles.join(',') ?? ''),
    ...(authenticated === undefined ? {} : { user: authenticated.user.id }),
    ...(authenticated?.tenant === undefined ? {} : { project: authenticated.tenant.id }),
  };
}
