import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Uuid } from '@weft/core/uuid';
import { parseUuid } from '@weft/core/uuid';
import * as fc from 'fast-check';
import type { Frame } from './frame.ts';
import { FrameDecoder, FrameError, MAX_BODY_BYTES, encodeFrame, plainFrame, routedFrame } from './frame.ts';
import { Command, ErrorOperand, EventOperand, FrameType, Status, frameName, isKnownFrame, isRoutedFrame } from './operands.ts';

const client = parseUuid('4cb19522-1e18-439a-883a-f9b2a3a95f5e');
const server = parseUuid('00112233-4455-4677-8899-aabbccddeeff');
const fuzzRuns = Number(process.env['FUZZ_RUNS'] ?? 300);

function text(value: string): Uint8Array {
  return Uint8Array.from(Buffer.from(value));
}

function hex(frame: Frame): string {
  return Buffer.from(encodeFrame(frame)).toString('hex');
}

function decodeAll(decoder: FrameDecoder): Frame[] {
  const frames: Frame[] = [];
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame);
  return frames;
}

function decode(...chunks: Uint8Array[]): Frame[] {
  const decoder = new FrameDecoder();
  return chunks.flatMap((chunk) => {
    decoder.push(chunk);
    return decodeAll(decoder);
  });
}

const uuids = fc.uuid().map((value) => value as Uuid);
const payloads = fc.uint8Array({ maxLength: 200 });
const roles = fc.nat(0xffff_ffff);
const frames: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ role: roles, source: uuids, destination: uuids }).map((fields): Frame => ({
    type: FrameType.COMMAND,
    operand: Command.CONNECT,
    body: { kind: 'connect', ...fields },
  })),
  fc.record({ role: roles, source: uuids, destination: uuids, payload: payloads }).map((fields): Frame => ({
    type: FrameType.STATUS,
    operand: Status.CONNECTED,
    body: { kind: 'connected', ...fields },
  })),
  fc
    .tuple(fc.constantFrom([0, 32], [0, 33], [0, 34], [1, 32], [1, 33], [1, 34], [2, 32]), uuids, uuids, payloads)
    .map(([[type, operand], destination, origin, payload]) => routedFrame(type ?? 0, operand ?? 0, destination, payload, origin)),
  fc
    .tuple(fc.nat(255), fc.nat(255), payloads)
    .filter(([type, operand]) => !isRoutedFrame(type, operand) && !(type <= 1 && operand === 0))
    .map(([type, operand, payload]) => plainFrame(type, operand, payload)),
);

test('frames have the bytes that the design writes down', () => {
  const ids = { client: '4cb195221e18439a883af9b2a3a95f5e', server: '00112233445546778899aabbccddeeff', nil: '0'.repeat(32) };
  const connect: Frame = { type: 0, operand: 0, body: { kind: 'connect', role: 0x14, source: client, destination: parseUuid(nil()) } };
  assert.equal(hex(connect), `0100000000000014${ids.client}${ids.nil}`);
  const payload = text('{}');
  const connected: Frame = { type: 1, operand: 0, body: { kind: 'connected', role: 8, source: server, destination: client, payload } };
  assert.equal(hex(connected), `0100010000000008${ids.server}${ids.client}000000027b7d`);
  assert.equal(hex(plainFrame(FrameType.EVENT, EventOperand.TenantAdded, text('a: b'))), '0100030000000004613a2062');
  assert.equal(hex(plainFrame(FrameType.STATUS, Status.FULL)), '0100010200000000');
  const sync = routedFrame(FrameType.COMMAND, Command.Sync, client, text('{}'), server);
  assert.equal(hex(sync), `0100002000000022${ids.client}${ids.server}7b7d`);
  assert.equal(hex(routedFrame(FrameType.ERROR, ErrorOperand.InvalidPayload, client)), `0100022000000020${ids.client}${ids.nil}`);
});

function nil(): string {
  return '00000000-0000-0000-0000-000000000000';
}

