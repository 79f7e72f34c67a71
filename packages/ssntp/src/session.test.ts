import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NIL_UUID } from '@weft/core/uuid';
import { FakeClock } from './fake-clock.ts';
import type { Frame } from './frame.ts';
import { framePayload, plainFrame, routedFrame } from './frame.ts';
import { connectFrame, connectedFrame } from './handshake.ts';
import { Command, ErrorOperand, EventOperand, FrameType, Status, frameName } from './operands.ts';
import { decodePayload } from './payload.ts';
import { Role } from './role.ts';
import type { CloseReason, SessionOptions, SessionSide } from './session.ts';
import { Session } from './session.ts';
import { ScriptedStream, testUuid } from './test-support.ts';

const node = testUuid(1);
const scheduler = testUuid(2);
const stranger = testUuid(3);
const event = plainFrame(FrameType.EVENT, EventOperand.TenantAdded, Buffer.from('{}'));

type Bench = Readonly<{ session: Session; stream: ScriptedStream; clock: FakeClock; events: string[]; reasons: CloseReason[] }>;

function open(side: SessionSide, options: Partial<SessionOptions>, stream: ScriptedStream): Bench {
  const clock = new FakeClock();
  const events: string[] = [];
  const reasons: CloseReason[] = [];
  const uuid = side.kind === 'server' ? scheduler : node;
  const role = side.kind === 'server' ? Role.Scheduler : Role.CNAgent;
  const handler = {
    established: (_: Session, payload: Uint8Array) => events.push(`established ${JSON.stringify(decodePayload(payload)) ?? 'nothing'}`),
    frame: (_: Session, frame: Frame) => events.push(frameName(frame.type, frame.operand)),
    closed: (_: Session, reason: CloseReason) => {
      events.push(`closed ${reason.code}`);
      reasons.push(reason);
    },
  };
  const session = new Session({ uuid, role, ...options }, side, { stream, clock, handler });
  return { session, stream, clock, events, reasons };
}

function openServer(options: Partial<SessionOptions> = {}, roles: number = Role.CNAgent): Bench {
  const side = { kind: 'server', configuration: () => ({ configure: { weft: 1 } }) } as const;
  return open(side, options, new ScriptedStream({ roles, uuid: node, address: 'test' }));
}

function openClient(options: Partial<SessionOptions> = {}, roles: number = Role.Scheduler): Bench {
  return open({ kind: 'client' }, options, new ScriptedStream({ roles, uuid: scheduler, address: 'test' }));
}

function establishServer(options: Partial<SessionOptions> = {}, role: number = Role.CNAgent): Bench {
  const bench = openServer(options, role);
  bench.stream.arrive(connectFrame(node, role));
  bench.stream.takeWritten();
  bench.events.length = 0;
  return bench;
}

function names(frames: readonly Frame[]): string[] {
  return frames.map((frame) => frameName(frame.type, frame.operand));
}

test('the server answers CONNECT with its identity and the configuration', () => {
  const { session, stream, events } = openServer();
  stream.arrive(connectFrame(node, Role.CNAgent));
  const [connected] = stream.takeWritten();
  assert.ok(connected?.body.kind === 'connected');
  assert.deepEqual([connected.body.role, connected.body.source, connected.body.destination], [Role.Scheduler, scheduler, node]);
  assert.deepEqual(decodePayload(framePayload(connected)), { configure: { weft: 1 } });
  assert.deepEqual(events, ['established nothing']);
  assert.deepEqual([session.peerUuid, session.peerRole], [node, Role.CNAgent]);
});

test('the client sends CONNECT first and is established by CONNECTED', () => {
  const { session, stream, events } = openClient();
  assert.deepEqual(stream.takeWritten(), [connectFrame(node, Role.CNAgent)]);
  assert.ok(!session.send(event), 'nothing may follow CONNECT before its answer');
  stream.arrive(connectedFrame(scheduler, Role.Scheduler, node, { configure: {} }));
  assert.deepEqual(events, ['established {"configure":{}}']);
  assert.ok(session.send(event));
  assert.deepEqual(names(stream.takeWritten()), ['EVENT TenantAdded']);
});

