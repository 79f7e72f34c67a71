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
    super('invalid_value', `${what} ${JSON.stringify(value) ?? 'undefined'}: ${reason}`, {
      details: { what, value: jsonSafe(value), reason },
    });
  }
}

/** The wire form of any thrown value; a bug becomes `internal` and keeps only its message. */
export function errorInfo(error: unknown): ErrorInfo {
  if (error instanceof WeftError) return { code: error.code, message: error.message, details: error.details, retryable: error.retryable };
  return { code: 'internal', message: error instanceof Error ? error.message : String(error), retryable: false };
}

/** Details show a wrong value if it is a scalar, otherwise only its type: it may be huge, or hold a secret. */
function jsonSafe(value: unknown): unknown {
  return ['string', 'number', 'boolean'].includes(typeof value) || value === null ? value : typeof value;
}
