// Our reporter for node:test: a line a file, and everything there is to know about what failed or was skipped.
//
// The last line of a run is `reportMark` and the counts as JSON. A runner that dies leaves it out, and that is how test.mjs knows.
//
// How node:test tells things: events of a file come together and in order, except stdout and stderr, which come when they happen. What
// comes from inside a file has an `entryFile`. An event without one is about the file as a whole, and there is one only if the
// process ended badly or ran no test at all.
import { relative, resolve } from 'node:path';
import { inspect } from 'node:util';

export const reportMark = '\u001Ereport ';

/** Counts of one run. @returns {{ passed: number, failed: number, skipped: number }} */
export function noCounts() {
  return { passed: 0, failed: 0, skipped: 0 };
}

/** @param {string} text @param {string} margin */
function indent(text, margin) {
  return text.trimEnd().replaceAll(/^(?=.)/gm, margin);
}

/** @param {unknown} error */
function describeError(error) {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return cause instanceof Error ? inspect(cause, { depth: 8 }) : String(cause);
}

/** What ended the process of a file. @param {any} error */
function describeEnd(error) {
  if (error?.failureType === 'cancelledByParent') return 'the file did not end and was stopped';
  if (error?.signal) return `the process was ended by ${error.signal}`;
  if (typeof error?.exitCode === 'number') return `the process ended with exit code ${error.exitCode}`;
  return describeError(error);
}

/** One file's results, gathered until the next file begins. */
class FileReport {
  counts = noCounts();
  durationMs = 0;
  output = '';
  #file;
  /** @type {string[]} */
  #names = [];
  /** @type {string[]} */
  #failures = [];
  /** @type {Map<string, string[]>} */
  #skips = new Map();
  /** @type {string[]} */
  #notes = [];

  /** @param {string} file */
  constructor(file) {
    this.#file = relative(process.cwd(), file);
  }

  /** @param {any} data */
  started(data) {
    this.#names.length = data.nesting;
    this.#names.push(data.name);
  }

  /** @param {any} data */
  passed(data) {
    const ofFile = data.entryFile === undefined;
    if (ofFile) this.durationMs = Math.max(this.durationMs, data.details.duration_ms);
    if (data.skip !== undefined || data.todo !== undefined) this.#skipped(data);
    else if (ofFile) this.#failed(this.#file, 'there is no test in this file, or its process ended before the first one');
    else if (data.details.type !== 'suite') this.counts.passed += 1;
  }

  /** @param {any} data */
  failed(data) {
    const { error } = data.details;
    if (data.entryFile === undefined) this.#failed(this.#file, describeEnd(error));
    else if (data.todo !== undefined) this.#skipped(data);
    else if (error?.failureType !== 'subtestsFailed') {
      this.#failed(`${this.#path(data)} (${relative(process.cwd(), data.file)}:${data.line}:${data.column})`, describeError(error));
    }
  }

  /** @param {any} data */
  noted(data) {
    this.#notes.push(data.nesting > 0 || this.#names.length > 0 ? `${this.#names.join(' > ')}: ${data.message}` : data.message);
  }

  /** The lines to print. */
  format() {
    const { passed, failed, skipped } = this.counts;
    const counts = [failed > 0 ? `${failed} failed` : '', `${passed} passed`, skipped > 0 ? `${skipped} skipped` : ''];
    const seconds = (this.durationMs / 1000).toFixed(1);
    const lines = [`${failed > 0 ? 'FAIL' : 'ok  '}  ${this.#file}  ${counts.filter(Boolean).join(', ')}  (${seconds} s)`];
    for (const [reason, names] of this.#skips) lines.push(`      skipped: ${names.join('; ')} – ${reason}`);
    if (failed > 0) {
      lines.push(...this.#failures);
      if (this.#notes.length > 0) lines.push(indent(`diagnostics:\n${indent(this.#notes.join('\n'), '  ')}`, '      '));
      if (this.output !== '') lines.push(indent(`output:\n${indent(this.output, '  ')}`, '      '));
    }
    return `${lines.join('\n')}\n`;
  }

  /** @param {any} data */
  #path(data) {
    return [...this.#names.slice(0, data.nesting), data.name].join(' > ');
  }

  /** @param {any} data */
  #skipped(data) {
    this.counts.skipped += 1;
    const given = data.skip ?? data.todo;
    const reason = `${data.skip === undefined ? 'to do: ' : ''}${typeof given === 'string' && given !== '' ? given : 'no reason given'}`;
    this.#skips.set(reason, [...(this.#skips.get(reason) ?? []), this.#path(data)]);
  }

  /** @param {string} title @param {string} text */
  #failed(title, text) {
    this.counts.failed += 1;
    this.#failures.push(`\n      ✖ ${title}\n${indent(text, '        ')}\n`);
  }
}

/**
 * @param {AsyncIterable<{ type: string, data: any }>} events
 * @returns {AsyncGenerator<string>}
 */
// oxlint-disable-next-line import/no-default-export -- node:test takes a reporter from its module's default export
export default async function* reporter(events) {
  const total = noCounts();
  /** @type {Map<string, string>} */
  const outputs = new Map();
  /** @type {string | undefined} */
  let file;
  /** @type {FileReport | undefined} */
  let report;
  const finish = () => {
    if (report === undefined || file === undefined) return '';
    report.output = outputs.get(file) ?? '';
    outputs.delete(file);
    total.passed += report.counts.passed;
    total.failed += report.counts.failed;
    total.skipped += report.counts.skipped;
    return report.format();
  };

  for await (const { type, data } of events) {
    const of = data.entryFile ?? data.file;
    if (of === undefined) continue;
    const name = resolve(of);
    if (type === 'test:stdout' || type === 'test:stderr') {
      outputs.set(name, (outputs.get(name) ?? '') + data.message);
      continue;
    }
    if (!['test:start', 'test:pass', 'test:fail', 'test:diagnostic', 'test:summary'].includes(type)) continue;
    if (report === undefined || name !== file) {
      yield finish();
      file = name;
      report = new FileReport(name);
    }
    if (type === 'test:start') report.started(data);
    else if (type === 'test:pass') report.passed(data);
    else if (type === 'test:fail') report.failed(data);
    else if (type === 'test:diagnostic') report.noted(data);
    else report.durationMs = Math.max(report.durationMs, data.duration_ms);
  }
  yield finish();
  yield `${reportMark}${JSON.stringify(total)}\n`;
}
