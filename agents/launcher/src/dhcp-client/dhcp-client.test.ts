import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import type { DhcpMessage } from '@weft/core/packet/dhcp';
import type { DhcpMessageType } from '@weft/core/packet/dhcp-options';
import { FakeClock } from '@weft/ssntp/fake-clock';
import { recordingLog } from '../test-support.ts';
import { DhcpClient } from './dhcp-client.ts';
import type { DhcpAnswer, DhcpEnvelope } from './dhcp-socket.ts';
import type { Lease } from './lease.ts';

const MAC = '02:00:00:00:00:01' as Mac;
const SERVER = '10.88.0.200' as Ipv4;
const SERVER_MAC = '02:00:00:00:00:fe' as Mac;
const LEASE_SECONDS = 3600;
const HOUR_MS = 3_600_000;

/** An interface, a wire with one server on it, and a client that can be ended and begun anew. */
class Bench {
  readonly clock = new FakeClock();
  readonly log = recordingLog();
  /** What the interface has. */
  address: Ipv4 | undefined;
  saved: Lease | undefined;
  /** What was sent, in short: `discover *`, `request 10.88.0.70 *`, `request 10.88.0.70 10.88.0.200`. */
  readonly sent: string[] = [];
  /** Which address the server gives; none: it is silent. */
  pool: Ipv4 | undefined = '10.88.0.70' as Ipv4;
  leaseSeconds = LEASE_SECONDS;
  /** Addresses that the server refuses. */
  readonly refused = new Set<Ipv4>();
  broken: Error | undefined;
  /** The interface takes no address. */
  full = false;
  /** Of whom the answers speak. */
  disguise: Partial<DhcpMessage> = {};
  #random = 0;
  readonly #waiting: DhcpAnswer[] = [];
  client = this.#make();

  #make(): DhcpClient {
    return new DhcpClient(
      { mac: MAC, hostname: 'machine' },
      {
        open: () => {
          if (this.broken !== undefined) throw this.broken;
          return {
            send: (message, envelope) => this.#serve(message, envelope),
            receive: () => this.#waiting.shift(),
            [Symbol.dispose]: () => void this.#waiting.splice(0),
          };
        },
        put: ({ address }) => {
          if (this.full) throw new Error('ENODEV');
          this.address = address;
        },
        remove: ({ address }) => void (this.address = this.address === address ? undefined : this.address),
        saved: { load: () => this.saved, save: (lease) => void (this.saved = lease) },
        clock: this.clock,
        wallMs: () => this.clock.now(),
        // Never the same transaction twice, and half of what windows may vary by.
        random: () => (this.#random = (this.#random + 0.37) % 1),
        log: this.log,
      },
    );
  }

  restart(): void {
    this.client.stop();
    this.client = this.#make();
    this.client.start();
  }

  take(): string[] {
    return this.sent.splice(0);
  }

  messages(level: 'warn' | 'info'): string[] {
    return this.log.lines.filter((line) => line.level === level).map(({ message }) => message);
  }

  #serve(message: DhcpMessage, { source, to }: DhcpEnvelope): void {
    const { messageType, requestedAddress } = message.options;
    assert.equal(message.hardwareAddress, MAC);
    assert.equal(source, message.clientAddress);
    const wish = requestedAddress ?? (message.clientAddress === '0.0.0.0' ? undefined : message.clientAddress);
    this.sent.push([messageType, wish, to.ip === '255.255.255.255' ? '*' : to.ip].filter((part) => part !== undefined).join(' '));
    if (this.pool === undefined) return;
    const reply = (type: DhcpMessageType, yourAddress: Ipv4): void => {
      const options = { messageType: type, server: SERVER, leaseSeconds: this.leaseSeconds, subnetMask: '255.255.255.0' as Ipv4 };
      this.#waiting.push({ message: { ...message, op: 'reply', yourAddress, options, ...this.disguise }, from: SERVER_MAC });
    };
    if (messageType === 'discover') return reply('offer', this.pool);
    if (wish !== undefined && this.refused.has(wish)) return reply('nak', '0.0.0.0' as Ipv4);
    reply('ack', wish ?? this.pool);
  }
}

function bound(): Bench {
  const bench = new Bench();
  bench.client.start();
  bench.clock.advance(100);
  assert.equal(bench.address, '10.88.0.70');
  bench.take();
  return bench;
}

