import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import test from 'node:test';
import { SysError, errnoName, errnoNumber, fsCall, isSysError } from './sys-error.ts';

test('errno names are those of this system, in both directions', () => {
  for (const [name, number] of Object.entries(constants.errno)) {
    assert.equal(errnoNumber(errnoName(number)), number, name);
    // EWOULDBLOCK and ENOTSUP are second names of EAGAIN and EOPNOTSUPP.
    if (!['EWOULDBLOCK', 'ENOTSUP'].includes(name)) assert.equal(errnoName(number), name);
  }
  assert.equal(errnoName(133), 'EHWPOISON');
  assert.deepEqual([errnoName(0), errnoName(41), errnoName(999)], ['errno_0', 'errno_41', 'errno_999']);
  assert.deepEqual([errnoNumber('EWHATEVER'), errnoNumber('-')], [0, 0]);
});

test('an error of the file system becomes a SysError that says what was done; others pass', () => {
  assert.throws(
    () => fsCall('read', '/nowhere', () => readFileSync('/nowhere')),
    (error) => {
      assert.ok(isSysError(error, 'ENOENT'));
      assert.equal(error.message, 'read /nowhere: ENOENT');
      assert.deepEqual(error.details, { call: 'read', errno: 'ENOENT', what: '/nowhere' });
      return true;
    },
  );
  const bug = new RangeError('a bug');
  assert.throws(
    () =>
      fsCall('read', 'x', () => {
        throw bug;
      }),
    bug,
  );
  assert.equal(isSysError(new SysError('open', 2), 'EACCES'), false);
});
