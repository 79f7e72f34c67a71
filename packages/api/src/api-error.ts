import { WeftError } from '@weft/core/weft-error';

/** The API refused, or could not be reached (`status` 0, code `api_unreachable`). Code and remedy are the server's, where it gave any. */
export class ApiError extends WeftError {
  readonly status: number;
  readonly requestId: string | undefined;

  constructor(
    facts: Readonly<{
      status: number;
      code: string;
      message: string;
      remedy?: string;
      requestId?: string;
      retryable: boolean;
      cause?: unknown;
    }>,
  ) {
    const { status, code, message, remedy, requestId, retryable, cause } = facts;
    super(code, message, {
      details: { status, ...(requestId === undefined ? {} : { requestId }) },
      ...(remedy === undefined ? {} : { remedy }),
      retryable,
      cause,
    });
    this.status = status;
    this.requestId = requestId;
  }

  /**
   * From an answer of /v1 (RFC 9457 problem), /v2.0 (`NeutronError`, `error`) or of whatever else sits at that address. A Neutron exception
   * class becomes a code like `network_not_found`.
   */
  static fromAnswer(what: string, answer: Readonly<{ status: number; text: string; requestId?: string | undefined }>): ApiError {
    const { status } = answer;
    const body = parsed(answer.text);
    const neutron = objectAt(body, 'NeutronError');
    const keystone = objectAt(body, 'error');
    const problem = body ?? {};
    const remedy =
      textAt(problem, 'remedy') ??
      (status === 401 ? 'Check the token of your client configuration, or get one with `weft login`.' : undefined);
    const requestId = textAt(problem, 'requestId') ?? answer.requestId;
    const type = textAt(neutron, 'type');
    return new ApiError({
      status,
      code:
        (type === undefined ? undefined : snakeCase(type)) ?? textAt(problem, 'code') ?? (status === 401 ? 'unauthenticated' : 'api_error'),
      message:
        textAt(neutron, 'message') ?? textAt(keystone, 'message') ?? textAt(problem, 'detail') ?? `${what}: answered with status ${status}`,
      ...(remedy === undefined ? {} : { remedy }),
      ...(requestId === undefined ? {} : { requestId }),
      retryable: status === 503,
    });
  }

  static unreachable(origin: string, cause: unknown): ApiError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new ApiError({
      status: 0,
      code: 'api_unreachable',
      message: `calling the API at ${origin}: ${reason}`,
      remedy: 'Check that `weft server` runs there and that url and ca of your client configuration are right.',
      retryable: true,
      cause,
    });
  }

  static notUnderstood(what: string, status: number, cause: unknown): ApiError {
    return new ApiError({ status, code: 'api_not_understood', message: `${what}: the answer is not JSON`, retryable: false, cause });
  }
}

type Json = Readonly<Record<string, unknown>>;

function parsed(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}

function objectAt(body: Json | undefined, key: string): Json | undefined {
  const value = body?.[key];
  return typeof value === 'object' && value !== null ? (value as Json) : undefined;
}

function textAt(body: Json | undefined, key: string): string | undefined {
  const value = body?.[key];
  return typeof value === 'string' ? value : undefined;
}

/** `IpAddressAlreadyAllocated` → `ip_address_already_allocated`; `FloatingIPNotFound` → `floating_ip_not_found`; `HTTPBadRequest` → `bad_request`. */
function snakeCase(type: string): string {
  return type
    .replace(/^HTTP/, '')
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}
