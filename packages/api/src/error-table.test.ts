import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotFound } from '@weft/core/command/context';
import { WeftError } from '@weft/core/weft-error';
import { ApiError } from './api-error.ts';
import { neutronAnswer, problemAnswer } from './error-table.ts';
import { Unauthenticated } from './request-error.ts';

const id = '22222222-2222-4222-8222-222222222222';

test('a missing object has the exception class and the words of its kind', () => {
  assert.deepEqual(neutronAnswer(new NotFound('securityGroup', id), 'https://x').body, {
    NeutronError: { type: 'SecurityGroupNotFound', message: `Security group ${id} does not exist`, detail: '' },
  });
  assert.equal(neutronAnswer(new NotFound('port', id), 'https://x').status, 404);
});

test('what the table does not know is internal, and says nothing of itself', () => {
  for (const error of [new Error('SELECT secret FROM /var/lib'), new WeftError('store_io', 'disk /dev/sda1'), 'thrown text', undefined]) {
    const neutron = neutronAnswer(error, 'https://x');
    const problem = problemAnswer(error, 'req-1');
    assert.equal(neutron.status, 500);
    assert.equal(problem.status, 500);
    assert.doesNotMatch(JSON.stringify([neutron, problem]), /secret|sda1|thrown/);
    assert.match(JSON.stringify(problem.body), /"code":"internal".*"requestId":"req-1"/);
  }
});

test('nothing under /v2.0 is answered 422', () => {
  assert.equal(neutronAnswer(new WeftError('subnet_overlap', 'x'), '').status, 400);
  assert.equal(problemAnswer(new WeftError('subnet_overlap', 'x'), '').status, 422);
});

test("a 401 under /v2.0 has Keystone's form and challenge", () => {
  assert.deepEqual(neutronAnswer(new Unauthenticated(), 'https://x'), {
    status: 401,
    headers: { 'www-authenticate': 'Keystone uri="https://x"' },
    body: { error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' } },
  });
});

test('what is down for a while says when to come back', () => {
  assert.equal(neutronAnswer(new WeftError('unavailable', 'x'), '').headers['retry-after'], '5');
  assert.equal(problemAnswer(new WeftError('unavailable', 'x'), '').headers['retry-after'], '5');
});

test('the client gets code, message and remedy back from either form', () => {
  const read = (body: unknown, status: number): readonly unknown[] => {
    const error = ApiError.fromAnswer('GET /x', { status, text: typeof body === 'string' ? body : JSON.stringify(body) });
    return [error.status, error.code, error.message, error.remedy];
  };
  const remedied = new WeftError('node_in_use', 'it runs things', { remedy: 'Stop them.' });
  assert.deepEqual(read(problemAnswer(remedied, 'r').body, 409), [409, 'node_in_use', 'it runs things', 'Stop them.']);
  const neutron = neutronAnswer(new WeftError('ip_address_already_allocated', 'taken'), '');
  assert.deepEqual(read(neutron.body, neutron.status), [409, 'ip_address_already_allocated', 'taken', undefined]);
  assert.deepEqual(read(neutronAnswer(new WeftError('bad_request', 'b'), '').body, 400), [400, 'bad_request', 'b', undefined]);
  assert.deepEqual(read(neutronAnswer(new Unauthenticated(), '').body, 401).slice(0, 2), [401, 'unauthenticated']);
  const missing = neutronAnswer(new NotFound('floatingIp', id), '');
  assert.deepEqual(read(missing.body, missing.status).slice(0, 2), [404, 'floating_ip_not_found']);
  assert.deepEqual(read('<html>', 502), [502, 'api_error', 'GET /x: answered with status 502', undefined]);
});
