/** What the tests of this package and of the scheduler share. */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import type { Uuid } from '@weft/core/uuid';
import { uuidFromBytes } from '@weft/core/uuid';
import type { ByteStream, StreamPeer } from './byte-stream.ts';
import type { Frame } from './frame.ts';
import { FrameDecoder, encodeFrame } from './frame.ts';

/** The n-th test UUID; never nil. */
export function testUuid(n: number): Uuid {
  const bytes = new Uint8Array(16).fill(0xab);
  new DataView(bytes.buffer).setUint32(12, n);
  return uuidFromBytes(bytes);
}

/** Lets the event loop turn until `condition` holds; real time is only the deadline. */
export async function until(condition: () => boolean, what: string, deadlineMs = 5_000): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    assert.ok(performance.now() < end, `waited ${deadlineMs} ms in vain: ${what}`);
    await setImmediate();
  }
}

/** Lets what is under way in memory arrive. For asserting that something did *not* happen, beside something that did. */
export async function settle(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await setImmediate();
}

/** A stream whose other end is the test: it sees what was written, and says what arrives and how much is unread. */
export class ScriptedStream implements ByteStream {
  readonly peer: StreamPeer;
  localAddress: string | undefined;
  bufferedBytes = 0;
  /** How the session ended the stream, if it did. */
  ended: 'close' | 'destroy' | undefined;
  readonly #decoder = new FrameDecoder();
  readonly #written: Frame[] = [];
  #data: (bytes: Uint8Array) => void = () => {};
  #close: (error: Error | undefined) => void = () => {};

  constructor(peer: StreamPeer) {
    this.peer = peer;
  }

  /** The frames written since the last call. */
  takeWritten(): Frame[] {
    return this.#written.splice(0);
  }

  arrive(...frames: readonly Frame[]): void {
    for (const frame of frames) this.arriveBytes(encodeFrame(frame));
  }

  arriveBytes(bytes: Uint8Array): void {
    this.#data(bytes);
  }

  /** The connection ends, with an error or without. */
  breakOff(error?: Error): void {
    this.#close(error);
  }

  write(bytes: Uint8Array): boolean {
    this.#decoder.push(bytes);
    for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) this.#written.push(frame);
    return true;
  }

  onData(listener: (bytes: Uint8Array) => void): void {
    this.#data = listener;
  }

  onDrain(): void {}

  onClose(listener: (error: Error | undefined) => void): void {
    this.#close = listener;
  }

  close(): void {
    this.ended ??= 'close';
  }

  destroy(): void {
    this.ended = 'destroy';
  }
}
