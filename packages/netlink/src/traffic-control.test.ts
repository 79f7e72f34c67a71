import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { MessageWriter } from './codec/message-writer.ts';
import { decodeMessages } from './codec/message.ts';
import type { Message } from './codec/message.ts';
import { NetlinkDecodeError } from './codec/netlink-decode-error.ts';
import { TC_ROOT, decodeQdisc, writeTbf } from './qdisc.ts';
import { decodeRedirect, writeRedirect } from './redirect.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300);
const index = fc.integer({ min: 1, max: 0x7fff_ffff });

function written(body: (writer: MessageWriter) => void): Message {
  const writer = new MessageWriter();
  writer.message(36, 0, 1, body);
  return decodeMessages(writer.written())[0]!;
}

test('rate and limit of a token bucket are read as they were written, also beyond 32 bits', () => {
  const rate = fc.oneof(fc.integer({ min: 8000, max: 12_500_000_000 }), fc.constantFrom(0xffff_ffff, 0x1_0000_0000));
  fc.assert(
    fc.property(index, rate, fc.nat(0x7fff_ffff), (link, bytesPerSecond, limitBytes) => {
      const qdisc = decodeQdisc(written((m) => writeTbf(m, link, { bytesPerSecond, burstBytes: 4096, limitBytes })));
      assert.deepEqual(
        { ...qdisc, tbf: { ...qdisc.tbf, burstBytes: 0 } },
        { index: link, kind: 'tbf', handle: 0, parent: TC_ROOT, tbf: { bytesPerSecond, burstBytes: 0, limitBytes } },
      );
    }),
    { numRuns: RUNS },
  );
});

test('a redirection is read as it was written', () => {
  fc.assert(
    fc.property(index, index, (from, to) => {
      assert.deepEqual(decodeRedirect(written((m) => writeRedirect(m, { index: from, to }))), { index: from, to });
    }),
    { numRuns: RUNS },
  );
});

test('a message that was cut or altered decodes or throws the decode error', () => {
  const whole = [
    written((m) => writeTbf(m, 7, { bytesPerSecond: 125_000, burstBytes: 4096, limitBytes: 24_000 })),
    written((m) => writeRedirect(m, { index: 7, to: 8 })),
  ];
  fc.assert(
    fc.property(fc.constantFrom(...whole), fc.nat(200), fc.nat(200), fc.nat(255), (message, length, at, byte) => {
      const payload = message.payload.slice(0, length);
      if (at < payload.length) payload[at] = byte;
      for (const decode of [decodeQdisc, decodeRedirect]) {
        try {
          decode({ ...message, payload });
        } catch (error) {
          assert.ok(error instanceof NetlinkDecodeError, String(error));
        }
      }
    }),
    { numRuns: RUNS },
  );
});
