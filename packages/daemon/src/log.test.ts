import assert from 'node:assert/strict';
import { it } from 'node:test';
import { WeftError } from '@weft/core/weft-error';
import * as fc from 'fast-check';
import { createLogger } from './log.ts';
import type { LogLevel, Logger } from './log.ts';

it('a line has level, time, name, the fields and the message', () => {
  const { log, lines } = capture();
  log.info({ tenant: 't', vni: 10_000, address: 5n, ports: new Set(['a']) }, 'attachment active');
  const { time, ...rest } = lines()[0]!;
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(rest, {
    level: 'info',
    name: 'launcher',
    tenant: 't',
    vni: 10_000,
    address: '5',
    ports: ['a'],
    msg: 'attachment active',
  });
});

it('lines below the level are not written; children add their fields', () => {
  const { log, lines } = capture('warn');
  const child = log.child({ node: 'n', token: 'secret-1' });
  child.info({}, 'not this');
  child.warn({ port: 'p' }, 'this');
  log.error({}, 'and this');
  assert.deepEqual(
    lines().map(({ level, node, token, port, msg }) => [level, node, token, port, msg]),
    [
      ['warn', 'n', '[redacted]', 'p', 'this'],
      ['error', undefined, undefined, undefined, 'and this'],
    ],
  );
});

it('secrets do not get into a line, at whatever depth and however their name is written', () => {
  const names = fc.constantFrom(
    'token',
    'key',
    'password',
    'secret',
    'Password',
    'private_key',
    'X-Auth-Token',
    'clientSecret',
    'presharedKey',
  );
  const shapes = fc.constantFrom(
    (fields: object): object => fields,
    (fields: object): object => ({ a: [{ b: fields }] }),
    (fields: object): object => ({ map: new Map([['m', fields]]) }),
    (fields: object): object => ({ err: new WeftError('x', 'message', { details: { fields } }) }),
    (fields: object): object => ({ err: new Error('outer', { cause: new WeftError('x', 'message', { details: { fields } }) }) }),
  );
  fc.assert(
    fc.property(names, shapes, (name, shape) => {
      const { log, text } = capture();
      log.error({ ...shape({ [name]: { inside: 'hunter2' } }) }, 'message');
      assert.ok(!text().includes('hunter2') && text().includes('[redacted]'), text());
    }),
  );
});

it('bytes are never text, and public keys stay readable', () => {
  const { log, lines } = capture();
  log.debug({ frame: Buffer.from('hello'), publicKey: 'pk', keyCount: 2 }, 'frame');
  const { frame, publicKey, keyCount } = lines()[0]!;
  assert.deepEqual({ frame, publicKey, keyCount }, { frame: '[5 bytes]', publicKey: 'pk', keyCount: 2 });
});

it('an error is printed as its chain, each link once, with code, details and remedy', () => {
  const { log, lines } = capture();
  const system = Object.assign(new Error('EPERM: not permitted'), { code: 'EPERM' });
  const inner = new WeftError('netlink_failed', 'sending RTM_NEWLINK', {
    details: { errno: 'EPERM' },
    remedy: 'Run it as root.',
    cause: system,
  });
  log.error({ err: new WeftError('attach_failed', 'adding port p', { details: { port: 'p' }, cause: inner }) }, 'attachment failed');
  assert.deepEqual(lines()[0]!['err'], {
    code: 'attach_failed',
    message: 'adding port p',
    details: { port: 'p' },
    remedy: 'Run it as root.',
    causes: [
      { code: 'netlink_failed', message: 'sending RTM_NEWLINK', details: { errno: 'EPERM' } },
      { code: 'EPERM', message: 'EPERM: not permitted' },
    ],
  });
});

it('a bug has a stack; aggregates, cycles and thrown non-errors are printed', () => {
  const { log, lines } = capture();
  const cycle = new Error('a');
  cycle.cause = cycle;
  log.error({ err: cycle }, '1');
  log.error({ err: new AggregateError([new Error('b'), new RangeError('c')], 'both') }, '2');
  log.error({ err: 'just text' }, '3');
  const errors = lines().map(({ err }) => err as { code: string; message: string; stack?: string; causes?: { message: string }[] });
  assert.match(errors[0]!.stack!, /^Error: a\n\s+at /);
  assert.equal(errors[0]!.causes, undefined);
  assert.deepEqual(
    errors[1]!.causes?.map(({ message }) => message),
    ['Error: b', 'RangeError: c'],
  );
  assert.deepEqual(errors[2], { code: 'internal', message: 'just text' });
});

it('whatever the fields hold, the result is one line of JSON', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true })),
      (fields) => {
        const { log, text } = capture();
        log.info(fields, 'message');
        assert.equal(text().split('\n').length, 2);
        JSON.parse(text());
      },
    ),
  );
});

function capture(level: LogLevel = 'debug'): Readonly<{ log: Logger; text: () => string; lines: () => Record<string, unknown>[] }> {
  const written: string[] = [];
  const log = createLogger({ level, name: 'launcher', destination: { write: (line) => written.push(line) } });
  return { log, text: () => written.join(''), lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>) };
}
