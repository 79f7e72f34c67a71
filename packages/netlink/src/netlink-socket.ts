/**
 * Requests to the kernel over one netlink socket, one at a time, synchronously: a request takes 7–250 µs, less than the way through an
 * event loop.
 *
 * Replies are matched by sequence number, never by order: a late reply of a request that was given up is skipped. A GET never asks for an
 * acknowledgement, which would come as a second datagram after the answer.
 */
import { NetlinkFd } from '@weft/sys/netlink-fd';
import type { Netns } from '@weft/sys/netns';
import { errnoNumber } from '@weft/sys/sys-error';
import { AttributeMap } from './codec/attributes.ts';
import { MessageWriter } from './codec/message-writer.ts';
import {
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_NOOP,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  decodeMessages,
  decodeOutcome,
} from './codec/message.ts';
import type { Message } from './codec/message.ts';
import { NetlinkError } from './netlink-error.ts';

const NLMSGERR_ATTR_MSG = 1;
const NLMSGERR_ATTR_OFFS = 2;

/** A send longer than the send buffer (212,992 bytes by default) fails with EMSGSIZE. */
const CHUNK_BYTES = 150_000;
const DUMP_ATTEMPTS = 5;

/** A message type and the name that errors give it. */
export type MessageType = Readonly<{ code: number; name: string }>;

export type NetlinkRequest = Readonly<{
  type: MessageType;
  /** Beyond NLM_F_REQUEST and those of the way it is sent: NLM_F_CREATE and the like. */
  flags?: number;
  /** Writes the payload. */
  body: (writer: MessageWriter) => void;
  /** What it is about, for messages: `10.0.0.1 on br0`. */
  what?: string;
}>;

/** Datagrams to and from the kernel, as a {@link NetlinkFd}. */
export type Datagrams = Disposable & Readonly<{ send: (bytes: Uint8Array) => void; receive: () => Uint8Array }>;

export class NetlinkSocket implements Disposable {
  readonly #socket: Datagrams;
  readonly #writer = new MessageWriter();
  #sequence = 0;

  /** Takes over `socket`. See {@link NetlinkSocket.open}. */
  constructor(socket: Datagrams) {
    this.#socket = socket;
  }

  /** Opens a socket that serves `netns` (default: this thread's namespace) for good. Throws SysError. */
  static open(protocol: number, netns?: Netns): NetlinkSocket {
    return new NetlinkSocket(NetlinkFd.open(protocol, netns));
  }

  /** Sends a request and waits for its acknowledgement. Throws NetlinkError; then nothing was changed. */
  request(request: NetlinkRequest): void {
    const [error] = this.batch([request]);
    if (error !== undefined) throw error;
  }

  /**
   * Sends many requests with few system calls, in order. It is no transaction: a failure does not stop those behind it. Returns each one's
   * error at its index. Requests up to some 150 kB reach the kernel in one call, so a kill does not come between them.
   */
  batch(requests: readonly NetlinkRequest[]): (NetlinkError | undefined)[] {
    const errors: (NetlinkError | undefined)[] = Array.from({ length: requests.length });
    // Written out before anything is sent: a request that cannot be encoded spoils nothing half-way.
    this.#writer.truncate();
    const sequence = this.#reserve(requests.length);
    const starts = requests.map(({ type, flags = 0, body }, index) => {
      const start = this.#writer.length;
      this.#writer.message(type.code, flags | NLM_F_REQUEST, sequence + index, body);
      return start;
    });
    for (let first = 0; first < requests.length;) {
      let last = first;
      const from = starts[first] ?? 0;
      while (last + 1 < requests.length && (starts[last + 2] ?? this.#writer.length) - from <= CHUNK_BYTES) last++;
      this.#writer.addFlags(starts[last] ?? 0, NLM_F_ACK);
      this.#socket.send(this.#writer.written().subarray(from, starts[last + 1] ?? this.#writer.length));
      this.#collect(requests, errors, { first, last, sequence });
      first = last + 1;
    }
    return errors;
  }

  /** Asks for one object. Throws NetlinkError, ENODEV or ENOENT if it is not there. */
  get(request: NetlinkRequest): Message {
    const sequence = this.#send(request, 0);
    for (;;) {
      for (const message of this.#receive(sequence)) {
        if (message.type === NLMSG_ERROR) throw outcomeError(message, request) ?? new Error(`${request.type.name} was answered by nothing`);
        return message;
      }
    }
  }

  /**
   * Reads a whole table. If it changes meanwhile the kernel says so, and it is read again; after five times NetlinkError EINTR – never a
   * short list.
   */
  dump(request: NetlinkRequest): Message[] {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const messages = this.#dumpOnce(request);
      if (messages !== undefined) return messages;
    }
    throw new NetlinkError({
      errno: errnoNumber('EINTR'),
      request: request.type.name,
      extAck: `the table changed during each of ${DUMP_ATTEMPTS} dumps`,
    });
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  /** Undefined if the dump was interrupted; it is read to its end all the same. */
  #dumpOnce(request: NetlinkRequest): Message[] | undefined {
    const sequence = this.#send(request, NLM_F_DUMP);
    const messages: Message[] = [];
    let interrupted = false;
    for (;;) {
      for (const message of this.#receive(sequence)) {
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
        if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
          const error = outcomeError(message, request);
          if (error !== undefined) throw error;
          return interrupted ? undefined : messages;
        }
        messages.push(message);
      }
    }
  }

  #send(request: NetlinkRequest, flags: number): number {
    const sequence = this.#reserve(1);
    this.#writer.truncate();
    this.#writer.message(request.type.code, (request.flags ?? 0) | flags | NLM_F_REQUEST, sequence, request.body);
    this.#socket.send(this.#writer.written());
    return sequence;
  }

  /** Notes the errors of the requests `first`…`last` of a batch whose numbers begin at `sequence`, up to the answer of the last. */
  #collect(
    requests: readonly NetlinkRequest[],
    errors: (NetlinkError | undefined)[],
    chunk: Readonly<{ first: number; last: number; sequence: number }>,
  ): void {
    for (;;) {
      for (const message of decodeMessages(this.#socket.receive())) {
        const index = message.sequence - chunk.sequence;
        const request = requests[index];
        if (message.type !== NLMSG_ERROR || request === undefined || index < chunk.first || index > chunk.last) continue;
        errors[index] = outcomeError(message, request);
        if (index === chunk.last) return;
      }
    }
  }

  #receive(sequence: number): Message[] {
    return decodeMessages(this.#socket.receive()).filter((message) => message.sequence === sequence && message.type !== NLMSG_NOOP);
  }

  /** Takes `count` sequence numbers and returns the first. They start anew long before the 32 bits of the field end. */
  #reserve(count: number): number {
    if (this.#sequence >= 0x4000_0000) this.#sequence = 0;
    const first = this.#sequence + 1;
    this.#sequence += count;
    return first;
  }
}

/** The error that a message reports, undefined if it reports success. */
function outcomeError(message: Message, request: NetlinkRequest): NetlinkError | undefined {
  const { errno, attributes } = decodeOutcome(message);
  if (errno === 0) return undefined;
  const details = attributes === undefined ? undefined : AttributeMap.decode(message.payload, attributes);
  const extAck = details?.text(NLMSGERR_ATTR_MSG);
  const offset = details?.u32(NLMSGERR_ATTR_OFFS);
  return new NetlinkError({
    errno,
    request: request.type.name,
    ...(request.what === undefined ? {} : { what: request.what }),
    ...(extAck === undefined ? {} : { extAck }),
    ...(offset === undefined ? {} : { offset }),
  });
}
