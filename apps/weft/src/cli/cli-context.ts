import { WeftClient } from '@weft/api/client';
import { clientConfigPaths, loadClientConfig, tokenOf } from './client-config.ts';
import { formatRecord, formatTable } from './table.ts';

export type Stream = Readonly<{ write(text: string): void; columns?: number }>;

/** What commands get of the world. */
export type CliContext = Readonly<{
  process: {
    readonly stdout: Stream;
    readonly stderr: Stream;
    readonly env: Readonly<Record<string, string | undefined>>;
    exitCode?: number | string | null;
  };
}>;

/** Flags of every command that calls the API. */
export type ApiFlags = Readonly<{ as: string; json: boolean }>;

/** `--as` and `--json`, as stricli wants them described. */
export const API_FLAGS = {
  as: {
    kind: 'parsed',
    parse: String,
    default: 'admin',
    brief: 'Whose token to use: admin, or a tenant in the client configuration',
    placeholder: 'name',
  },
  json: { kind: 'boolean', default: false, withNegated: false, brief: 'Print JSON, as the API gave it' },
} as const;

/** A client for the configured API. Throws ClientConfigMissing, ConfigError. */
export function clientOf(context: CliContext, flags: Pick<ApiFlags, 'as'>): WeftClient {
  const config = loadClientConfig(clientConfigPaths(context.process.env));
  return new WeftClient({ url: config.url, token: tokenOf(config, flags.as), ...(config.ca === undefined ? {} : { ca: config.ca }) });
}

/** A column of a table: its heading and how a cell is made. */
export type Column<V> = readonly [heading: string, cell: (view: V) => string];

export function printList<V>(context: CliContext, flags: ApiFlags, columns: readonly Column<V>[], views: readonly V[]): void {
  const { stdout } = context.process;
  if (flags.json) return stdout.write(`${JSON.stringify(views, undefined, 2)}\n`);
  const rows = views.map((view) => columns.map(([, cell]) => cell(view)));
  stdout.write(
    formatTable(
      columns.map(([heading]) => heading),
      rows,
      stdout.columns,
    ),
  );
}

export function printOne(context: CliContext, flags: ApiFlags, view: object): void {
  context.process.stdout.write(flags.json ? `${JSON.stringify(view, undefined, 2)}\n` : formatRecord(view as Record<string, unknown>));
}
