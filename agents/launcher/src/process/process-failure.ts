import { WeftError } from '@weft/core/weft-error';

/** The program cannot be executed. */
export function startFailure(command: readonly string[], cause: Error): WeftError {
  const code = (cause as NodeJS.ErrnoException).code ?? cause.message;
  return new WeftError('process_not_started', `starting ${command[0] ?? 'nothing'}: ${code}`, { cause, retryable: true });
}

/** `code` and `name` as in a child's `exit` event: one of them is null. */
export function exitFailure(code: number | null, name: NodeJS.Signals | null): WeftError {
  const how = name === null ? `with status ${code}` : `by ${name}`;
  return new WeftError('process_exited', `the process ended ${how}`, { details: { code, signal: name }, retryable: true });
}
