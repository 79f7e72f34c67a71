import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { AttributeMap, decodeAttributes } from './attributes.ts';
import { MessageWriter } from './message-writer.ts';
import { NLMSG_ERROR, decodeMessages, decodeOutcome } from './message.ts';
import { NetlinkDecodeError } from './netlink-decode-error.ts';

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 300);

const u16 = fc.integer({ min: 0, max: 0xffff });
const attribute = fc.record(
  { type: fc.integer({ min: 0, max: 0x3fff }), value: fc.uint8Array({ maxLength: 70 }) },
  { noNullPrototype: true },
);
const message = fc.record(
  {
    type: u16,
    flags: u16,
    sequence: fc.integer({ min: 0, max: 0x4000_0000 }),
    header: fc.uint8Array({ minLength: 12, maxLength: 12 }),
    attributes: fc.array(attribute, { maxLength: 8 }),
  },
  { noNullPrototype: true },
);

test('what is written is read back: messages, attributes and nests, in their order', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
      const writer = new MessageWriter();
      for (const { type, flags, sequence, header, attributes } of messages) {
        writer.message(type, flags, sequence, (m) => {
          m.raw(header);
          for (const { type, value } of attributes) m.bytes(type, value);
          m.nest(9, (nest) => {
            for (const { type, value } of attributes) nest.bytes(type, value);
          });
        });
      }
      const decoded = decodeMessages(writer.written()).map(({ type, flags, sequence, payload }) => {
        const all = decodeAttributes(payload, 12);
        const nest = all.pop();
        assert.equal(nest?.type, 9);
        assert.deepEqual(decodeAttributes(nest.value), all);
        const attributes = all.map(({ type, value }) => ({ type, value: Uint8Array.from(value) }));
        return { type, flags, sequence, header: payload.slice(0, 12), attributes };
      });
      assert.deepEqual(decoded, messages);
    }),
    { numRuns },
  );
});

test('arbitrary bytes decode or throw the decode error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      decodesOrRefuses(bytes);
    }),
    { numRuns },
  );
});

test('mutated and cut messages decode or throw the decode error', () => {
  const writer = new MessageWriter();
  writer.message(16, 5, 1, (m) => {
    m.raw(new Uint8Array(16));
    m.text(3, 'vx-a');
    m.nest(18, (info) => {
      info.text(1, 'vxlan');
      info.nest(2, (data) => data.u32(1, 10001));
    });
  });
  const good = writer.written();
  fc.assert(
    fc.property(fc.nat(good.length), fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 }), (length, changes) => {
      const bytes = good.slice(0, length);
      for (const [at, value] of changes) if (at < length) bytes[at] = value;
      decodesOrRefuses(bytes);
    }),
    { numRuns },
  );
});

test('a length that leads nowhere is refused, not followed for ever', () => {
  for (const length of [0, 3, 15, 17, 0xffff_ffff]) {
    const bytes = new Uint8Array(16);
    new DataView(bytes.buffer).setUint32(0, length, true);
    assert.throws(() => decodeMessages(bytes), NetlinkDecodeError, `message length ${length}`);
  }
  for (const length of [0, 3, 5, 0xffff]) {
    assert.throws(() => decodeAttributes(Uint8Array.of(length & 255, length >> 8, 1, 0)), NetlinkDecodeError, `attribute length ${length}`);
  }
});

test('an attribute shorter than what is read from it is refused', () => {
  const map = AttributeMap.decode(Uint8Array.of(5, 0, 1, 0, 7, 0, 0, 0));
  assert.equal(map.u8(1), 7);
  assert.equal(map.u32(2), undefined);
  assert.throws(() => map.u32(1), NetlinkDecodeError);
  assert.throws(() => map.u16be(1), NetlinkDecodeError);
});

test('a message whose body throws leaves no trace in the buffer', () => {
  const writer = new MessageWriter();
  writer.message(1, 0, 1, (m) => m.u32(1, 2));
  const before = Uint8Array.from(writer.written());
  assert.throws(() =>
    writer.message(2, 0, 2, (m) => {
      m.text(1, 'half');
      throw new RangeError('stop');
    }),
  );
  assert.deepEqual(Uint8Array.from(writer.written()), before);
});

test('an attribute beyond 64 KiB is refused, by itself and as a nest', () => {
  const writer = new MessageWriter();
  assert.throws(() => writer.bytes(1, new Uint8Array(65_532)), /bytes long/);
  assert.throws(
    () =>
      writer.nest(1, (nest) => {
        nest.bytes(1, new Uint8Array(60_000));
        nest.bytes(2, new Uint8Array(60_000));
      }),
    /bytes long/,
  );
});

function decodesOrRefuses(bytes: Uint8Array): void {
  try {
    for (const message of decodeMessages(bytes)) {
      if (message.type === NLMSG_ERROR) {
        const { attributes } = decodeOutcome(message);
        if (attributes !== undefined) AttributeMap.decode(message.payload, attributes).text(1);
      }
      AttributeMap.decode(message.payload, Math.min(12, message.payload.length)).nested(18)?.nested(2)?.u32(1);
    }
  } catch (error) {
    assert.ok(error instanceof NetlinkDecodeError, String(error));
  }
}
