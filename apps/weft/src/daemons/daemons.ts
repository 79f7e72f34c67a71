/** What daemons have in common on the command line: `--config FILE`, `--check-config`, `--version`, and nothing else (style §8). */
import { parseArgs } from 'node:util';
import { WeftError } from '@weft/core/weft-error';
import type { Lifecycle } from '@weft/daemon/lifecycle';
import type { Logger, LogLevel } from '@weft/daemon/log';
import { weftVersion } from '../version.ts';

/** A daemon of any configuration, as the table of daemons knows it. */
type AnyDaemon = Daemon<Readonly<{ logLevel: LogLevel }>>;

/** A daemon: how its file is read, and how it runs. */
export type Daemon<Config extends Readonly<{ logLevel: LogLevel }>> = Readonly<{
  /** Throws ConfigError. */
  load: (path: string) => Config;
  /** Starts all parts; what has to be stopped is added to the lifecycle. */
  run: (config: Config, deps: Readonly<{ lifecycle: Lifecycle; log: Logger }>) => Promise<void>;
}>;

const DAEMONS = {
  server: async () => (await import('./server.ts')).SERVER,
  controller: async () => (await import('./controller.ts')).CONTROLLER,
  scheduler: async () => (await import('./scheduler.ts')).SCHEDULER,
  launcher: async () => (await import('./launcher.ts')).LAUNCHER,
  concentrator: async () => (await import('./concentrator.ts')).CONCENTRATOR,
} as const;

export type DaemonName = keyof typeof DAEMONS;

export type DaemonCall = Readonly<{ name: DaemonName; args: readonly string[] }>;

/**
 * The daemon that a command line calls, if it calls one. `weft concentrator` is a daemon; with a word behind it, as in `weft concentrator
 * list`, it is about concentrators and the command line's.
 */
export function daemonCall([name, ...args]: readonly string[]): DaemonCall | undefined {
  if (name === undefined || !isDaemonName(name)) return undefined;
  const [first] = args;
  return name === 'concentrator' && first !== undefined && !first.startsWith('-') ? undefined : { name, args };
}

function isDaemonName(name: string): name is DaemonName {
  return Object.hasOwn(DAEMONS, name);
}

export type DaemonArgs =
  | Readonly<{ kind: 'run' | 'check'; config: string }>
  | Readonly<{ kind: 'version' | 'help' }>
  | Readonly<{ kind: 'wrong'; message: string }>;

/** Reads a daemon's arguments. The file is /etc/weft/<name>.yaml unless told. */
export function parseDaemonArgs(name: DaemonName, args: readonly string[]): DaemonArgs {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        'check-config': { type: 'boolean' },
        version: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) return { kind: 'help' };
    if (values.version === true) return { kind: 'version' };
    return { kind: values['check-config'] === true ? 'check' : 'run', config: values.config ?? `/etc/weft/${name}.yaml` };
  } catch (error) {
    return { kind: 'wrong', message: (error as Error).message };
  }
}

/** Runs a daemon until it ends the process, or returns an exit code: 0, 1 for a configuration that is wrong, 2 for wrong arguments. */
export async function runDaemonCommand(
  name: DaemonName,
  args: readonly string[],
  process: Readonly<{ stdout: Writer; stderr: Writer }>,
): Promise<number | undefined> {
  const parsed = parseDaemonArgs(name, args);
  switch (parsed.kind) {
    case 'wrong':
      process.stderr.write(`weft ${name}: ${parsed.message}\n${usage(name)}`);
      return 2;
    case 'help':
      process.stdout.write(usage(name));
      return 0;
    case 'version':
      process.stdout.write(`weft ${name} ${weftVersion()}\n`);
      return 0;
    case 'check':
    case 'run':
      break;
  }
  return start(name, await loadDaemon(name), parsed, process);
}

/** What a daemon loads it also runs, so that nobody else needs to know what its configuration looks like. */
async function loadDaemon(name: DaemonName): Promise<AnyDaemon> {
  return (await DAEMONS[name]()) as unknown as AnyDaemon;
}

type Writer = Readonly<{ write(text: string): unknown }>;

async function start(
  name: DaemonName,
  daemon: AnyDaemon,
  args: Readonly<{ kind: 'run' | 'check'; config: string }>,
  process: Readonly<{ stdout: Writer; stderr: Writer }>,
): Promise<number> {
  let config;
  try {
    config = daemon.load(args.config);
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    process.stderr.write(`weft ${name}: ${error.message}\n${error.remedy === undefined ? '' : `${error.remedy}\n`}`);
    return 1;
  }
  if (args.kind === 'check') {
    process.stdout.write(`${args.config} is fine\n`);
    return 0;
  }
  const { createLogger } = await import('@weft/daemon/log');
  const { runDaemon } = await import('@weft/daemon/run-daemon');
  const log = createLogger({ level: config.logLevel, name });
  return runDaemon((lifecycle) => daemon.run(config, { lifecycle, log }), { log });
}

/** Of the same name, and not a daemon's. */
const CONCENTRATOR_COMMANDS = [
  'This is the agent of a machine that hosts concentrators. To see and move them: weft concentrator list, show and move,',
  'each with a --help of its own.',
  '',
];

function usage(name: DaemonName): string {
  return [
    `usage: weft ${name} [--config FILE] [--check-config] [--version]`,
    '',
    `  --config FILE    its configuration, /etc/weft/${name}.yaml by default`,
    '  --check-config   read the configuration, say what is wrong with it, and end',
    '  --version        print the version and end',
    '',
    ...(name === 'concentrator' ? CONCENTRATOR_COMMANDS : []),
  ].join('\n');
}
