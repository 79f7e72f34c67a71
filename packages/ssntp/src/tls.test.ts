import assert from 'node:assert/strict';
import dns from 'node:dns';
import { once } from 'node:events';
import net from 'node:net';
import { after, test } from 'node:test';
import tls from 'node:tls';
import { createAuthority, issueLeaf } from '@weft/pki/certificate';
import type { Identity } from '@weft/pki/certificate';
import type { ByteStream } from './byte-stream.ts';
import { uuidOfAlternativeNames } from './certificate-peer.ts';
import { systemClock } from './clock.ts';
import { encodeFrame, plainFrame } from './frame.ts';
import { connectFrame } from './handshake.ts';
import { EventOperand, FrameType } from './operands.ts';
import { Role, oidsOfRoles } from './role.ts';
import { SsntpServer } from './server.ts';
import type { CloseReason } from './session.ts';
import { Session } from './session.ts';
import { testUuid, until } from './test-support.ts';
import type { TlsCredentials, TlsListener } from './tls.ts';
import { TlsConnectFailed, connectTls, listenTls } from './tls.ts';
import { CONTRACT_CLIENT, CONTRACT_SERVER, transportContract } from './transport-contract.ts';

const authority = await createAuthority({ name: 'Weft test', days: 1 });
const server = await credentials(CONTRACT_SERVER.uuid, CONTRACT_SERVER.roles);
const client = await credentials(CONTRACT_CLIENT.uuid, CONTRACT_CLIENT.roles);
const { signal } = new AbortController();

async function credentials(uuid: typeof CONTRACT_CLIENT.uuid, roles: number, signer: Identity = authority): Promise<TlsCredentials> {
  const names = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] };
  const { certPem, keyPem } = await issueLeaf(signer, { uuid, oids: oidsOfRoles(roles), ...names, name: 'test', days: 1 });
  return { ca: authority.certPem, cert: certPem, key: keyPem };
}

transportContract('TLS', async (onStream) => {
  const listener = await listenTls({ ...server, host: '127.0.0.1', port: 0 }, onStream);
  return {
    connect: (signal) => connectTls({ ...client, host: '127.0.0.1', port: listener.port, signal }),
    [Symbol.asyncDispose]: async () => listener.close(),
  };
});

/** One scheduler for all refusals below: it must survive them all. */
const faults: string[] = [];
const warnings: object[] = [];
const sessions: Session[] = [];
const ssntp = new SsntpServer(
  { uuid: CONTRACT_SERVER.uuid, role: Role.Scheduler, configuration: () => undefined },
  {
    clock: systemClock,
    handler: { connected: (session) => sessions.push(session), disconnected() {}, frame() {} },
    log: { debug() {}, info() {}, error() {}, warn: (fields) => warnings.push(fields) },
  },
);
const listener: TlsListener = await listenTls(
  { ...server, host: '127.0.0.1', port: 0, handshakeTimeoutMs: 2_000 },
  (stream) => ssntp.accept(stream),
  ({ error }) => faults.push(error.message),
);
const here = { host: '127.0.0.1', port: listener.port, signal };
after(() => {
  ssntp.closeAll();
  listener.close();
});

/** Unlike `once`, does not mind an error before it. */
function closeOf(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on('error', () => {});
    socket.once('close', () => resolve());
  });
}

/** The end of a session that claims `role` and `uuid` over a real connection; undefined when it was established, and then closed. */
async function claim(stream: ByteStream, uuid: typeof CONTRACT_CLIENT.uuid, role: number): Promise<CloseReason | undefined> {
  const { promise, resolve } = Promise.withResolvers<CloseReason | undefined>();
  const handler = { established: () => resolve(undefined), frame() {}, closed: (_: Session, reason: CloseReason) => resolve(reason) };
  const session = new Session({ uuid, role }, { kind: 'client' }, { stream, clock: systemClock, handler });
  const reason = await promise;
  session.close();
  return reason;
}

