import pino from 'pino';
import { errorFields } from './error-fields.ts';
import { redact } from './redact.ts';

/** `error` a person must act · `warn` a person should look · `info` state changed · `debug` for us. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Field names are those of docs/logging.md. An error goes under `err`. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Data in fields, the message constant: `log.info({ tenant, vni, port }, 'attachment active')`. */
export type Logger = Readonly<{
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A logger whose lines also carry `fields`. */
  child(fields: LogFields): Logger;
}>;

export type LoggerOptions = Readonly<{
  level: LogLevel;
  /** The daemon: `launcher`, `controller`, … */
  name: string;
  /** Gets whole lines, each with its newline; absent: standard output, written at once so that a crash loses nothing. */
  destination?: Readonly<{ write(line: string): void }>;
}>;

/** A logger of JSON lines: `level`, `time` (RFC 3339, UTC), `name`, the fields, `msg`. Secrets are redacted by their field name. */
export function createLogger(options: LoggerOptions): Logger {
  const root = pino(
    {
      level: options.level,
      base: { name: options.name },
      messageKey: 'msg',
      timestamp: pino.stdTimeFunctions.isoTime,
      // pino would take `err` for an Error and add a type and a stack of its own.
      serializers: { err: (err: unknown) => err },
      formatters: { level: (level) => ({ level }) },
    },
    options.destination ?? pino.destination({ dest: 1, sync: true }),
  );
  return wrap(root);
}

/** Drops everything; for tests and tools. */
export const SILENT: Logger = Object.freeze({
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => SILENT,
});

function wrap(log: pino.Logger): Logger {
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: LogFields, message: string) => {
    if (log.isLevelEnabled(level)) log[level](printable(fields), message);
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => wrap(log.child(printable(fields))),
  };
}

/** Prepared here rather than by pino's serialisers: those know only fixed paths, and secrets may be at any depth. */
function printable(fields: LogFields): Record<string, unknown> {
  const prepared = redact(fields, (value) => (value instanceof Error ? errorFields(value) : undefined)) as Record<string, unknown>;
  const thrown = fields['err'];
  // Anything can be thrown; under `err` even a string takes the shape of an error.
  return thrown === undefined || thrown instanceof Error ? prepared : { ...prepared, err: errorFields(thrown) };
}
