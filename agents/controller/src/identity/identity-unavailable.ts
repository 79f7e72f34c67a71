import { WeftError } from '@weft/core/weft-error';

/** The external identity service does not say what a token is worth. Answered with 503: nobody is let in on a guess. */
export class IdentityUnavailable extends WeftError {
  constructor(reason: string, cause?: unknown) {
    super('identity_unavailable', `The identity service cannot say what the token is worth: ${reason}.`, {
      remedy: 'Try again; if it stays so, the operator finds the reason in the log of the controller.',
      retryable: true,
      cause,
    });
  }
}
