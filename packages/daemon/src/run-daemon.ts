import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Lifecycle } from './lifecycle.ts';
import type { Logger } from './log.ts';

/** How long start-up code gets to notice that the daemon stops. */
const UNWIND_MS = 5_000;

const STOP_SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const;

/**
 * Runs a daemon's main until it is told to stop, and ends the process: it does not return.
 *
 * `main` starts the parts and registers their stops; it may return when all run, or stay. SIGTERM and SIGINT stop in order; a second one
 * exits at once with 128 + its number; SIGHUP reloads. Exit code 0 after an orderly stop, 1 if main or a part failed or a part did not
 * stop as it should. An uncaught exception or unhandled rejection is a bug, after which no state can be trusted: it is logged and the
 * process exits 1 at once – every daemon must survive being killed anyway.
 */
export async function runDaemon(main: (lifecycle: Lifecycle) => Promise<void>, deps: Readonly<{ log: Logger }>): Promise<never> {
  const { log } = deps;
  const lifecycle = new Lifecycle({ log });
  process.on('uncaughtException', (err) => {
    log.error({ err }, 'uncaught exception');
    process.exit(1);
  });
  process.on('unhandledRejection', (err) => {
    log.error({ err }, 'unhandled rejection');
    process.exit(1);
  });
  for (const [name, number] of Object.entries(STOP_SIGNALS)) {
    process.on(name, () => {
      if (lifecycle.signal.aborted) {
        log.warn({ signal: name }, 'exiting at once');
        process.exit(128 + number);
      }
      void lifecycle.stop(name);
    });
  }
  process.on('SIGHUP', () => void lifecycle.reload());
  // Without a part that waits for something, nothing else would keep the process.
  const alive = setInterval(() => undefined, 0x7fffffff);

  await warmThreadPool();
  const unwound = main(lifecycle).catch((error: unknown) => lifecycle.fail('main', error));
  await lifecycle.finished;
  await Promise.race([unwound, delay(UNWIND_MS, undefined, { ref: false })]);
  const { failed, late } = await lifecycle.finished;
  clearInterval(alive);
  const clean = lifecycle.failure === undefined && failed.length === 0 && late.length === 0;
  log.info({ clean }, 'stopped');
  process.exit(clean ? 0 : 1);
}

/**
 * Starts the threads that file system and cryptography calls run on; the first call starts them all. A thread inherits the network
 * namespace of the one that starts it, so this must come before the first entry into a namespace.
 */
async function warmThreadPool(): Promise<void> {
  await stat('/');
}