test('the server aborts a connection whose claim its certificate does not cover', () => {
  const cases: [string, number, Frame][] = [
    ['another role', Role.CNAgent, connectFrame(node, Role.Controller)],
    ['one role too many', Role.CNAgent, connectFrame(node, Role.CNAgent | Role.NetworkingAgent)],
    ['a role that does not exist', Role.CNAgent, connectFrame(node, 0x8000_0004)],
    ['no role', Role.CNAgent, connectFrame(node, 0)],
    ['another UUID', Role.CNAgent, connectFrame(stranger, Role.CNAgent)],
    ['the nil UUID', Role.CNAgent, connectFrame(NIL_UUID, Role.CNAgent)],
  ];
  for (const [name, roles, frame] of cases) {
    const { stream, events } = openServer({}, roles);
    stream.arrive(frame, event);
    assert.deepEqual(names(stream.takeWritten()), ['ERROR ConnectionAborted'], name);
    assert.deepEqual(events, ['closed connection_aborted'], name);
    assert.equal(stream.ended, 'close', name);
  }
});

test('a certificate without identity connects nobody', () => {
  const stream = new ScriptedStream({ roles: Role.CNAgent, uuid: undefined, address: 'test' });
  const { events } = open({ kind: 'server', configuration: () => undefined }, {}, stream);
  stream.arrive(connectFrame(node, Role.CNAgent));
  assert.deepEqual(events, ['closed connection_aborted']);
});

test('a peer may claim fewer roles than its certificate has', () => {
  const { session, stream } = openServer({}, Role.CNAgent | Role.NetworkingAgent);
  stream.arrive(connectFrame(node, Role.CNAgent));
  assert.equal(session.peerRole, Role.CNAgent);
});

test('the client turns away from a server that is none, is another, or means another', () => {
  const cases: [string, number, Frame][] = [
    ['role not in its certificate', Role.CNAgent, connectedFrame(scheduler, Role.Scheduler, node, {})],
    ['not a server role', Role.CNAgent, connectedFrame(scheduler, Role.CNAgent, node, {})],
    ['another UUID than its certificate', Role.Scheduler, connectedFrame(stranger, Role.Scheduler, node, {})],
    ['an answer to somebody else', Role.Scheduler, connectedFrame(scheduler, Role.Scheduler, stranger, {})],
    ['not an answer', Role.Scheduler, event],
  ];
  for (const [name, roles, frame] of cases) {
    const { stream, events } = openClient({}, roles);
    stream.takeWritten();
    stream.arrive(frame);
    assert.deepEqual(names(stream.takeWritten()), ['ERROR ConnectionFailure'], name);
    assert.match(events.join(), /^closed connection_(aborted|failed)$/, name);
  }
});

test('a first frame that is not CONNECT, rubbish, or none in time, fails the connection', () => {
  const early = openServer();
  early.stream.arrive(event);
  assert.deepEqual(early.events, ['closed connection_failed']);
  const rubbish = openServer();
  rubbish.stream.arriveBytes(Buffer.from('GET / HTTP/1.1\r\n'));
  assert.deepEqual(rubbish.events, ['closed invalid_frame']);
  const silent = openServer({ handshakeTimeoutMs: 3_000 });
  silent.clock.advance(2_999);
  assert.deepEqual(silent.events, []);
  silent.clock.advance(1);
  assert.deepEqual(silent.events, ['closed connection_failed']);
  for (const bench of [early, rubbish, silent]) assert.deepEqual(names(bench.stream.takeWritten()), ['ERROR ConnectionFailure']);
});

test('a second CONNECT ends an established session', () => {
  const { stream, events } = establishServer();
  stream.arrive(connectFrame(node, Role.CNAgent));
  assert.deepEqual(events, ['closed connection_failed']);
});

test('frames of one chunk are delivered in order, and none after the one that ended the session', () => {
  const { session, stream, events } = establishServer();
  stream.arrive(event, plainFrame(FrameType.STATUS, Status.FULL));
  assert.deepEqual(events, ['EVENT TenantAdded', 'STATUS FULL']);
  session.close();
  stream.arrive(event);
  assert.deepEqual(events.slice(2), ['closed closed']);
});

