import type { WeftClient } from '@weft/api/client';
import type { DryRunView } from '@weft/api/dry-run';

import type { Ask } from './terminal.ts';

export type Env = Readonly<Partial<Record<string, string>>>;

export type Stream = Readonly<{
  write: (text: string) => unknown;
  /** Of a terminal only. */
  columns?: number;
  getColorDepth?: (env?: Env) => number;
}>;

/** What commands read and write; a test gives them another. */
export type Collections = Pick<
  WeftClient,
  | 'networks'
  | 'subnets'
  | 'ports'
  | 'routers'
  | 'floatingIps'
  | 'portForwardings'
  | 'securityGroups'
  | 'instances'
  | 'tenants'
  | 'nodes'
  | 'concentrators'
  | 'pools'
  | 'firewallRules'
  | 'natRules'
  | 'why'
  | 'events'
>;

/** `preview`: what the first write of an action would do. */
export type Api = Collections & Readonly<{ preview: (action: (to: Collections) => Promise<unknown>) => Promise<DryRunView> }>;

/** `as`: the name of the token that is used. */
export type Connection = Readonly<{ api: Api; as: string }>;

/** What commands get of the world. */
export type CliContext = Readonly<{
  process: {
    readonly stdout: Stream;
    readonly stderr: Stream;
    readonly env: Env;
    exitCode?: number | string | null;
  };
  /** Finds the client configuration and the token of that name. Nothing is sent yet. Throws MachineLacks, UsageError. */
  connect: (as: string | undefined) => Promise<Connection>;
  /** Asks whoever sits at the terminal; absent: nobody does. */
  ask?: Ask | undefined;
  clock: Readonly<{ nowMs: () => number; sleep: (ms: number) => Promise<void> }>;
}>;

/** Colours go to terminals that have some, and not if NO_COLOR is set (no-color.org). */
export function hasColours(stream: Stream, env: Env): boolean {
  return (stream.getColorDepth?.(env) ?? 1) >= 4;
}

/** A line for people: progress, what was done. It goes to stderr, so that stdout is only the answer. */
export function say(context: CliContext, text: string): void {
  context.process.stderr.write(`${text}\n`);
}