test('an address is asked for, offered, taken and saved', () => {
  const bench = new Bench();
  bench.client.start();
  bench.clock.advance(100);
  assert.deepEqual(bench.take(), ['discover *', 'request 10.88.0.70 *']);
  assert.deepEqual([bench.address, bench.client.lease?.address, bench.saved?.address], ['10.88.0.70', '10.88.0.70', '10.88.0.70']);
  assert.deepEqual(bench.messages('info'), ['address leased']);
});

test('while nobody answers it asks again, more and more seldom, and says so once', () => {
  const bench = new Bench();
  bench.pool = undefined;
  bench.client.start();
  bench.clock.advance(HOUR_MS);
  const questions = bench.take().length;
  assert.ok(questions > 50 && questions < 70, `${questions} questions in an hour`);
  assert.deepEqual(bench.messages('warn'), ['no DHCP server answers, asking again']);
  bench.pool = '10.88.0.70' as Ipv4;
  bench.clock.advance(70_000);
  assert.equal(bench.address, '10.88.0.70');
});

test('half its time on, the lease is renewed by its server, without a word in the log', () => {
  const bench = bound();
  const end = bench.saved!.endsAtMs;
  bench.clock.advance(HOUR_MS / 2 - 1000);
  assert.deepEqual(bench.take(), []);
  bench.clock.advance(2000);
  assert.deepEqual(bench.take(), ['request 10.88.0.70 10.88.0.200']);
  assert.ok(bench.saved!.endsAtMs >= end + HOUR_MS / 2 - 1000);
  bench.clock.advance(48 * HOUR_MS);
  assert.equal(bench.take().length, 96, 'twice an hour');
  assert.equal(bench.log.lines.length, 1, 'the first one only');
});

test('a server that is gone is asked once a minute at most, then every server is, and at the end the address goes', () => {
  const bench = bound();
  bench.pool = undefined;
  bench.clock.advance(0.875 * HOUR_MS - 1000);
  const asked = bench.take();
  assert.ok(asked.length > 2 && asked.length < 30, `${asked.length} times`);
  assert.ok(asked.every((text) => text === 'request 10.88.0.70 10.88.0.200'));
  bench.clock.advance(0.125 * HOUR_MS);
  assert.equal(bench.take().at(-1), 'request 10.88.0.70 *');
  assert.equal(bench.address, '10.88.0.70');
  bench.clock.advance(2000);
  assert.deepEqual([bench.address, bench.client.lease, bench.saved], [undefined, undefined, undefined]);
  assert.equal(bench.messages('warn').at(-1), 'the leased address is given up');
  bench.pool = '10.88.0.71' as Ipv4;
  bench.clock.advance(70_000);
  assert.equal(bench.address, '10.88.0.71');
});

test('a server that came back before the end renews, also when it is another one', () => {
  const bench = bound();
  bench.pool = undefined;
  bench.clock.advance(0.9 * HOUR_MS);
  bench.pool = '10.88.0.99' as Ipv4;
  bench.clock.advance(0.1 * HOUR_MS - 1000);
  assert.deepEqual([bench.address, bench.client.lease?.address], ['10.88.0.70', '10.88.0.70']);
  assert.ok(bench.saved!.endsAtMs > bench.clock.now() + HOUR_MS / 2);
});

test('an address that is refused at its renewal is given up for another one: the network was renumbered', () => {
  const bench = bound();
  bench.refused.add('10.88.0.70' as Ipv4);
  bench.pool = '10.88.0.80' as Ipv4;
  bench.clock.advance(HOUR_MS / 2 + 5000);
  assert.deepEqual([bench.address, bench.saved?.address], ['10.88.0.80', '10.88.0.80']);
});

test('the next process has the address at once, and confirms it beside', () => {
  const bench = bound();
  bench.address = undefined;
  bench.restart();
  assert.equal(bench.address, '10.88.0.70', 'before a word was exchanged');
  bench.clock.advance(100);
  assert.deepEqual(bench.take(), ['request 10.88.0.70 *']);
  bench.pool = undefined;
  bench.restart();
  bench.clock.advance(60_000);
  assert.deepEqual([bench.take().length, bench.address], [3, '10.88.0.70'], 'who says nothing does not mind');
  bench.pool = '10.88.0.90' as Ipv4;
  bench.refused.add('10.88.0.70' as Ipv4);
  bench.restart();
  bench.clock.advance(100);
  assert.equal(bench.address, undefined, 'refused');
  bench.clock.advance(10_000);
  assert.equal(bench.address, '10.88.0.90');
  bench.client.stop();
  bench.clock.advance(2 * HOUR_MS);
  bench.take();
  bench.restart();
  bench.clock.advance(100);
  assert.deepEqual(bench.take(), ['discover *', 'request 10.88.0.90 *'], 'an old lease is none');
});