test('an unknown type or operand is answered InvalidFrameType and changes nothing else', () => {
  const { session, stream, events } = establishServer();
  stream.arrive(plainFrame(FrameType.COMMAND, 77), plainFrame(9, 0), plainFrame(FrameType.EVENT, 6), event);
  assert.deepEqual(names(stream.takeWritten()), Array(3).fill('ERROR InvalidFrameType'));
  assert.deepEqual(events, ['EVENT TenantAdded']);
  assert.ok(session.send(event));
});

test('an unknown error is not answered: two peers would never stop', () => {
  const { stream, events } = establishServer();
  stream.arrive(plainFrame(FrameType.ERROR, 99));
  assert.deepEqual(stream.takeWritten(), []);
  assert.deepEqual(events, []);
});

test('a framing fault ends the session with an ERROR frame', () => {
  const { stream, events, reasons } = establishServer();
  stream.arriveBytes(Buffer.from('0100030000200000', 'hex'));
  assert.deepEqual(names(stream.takeWritten()), ['ERROR ConnectionFailure']);
  assert.deepEqual(events, ['closed invalid_frame']);
  assert.match(reasons[0]?.message ?? '', /2097152 bytes announced/);
});

test('Ping is answered by Pong, and neither reaches the handler', () => {
  const { stream, events } = establishServer();
  stream.arrive(routedFrame(FrameType.COMMAND, Command.Ping, NIL_UUID), routedFrame(FrameType.STATUS, Status.Pong, NIL_UUID));
  assert.deepEqual(names(stream.takeWritten()), ['STATUS Pong']);
  assert.deepEqual(events, []);
});

test('three silent intervals end the session, any frame in between keeps it', () => {
  const { stream, clock, events } = establishServer({ heartbeatMs: 100 });
  clock.advance(300);
  assert.deepEqual(names(stream.takeWritten()), Array(3).fill('COMMAND Ping'));
  stream.arrive(event);
  clock.advance(300);
  assert.deepEqual(events, ['EVENT TenantAdded']);
  clock.advance(100);
  assert.deepEqual(events.slice(1), ['closed heartbeat_lost']);
  assert.equal(stream.ended, 'destroy');
  assert.equal(clock.pending, 0, 'no timer outlives the session');
});

test('gateways and controllers beat every second, compute nodes every five', () => {
  for (const [role, interval] of [
    [Role.NetworkingAgent, 1_000],
    [Role.CNAgent | Role.NetworkingAgent, 1_000],
    [Role.CNCIAgent, 1_000],
    [Role.Controller, 1_000],
    [Role.CNAgent, 5_000],
  ] as const) {
    const { stream, clock } = establishServer({}, role);
    clock.advance(interval - 1);
    assert.deepEqual(stream.takeWritten(), [], `role ${role}`);
    clock.advance(1);
    assert.deepEqual(names(stream.takeWritten()), ['COMMAND Ping'], `role ${role}`);
  }
});

test('a peer that does not read is cut off at the limit of its queue', () => {
  const { session, stream, events } = establishServer({ maxQueuedBytes: 1_000 });
  stream.bufferedBytes = 990;
  assert.ok(session.send(event));
  stream.bufferedBytes = 1_000;
  assert.ok(!session.send(event));
  assert.deepEqual(events, ['closed slow_peer']);
  assert.equal(stream.ended, 'destroy');
  assert.ok(!session.send(event));
});

test('a refusal by the server reaches the client as such', () => {
  const { stream, events } = openClient();
  stream.arrive(plainFrame(FrameType.ERROR, ErrorOperand.ConnectionAborted));
  assert.deepEqual(events, ['closed connection_aborted']);
});

test('the end of the stream ends the session once, with or without an error', () => {
  const broken = establishServer();
  broken.stream.breakOff(new Error('reset'));
  broken.stream.breakOff();
  assert.deepEqual(broken.events, ['closed transport_failed']);
  const left = establishServer();
  left.stream.breakOff();
  assert.deepEqual(left.events, ['closed peer_closed']);
});

test('a closed session whose peer does not take its last bytes is cut after a while', () => {
  const { session, stream, clock } = establishServer();
  session.close();
  assert.equal(stream.ended, 'close');
  clock.advance(2_000);
  assert.equal(stream.ended, 'destroy');
  const prompt = establishServer();
  prompt.session.close();
  prompt.stream.breakOff();
  assert.equal(prompt.clock.pending, 0);
});
