import { WeftError } from '@weft/core/weft-error';

export type TaskFailure = Readonly<{ task: string; error: unknown; /** False for those that followed the first. */ first: boolean }>;

/**
 * Owner of promises that nobody awaits where they are made. The first failure aborts the group's signal, so that the other tasks end, and
 * is what {@link join} throws; each failure is reported once. A task that ends by rethrowing the group's abort reason has not failed.
 */
export class TaskGroup implements AsyncDisposable {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #onFailure: (failure: TaskFailure) => void;
  #first: Readonly<{ error: unknown }> | undefined;

  constructor(options: Readonly<{ signal?: AbortSignal }>, deps: Readonly<{ onFailure: (failure: TaskFailure) => void }>) {
    this.signal = options.signal === undefined ? this.#controller.signal : AbortSignal.any([options.signal, this.#controller.signal]);
    this.#onFailure = deps.onFailure;
  }

  /** How many tasks have not ended yet. */
  get size(): number {
    return this.#running.size;
  }

  /** Starts a task with the group's signal. `name` is for people and need not be unique. Not started if the group is aborted already. */
  run(name: string, task: (signal: AbortSignal) => Promise<unknown>): void {
    if (this.signal.aborted) return;
    // Async, so that a task that throws at once fails like any other and not the caller.
    const started = (async () => task(this.signal))();
    const ended = started
      .then(
        () => undefined,
        (error: unknown) => this.#fail(name, error),
      )
      .finally(() => this.#running.delete(ended));
    this.#running.add(ended);
  }

  /** Waits until no task runs, including those started meanwhile; throws the first failure. */
  async join(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    if (this.#first !== undefined) throw this.#first.error;
  }

  /** Aborts the tasks and waits until they have ended. Failures have been reported, so it does not throw. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort(new WeftError('task_group_closed', 'the task group has been closed'));
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #fail(task: string, error: unknown): void {
    if (this.signal.aborted && error === this.signal.reason) return;
    const first = this.#first === undefined;
    this.#first ??= { error };
    this.#controller.abort(error);
    this.#onFailure({ task, error, first });
  }
}
