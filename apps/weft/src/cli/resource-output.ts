import type { ApiFlags } from './flags.ts';
import { hasColours, say } from './cli-context.ts';
import type { CliContext, Connection } from './cli-context.ts';
import type { Resource } from './resources.ts';
import { formatRecord, formatTable } from './table.ts';
import type { Column, Look } from './table.ts';

type Output = Pick<ApiFlags, 'json'>;

/** A table, or JSON. */
export async function printList<V>(
  context: CliContext,
  flags: Output,
  connection: Connection,
  resource: Resource<V>,
  views: readonly V[],
): Promise<void> {
  if (flags.json === true) return printJson(context, views);
  if (views.length === 0) return say(context, `There is no ${resource.kind} yet, or none that ${connection.as} may see.`);
  const columns = await resource.columns(connection, views);
  context.process.stdout.write(formatTable(columns, sorted(columns, views), lookOf(context)));
}

/** As one looks for things: by tenant if they have several, then by name. */
function sorted<V>(columns: readonly Column<V>[], views: readonly V[]): readonly V[] {
  const keys = ['tenant', 'name'].flatMap((heading) => columns.find((column) => column.heading === heading) ?? []);
  const { compare } = new Intl.Collator('en', { numeric: true });
  const rows = views.map((view) => ({ view, texts: keys.map(({ cell }) => cell(view)) }));
  rows.sort((a, b) => keys.map((_, at) => compare(a.texts[at]!, b.texts[at]!)).find((order) => order !== 0) ?? 0);
  return rows.map(({ view }) => view);
}

/** Every attribute. */
export function printView<V extends object>(context: CliContext, flags: Output, resource: Resource<V>, view: V): void {
  if (flags.json === true) return printJson(context, view);
  const { details } = resource;
  const { stdout } = context.process;
  stdout.write(formatRecord(Object.entries(view).filter(([key]) => key !== details?.key)));
  if (details !== undefined) stdout.write(`\n${details.format(view, lookOf(context))}`);
}

/** What was made: the columns of the table, below each other, and the whole id. */
export async function printMade<V>(
  context: CliContext,
  flags: Output,
  connection: Connection,
  resource: Resource<V>,
  view: V,
): Promise<void> {
  if (flags.json === true) return printJson(context, view);
  const columns = await resource.columns(connection, [view]);
  const { id } = resource.named(view);
  context.process.stdout.write(formatRecord(columns.map(({ heading, cell }) => [heading, heading === 'id' ? id : cell(view)])));
}

export function printJson(context: CliContext, value: unknown): void {
  context.process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

export function lookOf({ process: { stdout, env } }: CliContext): Look {
  return { width: stdout.columns, colours: hasColours(stdout, env) };
}