test('frames survive the wire, however it splits them', () => {
  fc.assert(
    fc.property(fc.array(frames, { maxLength: 6 }), fc.array(fc.nat(300), { maxLength: 20 }), (sent, cuts) => {
      const bytes = new Uint8Array(Buffer.concat(sent.map(encodeFrame)));
      const ends = [...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
      const chunks = ends.map((end, index) => bytes.slice(index === 0 ? 0 : ends[index - 1], end));
      assert.deepEqual(decode(...chunks), sent);
    }),
  );
});

test('a stream that arrives byte by byte gives the same frames', () => {
  const sent = fc.sample(frames, { numRuns: 30, seed: 7 });
  const bytes = new Uint8Array(Buffer.concat(sent.map(encodeFrame)));
  assert.deepEqual(decode(...Array.from(bytes, (byte) => Uint8Array.of(byte))), sent);
});

test('a payload that was handed out is not changed by what arrives later', () => {
  const first = plainFrame(FrameType.EVENT, EventOperand.TenantAdded, text('first'));
  const bytes = encodeFrame(first);
  const decoder = new FrameDecoder();
  decoder.push(bytes.subarray(0, 3));
  decoder.push(bytes.subarray(3));
  const [decoded] = decodeAll(decoder);
  for (let round = 0; round < 50; round++) {
    const next = encodeFrame(plainFrame(FrameType.EVENT, EventOperand.TenantAdded, new Uint8Array(100).fill(round)));
    decoder.push(next.subarray(0, 50));
    decoder.push(next.subarray(50));
    assert.equal(decodeAll(decoder).length, 1, `round ${round}`);
  }
  assert.deepEqual(decoded, first);
});

test('a minor version from the future is read, a major one is refused at its first byte', () => {
  const bytes = encodeFrame(plainFrame(FrameType.STATUS, Status.FULL));
  bytes[1] = 9;
  assert.equal(decode(bytes).length, 1);
  for (const major of [0, 2, 0x81, 71]) assert.throws(() => decode(Uint8Array.of(major)), FrameError, `major ${major}`);
});

test('a body of 1 MiB passes, one byte more is refused at both ends, before it is read', () => {
  const largest = plainFrame(FrameType.EVENT, EventOperand.TenantAdded, new Uint8Array(MAX_BODY_BYTES));
  assert.deepEqual(decode(encodeFrame(largest)), [largest]);
  assert.throws(() => encodeFrame(plainFrame(FrameType.EVENT, 0, new Uint8Array(MAX_BODY_BYTES + 1))), FrameError);
  assert.throws(() => encodeFrame(routedFrame(0, Command.Sync, client, new Uint8Array(MAX_BODY_BYTES - 31))), FrameError);
  assert.throws(() => decode(Buffer.from('0100030000100001', 'hex')), /1048577 bytes announced/);
});

test('a routed frame too short for its UUIDs is refused', () => {
  assert.throws(() => decode(Buffer.from('010000200000001f', 'hex')), /too few for two UUIDs/);
});

test('frames before a fault are delivered, and after it nothing ever is', () => {
  const good = encodeFrame(plainFrame(FrameType.STATUS, Status.FULL));
  const decoder = new FrameDecoder();
  decoder.push(Buffer.concat([good, Uint8Array.of(9), good]));
  assert.equal(decoder.next()?.operand, Status.FULL);
  assert.throws(() => decoder.next(), FrameError);
  decoder.push(good);
  assert.throws(() => decoder.next(), FrameError);
});

test('a frame cannot be built in a form that its operand has not', () => {
  assert.throws(() => plainFrame(FrameType.COMMAND, Command.Sync), FrameError);
  assert.throws(() => encodeFrame(routedFrame(FrameType.COMMAND, Command.START, client)), FrameError);
  assert.throws(() => encodeFrame(plainFrame(FrameType.COMMAND, Command.CONNECT)), FrameError);
});

test('arbitrary and mutated bytes decode or throw FrameError', () => {
  const mutated = fc
    .tuple(fc.array(frames, { minLength: 1, maxLength: 4 }), fc.array(fc.tuple(fc.nat(2_000), fc.nat(255))))
    .map(([sent, hits]) => {
      const bytes = new Uint8Array(Buffer.concat(sent.map(encodeFrame)));
      for (const [at, value] of hits) bytes[at % bytes.length] = value;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 })), fc.nat(50), (bytes, cut) => {
      try {
        const decoded = decode(bytes.subarray(0, cut), bytes.subarray(cut));
        const size = decoded.reduce((sum, frame) => sum + encodeFrame(frame).length, 0);
        assert.ok(size <= bytes.length);
      } catch (error) {
        assert.ok(error instanceof FrameError, String(error));
      }
    }),
    { numRuns: fuzzRuns },
  );
});

test('logs name frames, known or not', () => {
  assert.equal(frameName(FrameType.EVENT, EventOperand.ConcentratorInstanceAdded), 'EVENT ConcentratorInstanceAdded');
  assert.equal(frameName(FrameType.COMMAND, 77), 'COMMAND 77');
  assert.equal(frameName(9, 1), '9 1');
  assert.ok(!isKnownFrame(FrameType.EVENT, 6), 'TraceReport is not carried');
});
