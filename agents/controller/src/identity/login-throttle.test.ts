import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginThrottle } from './login-throttle.ts';

function rig(size = 100): Readonly<{ throttle: LoginThrottle; clock: { now: number } }> {
  const clock = { now: 0 };
  return { clock, throttle: new LoginThrottle({ failures: 3, windowMs: 1000, size }, { nowMs: () => clock.now }) };
}

test('after too many failures a key waits until the window in which they happened is over', () => {
  const { throttle, clock } = rig();
  for (const at of [0, 100, 200]) {
    clock.now = at;
    assert.equal(throttle.wait('ada'), 0);
    throttle.failed('ada');
  }
  assert.equal(throttle.wait('ada'), 800);
  assert.equal(throttle.wait('bob'), 0);
  throttle.failed('ada');
  assert.equal(throttle.wait('ada'), 800, 'failures meanwhile neither free nor prolong it');
  clock.now = 1000;
  assert.equal(throttle.wait('ada'), 0);
});

test('a success forgets the failures before it', () => {
  const { throttle } = rig();
  for (let n = 0; n < 2; n += 1) throttle.failed('ada');
  throttle.succeeded('ada');
  for (let n = 0; n < 2; n += 1) throttle.failed('ada');
  assert.equal(throttle.wait('ada'), 0);
});

test('a flood of keys makes it forget the oldest, not grow', () => {
  const { throttle } = rig(10);
  for (let n = 0; n < 3; n += 1) throttle.failed('ada');
  for (let n = 0; n < 9; n += 1) throttle.failed(`key ${n}`);
  assert.equal(throttle.wait('ada'), 1000);
  throttle.failed('one more');
  assert.equal(throttle.wait('ada'), 0);
});
