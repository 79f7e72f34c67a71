import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HumanReporter, JsonReporter, summarise } from './report.ts';

const good = { check: 'ping-mesh', ok: true, ms: 41, detail: '10 of 10 answered' };
const bad = { check: 'anti-spoof', ok: false, ms: 2345, detail: 'expected silence; seen: 1 frame\n  because: x' };

class Sink {
  text = '';
  write(text: string): void {
    this.text += text;
  }
}

void test('people get a line per check with its figure, and the whole detail of a failure', () => {
  const [out, err] = [new Sink(), new Sink()];
  const reporter = new HumanReporter({ idWidth: 12 }, { out, err });
  reporter.progress('starting');
  for (const result of [good, bad]) reporter.check(result);
  reporter.summary(summarise([good, bad], 3.14));
  assert.equal(err.text, 'starting\n');
  assert.equal(
    out.text,
    [
      '✔ ping-mesh       41 ms  10 of 10 answered',
      '✘ anti-spoof      2.3 s  FAILED',
      '    expected silence; seen: 1 frame',
      '      because: x',
      '1 of 2 checks failed, 1 passed in 3.1 s',
      '',
    ].join('\n'),
  );
});

void test('machines get one JSON object a line, and nothing else on standard output', () => {
  const [out, err] = [new Sink(), new Sink()];
  const reporter = new JsonReporter({ out, err });
  reporter.progress('starting');
  for (const result of [good, bad]) reporter.check(result);
  reporter.summary(summarise([good, bad], 3.14));
  const lines = out.text.trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    [good, bad, { checks: 2, passed: 1, failed: 1, seconds: 3.1 }],
  );
  assert.deepEqual(Object.keys(JSON.parse(lines[0]!) as object), ['check', 'ok', 'ms', 'detail']);
});
