/** Commands that write: for real, or with `--dry-run` as a question, whose answer is printed instead of what was made. */
import type { DryRunView, ReachLineView } from '@weft/api/dry-run';
import { say } from './cli-context.ts';
import type { Api, CliContext, Collections } from './cli-context.ts';
import type { WriteFlags } from './flags.ts';
import { lookOf, printJson } from './resource-output.ts';
import { formatTable } from './table.ts';

/** `action` writes once, by the API that it is given; `done` says what came of it. */
export async function write<V>(
  context: CliContext,
  flags: Omit<WriteFlags, 'as'>,
  api: Api,
  action: (to: Collections) => Promise<V>,
  done: (made: V) => void | Promise<void>,
): Promise<void> {
  if (flags.dryRun !== true) return done(await action(api));
  const view = await api.preview(action);
  if (flags.json === true) printJson(context, view);
  else printDryRun(context, view);
  say(context, 'This was a dry run: nothing was changed.');
}

function printDryRun(context: CliContext, { changes, affected_nodes, reachability }: DryRunView): void {
  const { stdout } = context.process;
  const look = lookOf(context);
  const section = (heading: string, text: string): unknown => text !== '' && stdout.write(`${heading}\n${indented(text)}`);
  section(
    'CHANGES',
    changes
      .map(
        ({ action, kind, id, before, after }) =>
          `${action} ${kind.replaceAll('_', '-')} ${nameOf(id, after ?? before)}${changed(before, after)}\n`,
      )
      .join(''),
  );
  section(
    'NODES',
    affected_nodes
      .map(({ hostname, resources }) => `${hostname}: ${resources.map(({ action, kind, key }) => `${action} ${kind} ${key}`).join(', ')}\n`)
      .join(''),
  );
  for (const [heading, lines] of [
    ['OPENS', reachability.opens],
    ['CLOSES', reachability.closes],
  ] as const) {
    if (lines.length > 0)
      section(heading, formatTable(REACH_COLUMNS, lines, { ...look, width: look.width === undefined ? undefined : look.width - 2 }));
  }
  if (reachability.opens.length + reachability.closes.length === 0) stdout.write('Nobody would reach more or less than now.\n');
  if (reachability.truncated) stdout.write('There may be more: not every connection was looked at.\n');
}

const REACH_COLUMNS = [
  { heading: 'from', cell: ({ from }: ReachLineView) => endText(from) },
  { heading: 'to', cell: ({ to }: ReachLineView) => endText(to) },
  { heading: 'service', cell: ({ protocol, ports }: ReachLineView) => (ports === null ? protocol : `${protocol}/${ports}`) },
  { heading: 'now', cell: ({ before }: ReachLineView) => before },
  { heading: 'then', cell: ({ after }: ReachLineView) => after },
];

function endText({ port_id, address, except }: ReachLineView['from']): string {
  const but = except.length === 0 ? '' : ` but ${except.join(', ')}`;
  return port_id === null ? `${address}${but}` : `${address} (port ${port_id.slice(0, 8)})`;
}

type RecordView = Readonly<Record<string, unknown>> | null;

function nameOf(id: string, record: RecordView): string {
  const name = record?.['name'];
  return typeof name === 'string' && name !== '' ? `${name} (${id.slice(0, 8)})` : id.slice(0, 8);
}

/** What every change of a record changes. */
const STAMPS = new Set(['revision', 'updated_at']);

function changed(before: RecordView, after: RecordView): string {
  if (before === null || after === null) return '';
  const keys = Object.keys(after).filter((key) => !STAMPS.has(key) && JSON.stringify(before[key]) !== JSON.stringify(after[key]));
  return keys.length === 0
    ? ''
    : `: ${keys.map((key) => `${key} ${JSON.stringify(before[key] ?? null)} → ${JSON.stringify(after[key])}`).join(', ')}`;
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}
