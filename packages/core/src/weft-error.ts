/** JSON-safe facts about an error, for logs and answers. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** What crosses the wire: SSNTP payloads, reports, saved failures (style §5). */
export type ErrorInfo = Readonly<{ code: string; message: string; details?: ErrorDetails; retryable: boolean }>;

export type WeftErrorOptions = Readonly<{
  details?: ErrorDetails;
  /** What an operator does next; one imperative sentence. */
  remedy?: string;
  retryable?: boolean;
  cause?: unknown;
}>;

/**
 * A condition that somebody handles, as opposed to a bug (which stays a plain Error).
 *
 * `code` is a stable snake_case word and part of the API; the message says what was being done. Subclass it once per condition that is
 * handled differently, and only for that.
 */
export class WeftError extends Error {
  readonly code: string;
  readonly details: ErrorDetails;
  readonly remedy: string | undefined;
  readonly retryable: boolean;

  constructor(code: string, message: string, options: WeftErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.details = options.details ?? {};
    this.remedy = options.remedy;
    this.retryable = options.retryable ?? false;
  }
}

/** Bad input at a border: `what` names the field or thing, `reason` says what is wrong with it. */
export class InvalidValue extends WeftError {
  constructor(what: string, value: unknown, reason: string) {
    const scalar = scalarOf(value);
    super('invalid_value', `${what} ${typeof scalar === 'string' ? JSON.stringify(scalar) : (scalar ?? kindOf(value))}: ${reason}`, {
      details: { what, value: scalar === undefined ? kindOf(value) : scalar, reason },
    });
  }
}

/** The wire form of any thrown value; a bug becomes `internal` and keeps only its message. */
export function errorInfo(error: unknown): ErrorInfo {
  if (error instanceof WeftError) return { code: error.code, message: error.message, details: error.details, retryable: error.retryable };
  return { code: 'internal', message: error instanceof Error ? error.message : String(error), retryable: false };
}

/** Longer values are cut: they come from outside, and end in logs and answers. */
const SHOWN_CHARACTERS = 100;

/** A wrong value is shown if it is a scalar of JSON; of anything else only what it is: it may be huge, hold a secret, or not be JSON at all. */
function scalarOf(value: unknown): string | number | boolean | null | undefined {
  if (typeof value === 'string') return value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value;
  return Number.isFinite(value) || typeof value === 'boolean' || value === null ? (value as number | boolean | null) : undefined;
}

function kindOf(value: unknown): string {
  if (typeof value === 'number' || value === null) return String(value);
  return Array.isArray(value) ? 'list' : typeof value;
}