test('a certificate of the right authority, role and UUID connects', async () => {
  const stream = await connectTls({ ...client, ...here });
  assert.equal(stream.localAddress, '127.0.0.1');
  assert.equal(await claim(stream, CONTRACT_CLIENT.uuid, Role.CNAgent), undefined);
});

test('a role that the certificate lacks is refused on the wire', async () => {
  const reason = await claim(await connectTls({ ...client, ...here }), CONTRACT_CLIENT.uuid, Role.Controller);
  assert.equal(reason?.code, 'connection_aborted');
});

test('a UUID that is not the certificate’s is refused on the wire', async () => {
  const reason = await claim(await connectTls({ ...client, ...here }), testUuid(99), Role.CNAgent);
  assert.equal(reason?.code, 'connection_aborted');
  assert.ok(warnings.some((fields) => JSON.stringify(fields).includes('the certificate names')));
});

test('a client certificate of another authority gets no session', async () => {
  const other = await createAuthority({ name: 'Other', days: 1 });
  const foreign = await credentials(CONTRACT_CLIENT.uuid, Role.CNAgent, other);
  const before = sessions.length;
  const stream = await connectTls({ ...foreign, ...here });
  const reason = await claim(stream, CONTRACT_CLIENT.uuid, Role.CNAgent);
  assert.match(reason?.code ?? '', /^(transport_failed|peer_closed)$/);
  assert.equal(sessions.length, before);
});

test('a client without a certificate gets no session', async () => {
  const before = faults.length;
  const socket = tls.connect({ ...here, ca: authority.certPem });
  socket.resume();
  await closeOf(socket);
  await until(() => faults.length > before, 'one fault reported');
});

test('a server certificate of another authority, another name, or without a server role is refused by the client', async () => {
  const other = await createAuthority({ name: 'Other', days: 1 });
  const { certPem, keyPem } = await issueLeaf(authority, {
    uuid: CONTRACT_SERVER.uuid,
    oids: oidsOfRoles(Role.Scheduler),
    ipAddresses: ['192.0.2.1'],
    name: 'elsewhere',
    days: 1,
  });
  const cases: [string, TlsCredentials, RegExp][] = [
    ['another authority', await credentials(CONTRACT_SERVER.uuid, Role.Scheduler, other), /./],
    ['another name', { ca: authority.certPem, cert: certPem, key: keyPem }, /IP/],
    [
      'no server role',
      await credentials(CONTRACT_SERVER.uuid, Role.CNAgent | Role.Controller),
      /role Controller-CNAgent is not that of a server/,
    ],
  ];
  for (const [name, wrong, message] of cases) {
    using impostor = await listenTls({ ...wrong, host: '127.0.0.1', port: 0 }, (stream) => stream.destroy());
    await assert.rejects(
      connectTls({ ...client, ...here, port: impostor.port }),
      (error) => error instanceof TlsConnectFailed && error.cause instanceof Error && message.test(error.cause.message),
      name,
    );
  }
});

test('plain text to the port, and TLS 1.2, are one fault each and nothing more', async () => {
  let before = faults.length;
  const plain = net.connect(listener.port, '127.0.0.1');
  plain.resume();
  plain.write('GET / HTTP/1.1\r\nHost: scheduler\r\n\r\n');
  await closeOf(plain);
  await until(() => faults.length === before + 1, 'plain text reported');
  before = faults.length;
  const old = tls.connect({ ...here, ...client, maxVersion: 'TLSv1.2' });
  await closeOf(old);
  await until(() => faults.length === before + 1, 'TLS 1.2 reported');
  assert.equal(
    await claim(await connectTls({ ...client, ...here }), CONTRACT_CLIENT.uuid, Role.CNAgent),
    undefined,
    'and the port serves on',
  );
});

