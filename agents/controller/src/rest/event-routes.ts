import { BadRequest } from '@weft/api/request-error';
import { EventView } from '@weft/api/v1';
import type { EventsView } from '@weft/api/v1';
import type { Caller } from '@weft/api/caller';
import { WeftError } from '@weft/core/weft-error';
import type { FastifyInstance } from 'fastify';
import type { LogEvent } from '../event-log.ts';
import { EventStream } from './event-stream.ts';
import { filtered } from './filtered.ts';
import type { RestContext } from './rest-context.ts';

type Query = Readonly<Record<string, unknown>>;

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
/** Each is a connection that stays. */
const MAX_STREAMS = 500;

/**
 * What happened (ciao.md §4.5), as a list and, for `Accept: text/event-stream`, as server-sent events (HTML Living Standard §9.2): those after
 * `?after=` or `Last-Event-ID`, then each as it happens.
 */
export function eventRoutes(scope: FastifyInstance, { controller, caller }: RestContext): void {
  const { cluster, events, clock } = controller;
  const streams = new Set<EventStream>();
  scope.addHook('preClose', async () => {
    for (const stream of streams) stream.end();
  });

  scope.route<{ Querystring: Query }>({
    method: 'GET',
    url: '/events',
    handler: async (request, reply) => {
      const who = caller(request);
      const { after: afterText, limit: limitText, ...filters } = request.query;
      const after = afterText === undefined ? undefined : numberOf('after', afterText, Number.MAX_SAFE_INTEGER);
      const limit = limitText === undefined ? DEFAULT_LIMIT : numberOf('limit', limitText, MAX_LIMIT);
      const view = (event: LogEvent): EventView | undefined =>
        filtered(maySee(who, event) ? [eventView(event)] : [], filters, EventView)[0];
      filtered([], filters, EventView);
      if (wantsStream(request.headers.accept)) {
        if (streams.size >= MAX_STREAMS) throw new TooManyStreams();
        const resumed = request.headers['last-event-id'];
        const stream = new EventStream(
          { after: typeof resumed === 'string' && resumed !== '' ? numberOf('Last-Event-ID', resumed, Number.MAX_SAFE_INTEGER) : after },
          { events, clock, view, isAllowed: () => who.kind === 'admin' || cluster.state.tenants.has(who.tenantId), response: reply.raw },
        );
        streams.add(stream);
        // What was said of the answer before, like who may read it.
        for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) reply.raw.setHeader(name, value);
        reply.hijack();
        stream.start(request.id, () => streams.delete(stream));
        return reply;
      }
      const place = events.placeOf(after ?? 0);
      const views = [...events.after(place)].flatMap((event) => view(event) ?? []);
      const page = after === undefined ? views.slice(-limit) : views.slice(0, limit);
      const last = views.length > page.length && after !== undefined ? (page.at(-1)?.seq ?? after) : events.last;
      const answer: EventsView = { events: page, last, truncated: after !== undefined && events.hasLost(place) };
      await cluster.settled();
      return answer;
    },
  });
}

class TooManyStreams extends WeftError {
  constructor() {
    super('too_many_streams', `more than ${MAX_STREAMS} readers follow the events already`, {
      remedy: 'End streams that nobody reads, or ask for the list now and then.',
      retryable: true,
    });
  }
}

function maySee(who: Caller, event: LogEvent): boolean {
  return who.kind === 'admin' || event.tenantId === who.tenantId;
}

function wantsStream(accept: string | undefined): boolean {
  return accept?.split(',').some((type) => type.split(';', 1)[0]?.trim().toLowerCase() === 'text/event-stream') ?? false;
}

function numberOf(name: string, text: unknown, max: number): number {
  const number = typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(number) || number > max || (name === 'limit' && number < 1)) {
    throw new BadRequest(`${name} is not a number from ${name === 'limit' ? 1 : 0} to ${max}: ${JSON.stringify(text)}`, {
      remedy: name === 'limit' ? 'Ask again with `after` for more than that.' : 'Give the `seq` of the last event that you have.',
    });
  }
  return number;
}

function eventView({ seq, time, tenantId, type, name, resources, message }: LogEvent): EventView {
  return { seq, time, tenant_id: tenantId ?? null, type, name, resources, message };
}
