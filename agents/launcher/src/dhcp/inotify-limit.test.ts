import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordingLog } from '../test-support.ts';
import { raiseInotifyLimit } from './inotify-limit.ts';

test('the machine’s default is raised, a higher limit is left alone', () => {
  for (const [before, after] of [
    ['128', '8192'],
    ['8192', '8192'],
    ['100000', '100000'],
  ]) {
    let value = before!;
    raiseInotifyLimit({ read: () => value, write: (_, now) => void (value = now) }, recordingLog());
    assert.equal(value, after, `from ${before}`);
  }
});

test('where it cannot be raised, a warning says what to do', () => {
  const log = recordingLog();
  const refuse = (): never => {
    throw new Error('EROFS');
  };
  raiseInotifyLimit({ read: () => '128', write: refuse }, log);
  assert.match(JSON.stringify(log.lines), /warn.*Set fs\.inotify\.max_user_instances to 8192/);
});