test('an IP address is never looked up, a name is', async (context) => {
  const lookup = context.mock.method(dns, 'lookup');
  (await connectTls({ ...client, ...here })).destroy();
  assert.equal(lookup.mock.callCount(), 0);
  (await connectTls({ ...client, ...here, host: 'localhost' })).destroy();
  assert.equal(lookup.mock.callCount(), 1);
});

test('connecting ends with its deadline or its signal when the server says nothing', async () => {
  const sockets: net.Socket[] = [];
  const silent = net.createServer((socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
  });
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const target = { ...client, host: '127.0.0.1', port: (silent.address() as net.AddressInfo).port };
  await assert.rejects(connectTls({ ...target, signal, handshakeTimeoutMs: 20 }), TlsConnectFailed);
  const stop = new AbortController();
  const attempt = connectTls({ ...target, signal: stop.signal });
  stop.abort(new Error('enough'));
  await assert.rejects(attempt, /^Error: enough$/);
  await assert.rejects(connectTls({ ...target, signal: stop.signal }), /^Error: enough$/);
  for (const socket of sockets) socket.destroy();
  silent.close();
  await assert.rejects(connectTls({ ...target, signal }), TlsConnectFailed, 'nobody listens');
});

test('a listener that closed hands over nothing more and can be closed again; an address in use is an error', async () => {
  const first = await listenTls({ ...server, host: '127.0.0.1', port: 0 }, () => assert.fail('no stream expected'));
  await assert.rejects(
    listenTls({ ...server, host: '127.0.0.1', port: first.port }, () => {}),
    /EADDRINUSE/,
  );
  first.close();
  first.close();
  await assert.rejects(connectTls({ ...client, ...here, port: first.port }), TlsConnectFailed);
});

test('a real peer that stops reading is cut off, and the others are served', async () => {
  const slow = tls.connect({ ...here, ...client });
  slow.on('error', () => {});
  const before = sessions.length;
  await once(slow, 'secureConnect');
  // Never read from: the kernel's buffers fill, then the session's queue.
  slow.write(encodeFrame(connectFrame(CONTRACT_CLIENT.uuid, Role.CNAgent)));
  await until(() => sessions.length > before, 'connected');
  const frame = plainFrame(FrameType.EVENT, EventOperand.NodeConnected, new Uint8Array(1_000_000));
  let sent = 0;
  await until(() => sent++ > 1_000 || !ssntp.send(CONTRACT_CLIENT.uuid, frame), 'cut off');
  assert.ok(sent < 100, `${sent} MB were queued`);
  assert.equal(ssntp.session(CONTRACT_CLIENT.uuid), undefined);
  slow.destroy();
  assert.equal(await claim(await connectTls({ ...client, ...here }), CONTRACT_CLIENT.uuid, Role.CNAgent), undefined);
});

test('the UUID of a certificate is read from its one URI, whatever other names pretend', () => {
  const uuid = testUuid(1);
  const cases: [string, typeof uuid | undefined][] = [
    [`URI:urn:uuid:${uuid}`, uuid],
    [`DNS:a, URI:urn:uuid:${uuid.toUpperCase()}, IP Address:192.0.2.1`, uuid],
    [`DNS:"a, URI:urn:uuid:${uuid}"`, undefined],
    [`DNS:"a\\", URI:urn:uuid:${uuid}"`, undefined],
    [`URI:urn:uuid:${uuid}, URI:urn:uuid:${testUuid(2)}`, undefined],
    [`URI:urn:uuid:${uuid}, URI:https://x`, undefined],
    [`URI:"urn:uuid:${uuid}"`, undefined],
    ['URI:urn:uuid:00000000-0000-0000-0000-000000000000', undefined],
    ['URI:urn:uuid:', undefined],
    ['DNS:a', undefined],
    ['', undefined],
    [`nonsense URI:urn:uuid:${uuid}`, undefined],
  ];
  for (const [names, expected] of cases) assert.equal(uuidOfAlternativeNames(names), expected, names);
});
