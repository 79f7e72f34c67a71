import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NIL_UUID } from '@weft/core/uuid';
import type { ByteStream } from './byte-stream.ts';
import type { Connect, SsntpClientOptions } from './client.ts';
import { SsntpClient } from './client.ts';
import { FakeClock } from './fake-clock.ts';
import type { Frame } from './frame.ts';
import { framePayload, plainFrame } from './frame.ts';
import { connectedFrame } from './handshake.ts';
import { Command, ErrorOperand, EventOperand, FrameType, frameName } from './operands.ts';
import { decodePayload } from './payload.ts';
import { replyFrame } from './payloads/request.ts';
import { ConnectionLost, NotConnected, RemoteError, RequestTimedOut } from './pending-requests.ts';
import { Role } from './role.ts';
import { ScriptedStream, settle, testUuid } from './test-support.ts';

const self = testUuid(1);
const scheduler = testUuid(2);
const controller = testUuid(3);
const event = plainFrame(FrameType.EVENT, EventOperand.NodeConnected);

/** What happens at each attempt to connect: an error, or a stream. */
type Step = Error | ScriptedStream;

class Bench {
  readonly clock = new FakeClock();
  readonly events: string[] = [];
  readonly logged: string[] = [];
  readonly attempts: string[] = [];
  readonly client: SsntpClient;

  constructor(options: Partial<SsntpClientOptions> & { connect: Connect | Connect[] }) {
    const log = (level: string) => (_: object, message: string) => this.logged.push(`${level}: ${message}`);
    this.client = new SsntpClient(
      { uuid: self, role: Role.CNAgent, heartbeatMs: 1e9, ...options },
      {
        clock: this.clock,
        random: () => 0.5,
        handler: {
          connected: (configuration, uuid) => this.events.push(`connected ${uuid === scheduler} ${JSON.stringify(configuration)}`),
          disconnected: ({ code }) => this.events.push(`disconnected ${code}`),
          frame: (frame) => this.events.push(frameName(frame.type, frame.operand)),
        },
        log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
      },
    );
    this.client.start();
  }
}

/** Takes its steps in order and stays with the last. */
function script(...steps: Step[]): { connect: Connect; count: () => number } {
  let count = 0;
  const connect = async (): Promise<ByteStream> => {
    const step = steps[Math.min(count++, steps.length - 1)];
    if (step instanceof ScriptedStream) return step;
    throw step ?? new Error('no step');
  };
  return { connect, count: () => count };
}

function stream(): ScriptedStream {
  return new ScriptedStream({ roles: Role.Scheduler, uuid: scheduler, address: 'test' });
}

/** A bench whose client is connected over the returned stream. */
async function connected(): Promise<Bench & { stream: ScriptedStream }> {
  const only = stream();
  const bench = new Bench({ connect: script(only, new Error('down')).connect });
  await settle();
  only.arrive(connectedFrame(scheduler, Role.Scheduler, self, undefined));
  only.takeWritten();
  bench.events.length = 0;
  return Object.assign(bench, { stream: only });
}

function requestId(frame: Frame | undefined): string {
  assert.ok(frame !== undefined);
  return (decodePayload(framePayload(frame)) as { id: string }).id;
}

test('a client connects, hands over the configuration, and then frames in order', async () => {
  const only = stream();
  const bench = new Bench({ connect: script(only).connect });
  await settle();
  assert.ok(!bench.client.connected && !bench.client.send(event));
  only.arrive(connectedFrame(scheduler, Role.Scheduler, self, { configure: {} }), event, plainFrame(FrameType.COMMAND, Command.DELETE));
  assert.deepEqual(bench.events, ['connected true {"configure":{}}', 'EVENT NodeConnected', 'COMMAND DELETE']);
  assert.ok(bench.client.connected && bench.client.send(event));
  await bench.client.close();
  assert.deepEqual(bench.events.slice(3), ['disconnected closed']);
  assert.ok(!bench.client.connected && !bench.client.send(event));
});

