import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '@weft/api/api-error';
import { WeftError } from '@weft/core/weft-error';
import { EXIT_FAILED, EXIT_MACHINE, EXIT_USAGE, MachineLacks, UsageError, exitCodeOf, formatFailure } from './failure.ts';

test('a refusal of the API is what, what to do, and the request’s id, a line each', () => {
  const error = ApiError.fromAnswer('POST /v1/tenants', {
    status: 409,
    text: JSON.stringify({
      code: 'tenant_exists',
      detail: 'a tenant named red exists already',
      remedy: 'Choose another name.',
      requestId: 'req-1',
    }),
  });
  assert.equal(formatFailure(error), 'weft: a tenant named red exists already\nChoose another name.\n(request req-1)');
  assert.equal(exitCodeOf(error), EXIT_FAILED);
});

test('an API that cannot be reached is told once, with its remedy', () => {
  const text = formatFailure(ApiError.unreachable('https://127.0.0.1:1', new Error('connect ECONNREFUSED 127.0.0.1:1')));
  assert.equal(
    text,
    'weft: calling the API at https://127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1\n' +
      'Check that `weft server` runs there and that url and ca of your client configuration are right.',
  );
});

test('causes that the message does not quote are told too', () => {
  const error = new WeftError('lab_busy', 'bringing up the lab', { cause: new Error('opening the lock', { cause: new Error('EACCES') }) });
  assert.equal(formatFailure(error), 'weft: bringing up the lab\n  because: opening the lock\n  because: EACCES');
});

test('a server’s text cannot write to the terminal as it likes', () => {
  assert.equal(
    formatFailure(new WeftError('x', 'Network \u001b[2J could not be found.')),
    String.raw`weft: Network \x1b[2J could not be found.`,
  );
});

test('a bug shows where it happened', () => {
  assert.match(formatFailure(new TypeError('undefined is not a function')), /bug.*TypeError: undefined is not a function\n {4}at /s);
});

test('exit codes tell a wrong command line from a machine that lacks something', () => {
  assert.equal(exitCodeOf(new UsageError('which nodes?')), EXIT_USAGE);
  assert.equal(exitCodeOf(new MachineLacks('root_needed', 'needs root', { remedy: 'Use sudo.' })), EXIT_MACHINE);
  assert.equal(exitCodeOf(new Error('whatever')), EXIT_FAILED);
});
