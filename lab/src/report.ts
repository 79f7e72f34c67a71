import type { CheckResult } from './check.ts';

/** The last line of a machine-readable report. */
export type Summary = Readonly<{ checks: number; passed: number; failed: number; seconds: number }>;

/** Where a lab's words go: results to `out`, progress to `err`. */
export type Output = Readonly<{ write(text: string): void }>;

export interface Reporter {
  /** Something long goes on, or has been done. */
  progress(text: string): void;
  check(result: CheckResult): void;
  summary(summary: Summary): void;
}

/** One line per check for people; the detail of a failure is indented below it. */
export class HumanReporter implements Reporter {
  readonly #out: Output;
  readonly #err: Output;
  readonly #width: number;

  /** `idWidth`: of the longest check id, so that figures stand in a column. */
  constructor(options: Readonly<{ idWidth: number }>, deps: Readonly<{ out: Output; err: Output }>) {
    this.#width = options.idWidth;
    this.#out = deps.out;
    this.#err = deps.err;
  }

  progress(text: string): void {
    this.#err.write(`${text}\n`);
  }

  check({ check, ok, ms, detail }: CheckResult): void {
    const head = `${ok ? '✔' : '✘'} ${check.padEnd(this.#width)} ${formatMs(ms).padStart(8)}  `;
    this.#out.write(ok ? `${head}${detail}\n` : `${head}FAILED\n${indent(detail)}\n`);
  }

  summary({ checks, passed, failed, seconds }: Summary): void {
    const verdict = failed === 0 ? `all ${checks} checks passed` : `${failed} of ${checks} checks failed, ${passed} passed`;
    this.#out.write(`${verdict} in ${seconds.toFixed(1)} s\n`);
  }
}

/** JSON lines on `out`, and nothing else there; progress still goes to `err`. */
export class JsonReporter implements Reporter {
  readonly #out: Output;
  readonly #err: Output;

  constructor(deps: Readonly<{ out: Output; err: Output }>) {
    this.#out = deps.out;
    this.#err = deps.err;
  }

  progress(text: string): void {
    this.#err.write(`${text}\n`);
  }

  check({ check, ok, ms, detail }: CheckResult): void {
    this.#out.write(`${JSON.stringify({ check, ok, ms, detail })}\n`);
  }

  summary({ checks, passed, failed, seconds }: Summary): void {
    this.#out.write(`${JSON.stringify({ checks, passed, failed, seconds })}\n`);
  }
}

export function summarise(results: readonly CheckResult[], seconds: number): Summary {
  const passed = results.filter((result) => result.ok).length;
  return { checks: results.length, passed, failed: results.length - passed, seconds: Math.round(seconds * 10) / 10 };
}

function formatMs(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
}
