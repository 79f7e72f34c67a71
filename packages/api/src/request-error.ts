import { WeftError } from '@weft/core/weft-error';

/** The request itself is wrong, whatever the state; the message is what Neutron would say (neutron-api.md §1.2). */
export class BadRequest extends WeftError {
  constructor(message: string, options: Readonly<{ remedy?: string; cause?: unknown }> = {}) {
    super('bad_request', message, options);
  }
}

/** A part of the request beside the body is wrong: Neutron answers `BadRequest` for it, and says of what (neutron-api.md §1.5, §1.7). */
export class BadPart extends WeftError {
  constructor(part: 'if-match' | 'limit' | 'subnets', reason: string) {
    super('bad_part', `Bad ${part} request: ${reason}.`);
  }
}

/** A value that cannot be converted or cannot be used; Neutron tells it apart from a {@link BadRequest}. */
export class InvalidInput extends WeftError {
  constructor(reason: string) {
    super('invalid_input', `Invalid input for operation: ${reason}.`);
  }
}

/** The caller may know that the thing exists, but not do this with it. */
export class Forbidden extends WeftError {
  constructor(message: string) {
    super('forbidden', message, { remedy: 'Use an administrator token.' });
  }
}

export class Unauthenticated extends WeftError {
  constructor() {
    super('unauthenticated', 'The request you have made requires authentication.', {
      remedy: 'Send a valid token in the X-Auth-Token header.',
    });
  }
}

/** No resource under this path. */
export class UnknownPath extends WeftError {
  constructor() {
    super('unknown_path', 'The resource could not be found.');
  }
}

export class MethodNotAllowed extends WeftError {
  constructor(method: string) {
    super('method_not_allowed', `The method ${method} is not allowed for this resource.`);
  }
}

export class BodyTooLarge extends WeftError {
  constructor(limitBytes: number) {
    super('body_too_large', `The request body is larger than ${limitBytes} bytes.`, { details: { limitBytes } });
  }
}
