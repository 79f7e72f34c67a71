/** What every transport must do: run by the tests of each. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ByteStream } from './byte-stream.ts';
import type { Connect } from './client.ts';
import { SsntpClient } from './client.ts';
import { systemClock } from './clock.ts';
import type { Frame } from './frame.ts';
import { framePayload, plainFrame } from './frame.ts';
import { Command, EventOperand, FrameType, frameName } from './operands.ts';
import { decodePayload, encodePayload } from './payload.ts';
import { parseRequest, replyFrame } from './payloads/request.ts';
import { Role } from './role.ts';
import { SsntpServer } from './server.ts';
import type { Session } from './session.ts';
import { testUuid, until } from './test-support.ts';

/** The identities that a transport under test must give its two ends. */
export const CONTRACT_CLIENT = { uuid: testUuid(1), roles: Role.CNAgent | Role.NetworkingAgent } as const;
export const CONTRACT_SERVER = { uuid: testUuid(2), roles: Role.Scheduler } as const;

export type TransportUnderTest = Readonly<{ connect: Connect }> & AsyncDisposable;

export function transportContract(name: string, open: (onStream: (stream: ByteStream) => void) => Promise<TransportUnderTest>): void {
  /** Two connected ends. */
  async function pair(): Promise<{ client: ByteStream; server: ByteStream; transport: TransportUnderTest }> {
    const accepted = Promise.withResolvers<ByteStream>();
    const transport = await open(accepted.resolve);
    const client = await transport.connect(new AbortController().signal);
    return { client, server: await accepted.promise, transport };
  }

  suite(`the ${name} transport`, () => {
    test('tells each end who the other is', async () => {
      const { client, server, transport } = await pair();
      assert.deepEqual([client.peer.uuid, client.peer.roles], [CONTRACT_SERVER.uuid, CONTRACT_SERVER.roles]);
      assert.deepEqual([server.peer.uuid, server.peer.roles], [CONTRACT_CLIENT.uuid, CONTRACT_CLIENT.roles]);
      client.destroy();
      server.destroy();
      await transport[Symbol.asyncDispose]();
    });

    test('delivers bytes in order, not within the call, and what was written before close', async () => {
      const { client, server, transport } = await pair();
      const received: Uint8Array[] = [];
      let closed = 0;
      server.onClose((error) => {
        assert.equal(error, undefined);
        closed++;
      });
      client.onClose(() => closed++);
      client.onData(() => {});
      const sent = Array.from({ length: 200 }, (_, index) => new Uint8Array(1 + ((index * 37) % 3_000)).fill(index));
      for (const bytes of sent) client.write(bytes);
      client.close();
      server.onData((bytes) => received.push(bytes.slice()));
      assert.equal(received.length, 0);
      await until(() => closed === 2, 'both ends closed');
      assert.deepEqual(Buffer.concat(received), Buffer.concat(sent));
      assert.ok(!client.write(Uint8Array.of(1)), 'nothing can be written after the end');
      await transport[Symbol.asyncDispose]();
    });

    test('says when much is buffered, and when it is gone', async () => {
      const { client, server, transport } = await pair();
      let drained = 0;
      let received = 0;
      client.onDrain(() => drained++);
      let taken = true;
      for (let n = 0; n < 100 && taken; n++) taken = client.write(new Uint8Array(1024 * 1024));
      assert.ok(!taken);
      assert.ok(client.bufferedBytes > 0);
      server.onData((bytes) => (received += bytes.length));
      await until(() => drained > 0, 'drained');
      await until(() => client.bufferedBytes === 0 && received > 0, 'nothing left');
      client.destroy();
      server.destroy();
      await transport[Symbol.asyncDispose]();
    });

    test('destroy ends both ends, and a listener that comes late still hears of it', async () => {
      const { client, server, transport } = await pair();
      let closed = 0;
      server.onData(() => {});
      server.onClose(() => closed++);
      client.onClose(() => closed++);
      client.destroy();
      await until(() => closed === 2, 'both ends closed');
      client.onClose(() => closed++);
      await until(() => closed === 3, 'the late listener ran');
      client.destroy();
      await transport[Symbol.asyncDispose]();
    });

    test('carries a session: configuration, frames in order, request and reply, and comes back after a loss', async () => {
      const atServer: string[] = [];
      const atClient: string[] = [];
      let connections = 0;
      const server: SsntpServer = new SsntpServer(
        { uuid: CONTRACT_SERVER.uuid, role: Role.Scheduler, configuration: () => ({ configure: { weft: 'x' } }) },
        {
          clock: systemClock,
          handler: {
            connected: () => connections++,
            disconnected: (_, reason) => atServer.push(reason.code),
            frame: (session: Session, frame: Frame) => {
              atServer.push(`${frameName(frame.type, frame.operand)} ${framePayload(frame).length}`);
              if (frame.body.kind !== 'routed') return;
              const { id, body } = parseRequest(decodePayload(frame.body.payload));
              session.send(replyFrame(session.peerUuid, { id, ok: { echo: body } }));
            },
          },
        },
      );
      const transport = await open((stream) => server.accept(stream));
      const client = new SsntpClient(
        { uuid: CONTRACT_CLIENT.uuid, role: CONTRACT_CLIENT.roles, connect: transport.connect, retryMinMs: 1, retryMaxMs: 5 },
        {
          clock: systemClock,
          random: () => 0.5,
          handler: {
            connected: (configuration, uuid) => atClient.push(`connected ${uuid} ${JSON.stringify(configuration)}`),
            disconnected: () => atClient.push('disconnected'),
            frame: (frame) => atClient.push(String(decodePayload(framePayload(frame)))),
          },
        },
      );
      client.start();
      await until(() => connections === 1 && client.connected, 'connected');
      for (let n = 0; n < 50; n++) {
        server.send(CONTRACT_CLIENT.uuid, plainFrame(FrameType.EVENT, EventOperand.NodeConnected, encodePayload(n)));
      }
      client.send(plainFrame(FrameType.COMMAND, Command.STATS, new Uint8Array(900_000)));
      assert.deepEqual(await client.request('echo', [1, 2]), { echo: [1, 2] });
      await until(() => atClient.length === 51, 'all frames at the client');
      const hello = `connected ${CONTRACT_SERVER.uuid} {"configure":{"weft":"x"}}`;
      assert.deepEqual(atClient.splice(0), [hello, ...Array.from({ length: 50 }, (_, n) => String(n))]);
      server.closeAll();
      await until(() => connections === 2 && client.connected, 'connected again');
      assert.deepEqual(atClient, ['disconnected', hello]);
      await client.close();
      await until(() => atServer.length === 4, 'the server saw the end');
      assert.deepEqual([atServer[0], atServer[2], atServer[3]], ['COMMAND STATS 900000', 'closed', 'peer_closed']);
      await transport[Symbol.asyncDispose]();
    });
  });
}
