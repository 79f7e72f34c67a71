/** What happened in the cluster, or happens. */
import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';
import type { EventView } from '@weft/api/v1';
import { say } from './cli-context.ts';
import type { CliContext } from './cli-context.ts';
import { UsageError } from './failure.ts';
import { API_FLAGS, docs, optionalSwitch } from './flags.ts';
import type { ApiFlags } from './flags.ts';

type EventFlags = ApiFlags & Readonly<{ follow?: boolean; after?: number; limit?: number }>;

const number = (brief: string) => ({ kind: 'parsed', parse: Number, optional: true, brief, placeholder: 'number' }) as const;

export const EVENTS: Command<CliContext> = buildCommand<EventFlags, [], CliContext>({
  docs: docs('Show what happened', {
    more:
      'Public addresses mapped and unmapped, workloads, concentrators and nodes that come and go; the newest last. Tenants see their own. The\n' +
      'cluster keeps the newest ten thousand, until its controller is started again.',
    examples: ['weft events', 'weft events --follow --as red', 'weft events --limit 1000 --json'],
  }),
  parameters: {
    flags: {
      ...API_FLAGS,
      follow: optionalSwitch('Go on with each event as it happens, until interrupted; with --json one line each'),
      after: number('Only what came after the event of this number'),
      limit: number('At most so many; by default 100'),
    },
  },
  async func({ as, json, follow, after, limit }) {
    if (Number.isNaN(after) || Number.isNaN(limit)) throw new UsageError('a number is expected', 'Say, for example, --limit 20.');
    const { api } = await this.connect(as);
    const query = { ...(after === undefined ? {} : { after }), ...(limit === undefined ? {} : { limit }) };
    const { events, last, truncated } = await api.events.list(query);
    if (truncated) say(this, 'Older ones, which were asked for, are no longer kept.');
    const { stdout } = this.process;
    const print = (event: EventView): unknown => stdout.write(json === true ? `${JSON.stringify(event)}\n` : lineOf(event));
    if (follow !== true && json === true) {
      stdout.write(`${JSON.stringify(events, undefined, 2)}\n`);
      return;
    }
    for (const event of events) print(event);
    if (follow === true) for await (const event of api.events.follow(last)) print(event);
    else if (events.length === 0) say(this, 'Nothing has happened yet, or nothing that may be seen.');
  },
});

/** The message stands last, for it is the only part without a fixed width. */
function lineOf({ time, type, name, message }: EventView): string {
  return `${time.slice(0, 19)}Z  ${type.padEnd(5)}  ${name.padEnd(22)}  ${message}\n`;
}
