import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ipv4 } from '@weft/core/ipv4';
import * as fc from 'fast-check';
import { decodeDnsAnswer, encodeDnsQuestion, reverseName } from './dns.ts';

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));

test('a question is written as RFC 1035 §4.1 draws it', () => {
  assert.deepEqual(
    encodeDnsQuestion({ id: 0x1234, name: 'web.weft.internal', type: 'A' }),
    bytesOf('1234 0100 0001 0000 0000 0000 03776562 0477656674 08696e7465726e616c 00 0001 0001'),
  );
  for (const name of ['', 'a..b', `${'a'.repeat(64)}.b`]) assert.throws(() => encodeDnsQuestion({ id: 1, name, type: 'A' }), /DNS name/);
  assert.equal(reverseName('10.0.0.11' as Ipv4), '11.0.0.10.in-addr.arpa');
});

test('an answer tells its addresses and names, also compressed ones, and passes over other records', () => {
  const question = '03776562 00 0001 0001';
  const answers = 'c00c 0001 0001 00000000 0004 0a00000b   c00c 0010 0001 00000000 0002 0161   c00c 000c 0001 00000000 0004 0178 c00c';
  assert.deepEqual(decodeDnsAnswer(bytesOf(`0007 8580 0001 0003 0000 0000 ${question} ${answers}`)), {
    id: 7,
    code: 0,
    authoritative: true,
    addresses: ['10.0.0.11'],
    names: ['x.web'],
  });
  assert.equal(decodeDnsAnswer(bytesOf(`0007 8183 0001 0000 0000 0000 ${question}`))?.code, 3);
  assert.equal(decodeDnsAnswer(bytesOf(`0007 0100 0001 0000 0000 0000 ${question}`)), undefined, 'a question');
  assert.equal(decodeDnsAnswer(bytesOf('0007 8180 0001 0000 0000 0000 c00c 0001 0001')), undefined, 'a name that leads to itself');
});

test('property: arbitrary and cut bytes are an answer or none, but no error', () => {
  const header = fc.uint8Array({ maxLength: 60 }).map((rest) => Uint8Array.of(0, 1, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0, ...rest));
  fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), header), (bytes) => void decodeDnsAnswer(bytes)));
});
