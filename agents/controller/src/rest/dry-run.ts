import type { Caller } from '@weft/api/caller';
import type { DryRunView, ReachLineView } from '@weft/api/dry-run';
import { BadRequest } from '@weft/api/request-error';
import type { Preview } from '@weft/core/preview/preview';
import type { ReachEnd, ReachLine } from '@weft/core/preview/reach-difference';
import type { Changes, Resource } from '@weft/core/resource';
import type { FastifyRequest } from 'fastify';
import { isVisible } from './visibility.ts';
import type { AuditNotes } from './audit.ts';
import type { Cluster, Command } from '../cluster.ts';

/**
 * Leaves a write's handler where the write would happen: the rest of it, which shows what was made, has nothing to show. Answered with
 * status 200 at the one place where answers are made that are not the handlers' own.
 */
export class DryRunAnswer extends Error {
  readonly view: DryRunView;

  constructor(view: DryRunView) {
    super('dry run');
    this.view = view;
  }
}

/** How a request's decisions are made: for real, or as a dry run if it says so. */
export type Decider = Readonly<{
  /** As {@link Cluster.decide}. Throws DryRunAnswer. */
  decide: <X extends Changes>(request: FastifyRequest, command: Command<X>) => Promise<X>;
  /** As {@link Cluster.decideAndShow}. Throws DryRunAnswer. */
  decideAndShow: <X extends Changes, V>(request: FastifyRequest, command: Command<X>, show: (result: X) => V) => Promise<V>;
}>;

export function createDecider(
  cluster: Cluster,
  caller: (request: FastifyRequest) => Caller,
  audit: Pick<AuditNotes, 'decided' | 'asked'>,
): Decider {
  const preview = async <X extends Changes>(request: FastifyRequest, command: Command<X>): Promise<void> => {
    if (!isDryRun(request)) return;
    audit.asked(request);
    const [who, foreseen] = [caller(request), await cluster.preview(command)];
    const made = new Set(foreseen.changes.flatMap(({ after }) => (after?.kind === 'port' ? [after.id] : [])));
    const mayKnow = ({ portId }: ReachEnd): boolean => {
      const port = portId === undefined ? undefined : cluster.state.ports.get(portId);
      return portId === undefined || (port === undefined ? made.has(portId) : isVisible(cluster.state, who, port));
    };
    throw new DryRunAnswer(dryRunView(foreseen, who, mayKnow));
  };
  return {
    decide: async (request, command) => {
      await preview(request, command);
      const result = await cluster.decide(command);
      audit.decided(request, result);
      return result;
    },
    decideAndShow: async (request, command, show) => {
      await preview(request, command);
      return cluster.decideAndShow(command, (result) => {
        audit.decided(request, result);
        return show(result);
      });
    },
  };
}

/** Whether a write is only asked about. Throws BadRequest for what is neither yes nor no: it must not be taken for a no. */
export function isDryRun(request: FastifyRequest): boolean {
  const { dry_run: asked } = request.query as Readonly<Record<string, unknown>>;
  if (asked === undefined || asked === 'false') return false;
  if (asked === 'true') return true;
  throw new BadRequest('dry_run is neither true nor false', { remedy: 'Say dry_run=true to see what would happen, or leave it out.' });
}

/** Of a write that changes nothing of the cluster's state. */
export const NO_CHANGES: DryRunView = {
  dry_run: true,
  changes: [],
  affected_nodes: [],
  reachability: { opens: [], closes: [], truncated: false },
};

/**
 * Nodes and what is on them are the administrators' business; others see what is their own, and of a shared network what reaches the ports
 * that they may know of.
 */
function dryRunView({ changes, nodes, reachability }: Preview, caller: Caller, mayKnow: (end: ReachEnd) => boolean): DryRunView {
  const lines = (all: readonly ReachLine[]) => all.filter(({ from, to }) => mayKnow(from) && mayKnow(to)).map(lineView);
  const own = changes.filter(({ before, after }) => {
    const record = after ?? before;
    // Bookkeeping between the controller and its nodes.
    if (record?.kind === 'addressHold') return false;
    return caller.kind === 'admin' || (record !== undefined && ownerOf(record) === caller.tenantId);
  });
  return {
    dry_run: true,
    changes: own.flatMap(({ action, before, after }) => {
      const record = after ?? before;
      if (record === undefined) return [];
      return [
        { action, kind: snakeCase(record.kind), id: record.id, before: recordView(before, caller), after: recordView(after, caller) },
      ];
    }),
    affected_nodes:
      caller.kind === 'admin' ? nodes.map(({ nodeId, hostname, resources }) => ({ id: nodeId, hostname, resources: [...resources] })) : [],
    reachability: {
      opens: lines(reachability.opens),
      closes: lines(reachability.closes),
      truncated: reachability.truncated,
    },
  };
}

function ownerOf(record: Resource): string | undefined {
  if (record.kind === 'tenant') return record.id;
  return 'tenantId' in record ? record.tenantId : undefined;
}

function lineView({ from, to, protocol, ports, before, after }: ReachLine): ReachLineView {
  return { from: endView(from), to: endView(to), protocol, ports: ports ?? null, before, after };
}

function endView({ portId, address, except = [] }: ReachEnd): ReachLineView['from'] {
  return { port_id: portId ?? null, address, except: [...except] };
}

/** Shown to nobody; and, as in the views of /v2.0, to administrators only. */
const SECRETS = ['tokenHash', 'userData'];
const OPERATORS = ['vni'];

function recordView(record: Resource | undefined, caller: Caller): Record<string, unknown> | null {
  const hidden = new Set(['kind', ...SECRETS, ...(caller.kind === 'admin' ? [] : OPERATORS)]);
  return record === undefined ? null : (view(record, hidden) as Record<string, unknown>);
}

function view(value: unknown, hidden: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((item) => view(item, hidden));
  if (typeof value !== 'object' || value === null) return value ?? null;
  const entries = Object.entries(value).filter(([key]) => !hidden.has(key));
  return Object.fromEntries(entries.map(([key, inner]) => [snakeCase(key), view(inner, hidden)]));
}

function snakeCase(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
