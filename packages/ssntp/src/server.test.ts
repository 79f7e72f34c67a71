import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from './fake-clock.ts';
import { plainFrame } from './frame.ts';
import { connectFrame } from './handshake.ts';
import { EventOperand, FrameType } from './operands.ts';
import { Role } from './role.ts';
import { SsntpServer } from './server.ts';
import { ScriptedStream, testUuid } from './test-support.ts';

const event = plainFrame(FrameType.EVENT, EventOperand.TenantAdded);

function bench(): { server: SsntpServer; events: string[]; warnings: object[]; connect: (n: number, address: string) => ScriptedStream } {
  const events: string[] = [];
  const warnings: object[] = [];
  const server = new SsntpServer(
    { uuid: testUuid(100), role: Role.Scheduler, configuration: () => undefined },
    {
      clock: new FakeClock(),
      handler: {
        connected: (session) => events.push(`+${session.address}`),
        disconnected: (session, reason) => events.push(`-${session.address} ${reason.code}`),
        frame: (session) => events.push(`frame ${session.address}`),
      },
      log: { debug() {}, info() {}, error() {}, warn: (fields) => warnings.push(fields) },
    },
  );
  const connect = (n: number, address: string): ScriptedStream => {
    const stream = new ScriptedStream({ roles: Role.CNAgent, uuid: testUuid(n), address });
    server.accept(stream);
    stream.arrive(connectFrame(testUuid(n), Role.CNAgent));
    stream.takeWritten();
    return stream;
  };
  return { server, events, warnings, connect };
}

test('frames go to the session of a UUID, and nowhere when there is none', () => {
  const { server, events, connect } = bench();
  const [a, b] = [connect(1, 'a'), connect(2, 'b')];
  assert.ok(server.send(testUuid(2), event));
  assert.deepEqual([a.takeWritten().length, b.takeWritten().length], [0, 1]);
  assert.ok(!server.send(testUuid(3), event));
  a.arrive(event);
  assert.deepEqual(events, ['+a', '+b', 'frame a']);
});

test('the newest connection of a UUID wins, and the older one is gone before it is there', () => {
  const { server, events, connect } = bench();
  const older = connect(1, 'older');
  const newer = connect(1, 'newer');
  assert.deepEqual(events, ['+older', '-older replaced', '+newer']);
  older.arrive(event);
  older.breakOff();
  assert.ok(server.send(testUuid(1), event));
  assert.equal(newer.takeWritten().length, 1);
  assert.deepEqual(events.length, 3, 'the end of the replaced connection is not told twice');
  assert.equal([...server.sessions()].length, 1);
});

test('a twin that fails its handshake disturbs nobody', () => {
  const { server, events, warnings, connect } = bench();
  connect(1, 'first');
  const twin = new ScriptedStream({ roles: Role.CNAgent, uuid: testUuid(2), address: 'twin' });
  server.accept(twin);
  twin.arrive(connectFrame(testUuid(1), Role.CNAgent));
  assert.deepEqual(events, ['+first']);
  assert.equal(warnings.length, 1);
  assert.ok(server.send(testUuid(1), event));
});

test('sessions can be closed one by one and all together, half-made ones included', () => {
  const { server, events, warnings, connect } = bench();
  connect(1, 'a');
  connect(2, 'b');
  const half = new ScriptedStream({ roles: Role.CNAgent, uuid: testUuid(3), address: 'half' });
  server.accept(half);
  server.close(testUuid(1));
  server.closeAll();
  assert.deepEqual(events, ['+a', '+b', '-a closed', '-b closed']);
  assert.equal(half.ended, 'close');
  assert.deepEqual(warnings, []);
  assert.deepEqual([...server.sessions()], []);
});
