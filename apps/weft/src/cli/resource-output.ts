import type { ApiFlags } from './flags.ts';
import { hasColours, say } from './cli-context.ts';
import type { CliContext, Connection } from './cli-context.ts';
import type { Resource } from './resources.ts';
import { formatRecord, formatTable } from './table.ts';
import type { Look } from './table.ts';

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
  context.process.stdout.write(formatTable(await resource.columns(connection, views), views, lookOf(context)));
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