test('it tries for ever, with pauses that double from 0.2 s to 5 s', async () => {
  const attempts = script(new Error('refused'));
  const bench = new Bench({ connect: attempts.connect });
  await settle();
  // Jitter is 0.5…1 of the nominal pause; the bench's random number makes it 0.75.
  for (const [index, nominal] of [200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000].entries()) {
    assert.equal(attempts.count(), index + 1);
    bench.clock.advance(0.75 * nominal - 1);
    await settle();
    assert.equal(attempts.count(), index + 1, `too early after attempt ${index + 1}`);
    bench.clock.advance(1);
    await settle();
  }
  assert.equal(bench.logged.length, 1, 'one fault, one line');
  await bench.client.close();
  assert.equal(bench.clock.pending, 0);
});

test('candidates are tried in order within one round', async () => {
  const [first, third] = [script(new Error('dead')), script(new Error('never'))];
  const second = stream();
  const bench = new Bench({ connect: [first.connect, script(second).connect, third.connect] });
  await settle();
  second.arrive(connectedFrame(scheduler, Role.Scheduler, self, undefined));
  assert.deepEqual(bench.events, ['connected true undefined']);
  assert.equal(third.count(), 0);
  await bench.client.close();
});

test('a lost connection is told, and made again', async () => {
  const [first, second] = [stream(), stream()];
  const bench = new Bench({ connect: script(first, second).connect });
  await settle();
  first.arrive(connectedFrame(scheduler, Role.Scheduler, self, undefined));
  bench.clock.advance(10_000);
  first.breakOff(new Error('reset'));
  await settle();
  bench.clock.advance(150);
  await settle();
  second.arrive(connectedFrame(scheduler, Role.Scheduler, self, undefined));
  assert.deepEqual(bench.events, ['connected true undefined', 'disconnected transport_failed', 'connected true undefined']);
  await bench.client.close();
});

test('a session from an address that is gone ends at once, and no other does', async () => {
  const bench = await connected();
  bench.client.localAddressesChanged(() => true);
  assert.equal(bench.stream.ended, undefined, 'a transport without addresses');
  bench.stream.localAddress = '10.88.0.3';
  bench.client.localAddressesChanged((address) => address === '192.168.0.3');
  assert.equal(bench.stream.ended, undefined);
  bench.client.localAddressesChanged((address) => address === '10.88.0.3');
  assert.equal(bench.stream.ended, 'destroy');
  bench.stream.breakOff(new Error('destroyed'));
  await settle();
  assert.deepEqual(bench.events, ['disconnected transport_failed']);
  bench.client.localAddressesChanged(() => true);
  await bench.client.close();
});

test('sessions that end at once are retried with growing pauses, so that twins do not fight at full speed', async () => {
  const streams = Array.from({ length: 4 }, stream);
  const attempts = script(...streams);
  const bench = new Bench({ connect: attempts.connect });
  for (const [index, each] of streams.slice(0, 3).entries()) {
    await settle();
    assert.equal(attempts.count(), index + 1);
    each.arrive(connectedFrame(scheduler, Role.Scheduler, self, undefined));
    each.breakOff();
    await settle();
    bench.clock.advance(0.75 * 200 * 2 ** index - 1);
    await settle();
    assert.equal(attempts.count(), index + 1, `pause ${index}`);
    bench.clock.advance(1);
  }
  await settle();
  assert.equal(attempts.count(), 4);
  await bench.client.close();
});

test('a refused role or identity is logged as an error and retried slowly', async () => {
  const [first, second] = [stream(), stream()];
  const attempts = script(first, second);
  const bench = new Bench({ connect: attempts.connect });
  await settle();
  first.arrive(plainFrame(FrameType.ERROR, ErrorOperand.ConnectionAborted));
  await settle();
  assert.deepEqual(bench.logged, ['error: not connected to the scheduler, trying again']);
  bench.clock.advance(0.75 * 15_000 - 1);
  await settle();
  assert.equal(attempts.count(), 1);
  bench.clock.advance(1);
  await settle();
  assert.equal(attempts.count(), 2);
  await bench.client.close();
});