test('an address that somebody takes away is put back', () => {
  const bench = bound();
  bench.address = undefined;
  bench.clock.advance(10_000);
  assert.equal(bench.address, '10.88.0.70');
});

test('answers to others, of others or without sense are none', () => {
  for (const disguise of [
    { transactionId: 7 },
    { hardwareAddress: SERVER_MAC },
    { options: {} },
    { options: { messageType: 'inform' as const } },
  ]) {
    const bench = new Bench();
    bench.disguise = disguise;
    bench.client.start();
    bench.clock.advance(100_000);
    assert.equal(bench.address, undefined, JSON.stringify(disguise));
  }
  const bench = new Bench();
  bench.leaseSeconds = 0;
  bench.client.start();
  bench.clock.advance(100_000);
  assert.equal(bench.address, undefined);
  assert.deepEqual(bench.messages('warn'), ['a lease cannot be used, asking for another one']);
  assert.ok(bench.take().length < 120, 'not in a rush');
});

test('an interface that cannot be used is tried again', () => {
  const bench = new Bench();
  bench.broken = new Error('ENETDOWN');
  bench.client.start();
  bench.clock.advance(60_000);
  assert.deepEqual([bench.address, bench.messages('warn').length], [undefined, 1]);
  bench.broken = undefined;
  bench.clock.advance(70_000);
  assert.equal(bench.address, '10.88.0.70');
});

test('a lease that makes no sense, or that the interface does not take, costs nothing of the one that is held', () => {
  for (const spoil of [{ leaseSeconds: 0 }, { full: true }]) {
    const bench = bound();
    Object.assign(bench, spoil);
    bench.clock.advance(HOUR_MS - 1000);
    assert.deepEqual([bench.address, bench.client.lease?.address], ['10.88.0.70', '10.88.0.70']);
    bench.clock.advance(70_000);
    assert.deepEqual([bench.address, bench.client.lease], [undefined, undefined], 'it has ended');
  }
});

test('after stop nothing is asked, no timer is left, and the address stays', () => {
  const bench = bound();
  bench.client.stop();
  bench.clock.advance(2 * HOUR_MS);
  assert.deepEqual([bench.take(), bench.clock.pending, bench.address], [[], 0, '10.88.0.70']);
});

test('whatever the server does, the interface has what is leased and nothing that has ended, and a good server is found again', () => {
  const step = fc.record({
    pool: fc.constantFrom(undefined, '10.88.0.70', '10.88.0.71', '10.88.0.72'),
    refused: fc.subarray(['10.88.0.70', '10.88.0.71', '10.88.0.72']),
    leaseSeconds: fc.constantFrom(0, 1, 60, 3600, 0xffff_ffff),
    broken: fc.boolean(),
    full: fc.boolean(),
    act: fc.constantFrom('wait', 'wait', 'restart', 'steal'),
    ms: fc.constantFrom(50, 1000, 30_000, HOUR_MS / 2, HOUR_MS),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const bench = new Bench();
      bench.client.start();
      let stolen = false;
      for (const { pool, refused, leaseSeconds, broken, full, act, ms } of steps) {
        bench.pool = pool as Ipv4 | undefined;
        bench.refused.clear();
        for (const address of refused) bench.refused.add(address as Ipv4);
        bench.leaseSeconds = leaseSeconds;
        bench.broken = broken ? new Error('down') : undefined;
        if (act === 'restart') bench.restart();
        bench.full = full;
        stolen ||= act === 'steal' || full;
        if (act === 'steal') bench.address = undefined;
        bench.clock.advance(ms);
        const lease = bench.client.lease;
        // What was stolen is back a while later, unless it has ended meanwhile.
        if (!stolen || bench.address !== undefined) assert.equal(bench.address, lease?.address);
        // A question that is under way is waited for; then the end is seen.
        if (lease !== undefined) assert.ok(lease.endsAtMs > bench.clock.now() - 70_000, 'it has ended long since');
      }
      Object.assign(bench, { pool: '10.88.0.70', leaseSeconds: LEASE_SECONDS, broken: undefined, full: false });
      bench.refused.clear();
      bench.clock.advance(100_000);
      assert.ok(bench.address !== undefined && bench.address === bench.client.lease?.address);
    }),
  );
});