test('closing during an attempt, a handshake or a pause leaves nothing behind', async () => {
  let aborted = false;
  const hanging = new Bench({
    connect: (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(signal.reason as Error);
        });
      }),
  });
  await settle();
  await hanging.client.close();
  assert.ok(aborted);
  const half = stream();
  const shaking = new Bench({ connect: script(half).connect });
  await settle();
  await shaking.client.close();
  assert.equal(half.ended, 'close');
  const pausing = new Bench({ connect: script(new Error('down')).connect });
  await settle();
  await pausing.client.close();
  await pausing.client.close();
  assert.equal(pausing.clock.pending, 0);
  assert.deepEqual(
    [hanging, shaking, pausing].flatMap(({ events }) => events),
    [],
  );
});

test('a request is answered by the reply of its id, and other replies reach the handler', async () => {
  const { client, stream, events } = await connected();
  const [first, second] = [client.request('port', { id: 1 }), client.request('port', { id: 2 })];
  const frames = stream.takeWritten();
  assert.ok(frames[0]?.body.kind === 'routed');
  assert.equal(frames[0].body.destination, NIL_UUID);
  assert.deepEqual(decodePayload(framePayload(frames[0])), { id: requestId(frames[0]), op: 'port', body: { id: 1 } });
  const [firstId, secondId] = frames.map(requestId);
  stream.arrive(
    replyFrame(self, { id: secondId ?? '', ok: { b: 2 } }),
    replyFrame(self, { id: 'not-ours', ok: 1 }),
    replyFrame(self, { id: firstId ?? '', ok: undefined }),
  );
  assert.deepEqual(await Promise.all([first, second]), [undefined, { b: 2 }]);
  assert.deepEqual(events, ['STATUS Reply']);
  await client.close();
});

test("the other side's error comes out with its code and details", async () => {
  const { client, stream } = await connected();
  const answer = client.request('port', null);
  const id = requestId(stream.takeWritten()[0]);
  const error = { code: 'pool_exhausted', message: 'no address left', details: { pool: 'p' }, retryable: true };
  stream.arrive(replyFrame(self, { id, error }));
  await assert.rejects(answer, (thrown) => {
    assert.ok(thrown instanceof RemoteError);
    assert.deepEqual([thrown.code, thrown.details, thrown.retryable], ['pool_exhausted', { pool: 'p' }, true]);
    assert.equal(thrown.message, 'request port: no address left');
    return true;
  });
  await client.close();
});

test('a request to one peer takes no reply from another', async () => {
  const { client, stream, clock } = await connected();
  const answer = client.request('probe', null, { destination: controller, timeoutMs: 500 });
  const id = requestId(stream.takeWritten()[0]);
  const from = (origin: typeof self, ok: string): Frame => {
    const frame = replyFrame(self, { id, ok });
    return { ...frame, body: { ...frame.body, origin } };
  };
  stream.arrive(from(testUuid(9), 'forged'), from(controller, 'true'));
  assert.equal(await answer, 'true');
  assert.equal(clock.pending, 1, 'only the heartbeat is left');
  await client.close();
});

test('a request ends with its deadline, its signal, or its connection, whichever comes first', async () => {
  const { client, stream, clock } = await connected();
  const late = client.request('slow', null, { timeoutMs: 100 });
  const stop = new AbortController();
  const stopped = client.request('slow', null, { signal: stop.signal });
  const lost = client.request('slow', null);
  const rejections = Promise.all([
    assert.rejects(late, RequestTimedOut),
    assert.rejects(stopped, /enough/),
    assert.rejects(lost, ConnectionLost),
  ]);
  clock.advance(100);
  stop.abort(new Error('enough'));
  stream.breakOff();
  await rejections;
  await assert.rejects(client.request('slow', null), NotConnected);
  await assert.rejects(client.request('slow', null, { signal: stop.signal }), /enough/);
  await client.close();
  assert.equal(clock.pending, 0);
});

test('a configuration that cannot be read is undefined, and the connection stands', async () => {
  const only = stream();
  const bench = new Bench({ connect: script(only).connect });
  await settle();
  const frame = connectedFrame(scheduler, Role.Scheduler, self, undefined);
  assert.ok(frame.body.kind === 'connected');
  only.arrive({ ...frame, body: { ...frame.body, payload: Uint8Array.of(0xff) } });
  assert.deepEqual(bench.events, ['connected true undefined']);
  assert.ok(bench.logged.some((line) => line.startsWith('error:')));
  await bench.client.close();
});
