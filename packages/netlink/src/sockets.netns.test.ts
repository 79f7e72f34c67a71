/** The sockets of packages/sys, tried here because they need devices with addresses. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { parseIpv4 } from '@weft/core/ipv4';
import { parseMac } from '@weft/core/mac';
import { InetSocket } from '@weft/sys/inet-socket';
import type { InetSocketKind, Received } from '@weft/sys/inet-socket';
import { netnsCreateUnpinned } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';
import { PacketSender } from '@weft/sys/packet-sender';
import { PacketSocket } from '@weft/sys/packet-socket';
import { isSysError } from '@weft/sys/sys-error';
import { addrReplace } from './addr.ts';
import { linkAdd, linkGet, linkSet } from './link.ts';
import { Rtnl } from './rtnl.ts';

const left = parseIpv4('10.0.0.1');
const right = parseIpv4('10.0.0.2');
const DEADLINE_MS = 5000;

/** An EtherType for experiments (IEEE 802), in a broadcast frame. */
const PROTOCOL = 0x88b5;
const frame = Uint8Array.from([
  ...Array.from({ length: 6 }, () => 0xff),
  2,
  0,
  0,
  0,
  0,
  1,
  0x88,
  0xb5,
  ...Array.from({ length: 50 }, (_, n) => n),
]);

/** Two namespaces with a wire between them, `eth0` at both ends, over which frames pass. */
async function wire() {
  const stack = new DisposableStack();
  const a = stack.use(netnsCreateUnpinned());
  const b = stack.use(netnsCreateUnpinned());
  const inA = stack.use(Rtnl.open(a));
  const inB = stack.use(Rtnl.open(b));
  linkAdd(inA, { name: 'eth0', kind: 'veth', mac: parseMac('02:00:00:00:00:01'), peer: { name: 'eth0', netns: b } });
  for (const [rtnl, address] of [
    [inA, left],
    [inB, right],
  ] as const) {
    const index = linkGet(rtnl, 'eth0')?.index ?? 0;
    addrReplace(rtnl, { index, address, prefix: 24 });
    linkSet(rtnl, index, { up: true });
  }
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    // Until the kernel has noticed the carrier, frames are dropped without a word; a first ARP request would be repeated a second later.
    using sender = PacketSocket.open({ netns: from, ifname: 'eth0', protocol: PROTOCOL });
    using receiver = PacketSocket.open({ netns: to, ifname: 'eth0', protocol: PROTOCOL });
    await until(() => {
      sender.send(frame);
      return receiver.receive();
    }, 'frame over the wire');
  }
  const open = (netns: Netns, kind: InetSocketKind): InetSocket => stack.use(InetSocket.open({ netns, kind }));
  return { a, b, inA, stack, open, [Symbol.dispose]: () => stack.dispose() };
}

/** Polls until `poll` yields something. */
async function until<T>(poll: () => T | undefined, what: string): Promise<T> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const value = poll();
    if (value !== undefined) return value;
    assert.ok(performance.now() < deadline, `no ${what} within ${DEADLINE_MS} ms`);
    await setImmediate();
  }
}

function settled(socket: InetSocket) {
  const state = socket.connectState();
  return state.kind === 'pending' ? undefined : state;
}

function text(received: Received): string {
  assert.ok(received.kind === 'data', received.kind);
  return Buffer.from(received.bytes).toString();
}

test('datagrams go to and fro between namespaces and name their sender', async () => {
  using net = await wire();
  const server = net.open(net.b, 'udp');
  server.bind(right, 0);
  const client = net.open(net.a, 'udp');
  client.bind(parseIpv4('0.0.0.0'), 0);
  assert.equal(server.receive(), undefined);
  client.sendTo(Buffer.from('hello'), right, server.localPort());
  const received = await until(() => server.receive(), 'datagram');
  assert.equal(text(received), 'hello');
  assert.deepEqual(received.kind === 'data' && [received.from, received.port], [left, client.localPort()]);
  server.sendTo(Buffer.from(''), left, client.localPort());
  assert.equal(text(await until(() => client.receive(), 'answer')), '');
});

test('a raw socket sends what a protocol carries, and hears it with its IP header', async () => {
  using net = await wire();
  const [server, client] = [net.b, net.a].map((netns) => net.stack.use(InetSocket.open({ netns, kind: 'raw', protocol: 253 }))) as [
    InetSocket,
    InetSocket,
  ];
  client.bind(left, 0);
  client.sendTo(Buffer.from('hello'), right, 0);
  const received = await until(() => server.receive(), 'packet');
  assert.ok(received.kind === 'data', received.kind);
  assert.deepEqual([received.bytes[9], Buffer.from(received.bytes.subarray(20)).toString(), received.from], [253, 'hello', left]);
});

test('a TCP connection is accepted, carries bytes, and closes', async () => {
  using net = await wire();
  const listener = net.open(net.b, 'tcp');
  listener.bind(right, 0);
  listener.listen();
  assert.equal(listener.accept(), undefined);
  const client = net.open(net.a, 'tcp');
  client.connect(right, listener.localPort());
  assert.deepEqual(await until(() => settled(client), 'connection'), { kind: 'connected' });
  const accepted = await until(() => listener.accept(), 'connection at the listener');
  using server = accepted.socket;
  assert.deepEqual([accepted.from, accepted.port], [left, client.localPort()]);
  assert.equal(client.send(Buffer.from('ping')), 4);
  assert.equal(text(await until(() => server.receive(), 'bytes')), 'ping');
  client[Symbol.dispose]();
  assert.deepEqual(await until(() => server.receive(), 'end'), { kind: 'closed' });
});

test('a sender that nobody reads is told that it would block', async () => {
  using net = await wire();
  const listener = net.open(net.b, 'tcp');
  listener.bind(right, 0);
  listener.listen();
  const client = net.open(net.a, 'tcp');
  client.connect(right, listener.localPort());
  await until(() => settled(client), 'connection');
  const chunk = Buffer.alloc(1 << 20);
  assert.equal(await until(() => (client.send(chunk) === 0 ? 0 : undefined), 'full queue'), 0);
});

test('a refused connection, an unreachable and a silent peer are told apart', async () => {
  using net = await wire();
  const refused = net.open(net.a, 'tcp');
  refused.connect(right, 9);
  assert.deepEqual(await until(() => settled(refused), 'refusal'), { kind: 'failed', errno: 'ECONNREFUSED' });
  assert.deepEqual(refused.connectState(), { kind: 'failed', errno: 'ECONNREFUSED' });
  const unreachable = net.open(net.a, 'tcp');
  unreachable.connect(parseIpv4('192.0.2.1'), 9);
  assert.deepEqual(unreachable.connectState(), { kind: 'failed', errno: 'ENETUNREACH' });
  const silent = net.open(net.a, 'tcp');
  silent.connect(parseIpv4('10.0.0.77'), 9);
  assert.deepEqual(silent.connectState(), { kind: 'pending' });
});

test('a datagram to a closed port is a failure of the connected sender', async () => {
  using net = await wire();
  const socket = net.open(net.a, 'udp');
  socket.connect(right, 9);
  assert.deepEqual(socket.connectState(), { kind: 'connected' });
  assert.equal(socket.send(Buffer.from('x')), 1);
  assert.deepEqual(await until(() => socket.receive(), 'refusal'), { kind: 'failed', errno: 'ECONNREFUSED' });
});

test('errors of binding have their names', async () => {
  using net = await wire();
  const socket = net.open(net.a, 'udp');
  assert.throws(
    () => socket.bind(right, 0),
    (error) => isSysError(error, 'EADDRNOTAVAIL'),
  );
  socket.bind(left, 7000);
  assert.throws(
    () => net.open(net.a, 'udp').bind(left, 7000),
    (error) => isSysError(error, 'EADDRINUSE'),
  );
  socket[Symbol.dispose]();
  assert.throws(() => socket.receive(), /is closed/);
});

test('an echo request is answered, the answer beginning with its IP header', async () => {
  using net = await wire();
  const socket = net.open(net.a, 'icmp');
  // Type 8, code 0, checksum, id 0x1234, sequence 1.
  socket.sendTo(Uint8Array.of(8, 0, 0xe5, 0xca, 0x12, 0x34, 0, 1), right, 0);
  const reply = await until(() => socket.receive(), 'echo reply');
  assert.ok(reply.kind === 'data');
  assert.equal(reply.from, right);
  assert.equal(reply.bytes[0], 0x45);
  assert.deepEqual([...reply.bytes.subarray(20, 22), ...reply.bytes.subarray(24)], [0, 0, 0x12, 0x34, 0, 1]);
});

test('frames of one protocol are sent, seen going out, and received at the other end', async () => {
  using net = await wire();
  using sender = PacketSocket.open({ netns: net.a, ifname: 'eth0', protocol: PROTOCOL });
  using receiver = PacketSocket.open({ netns: net.b, ifname: 'eth0', protocol: PROTOCOL });
  using observer = PacketSocket.open({ netns: net.a, ifname: 'eth0' });
  sender.send(frame);
  assert.deepEqual(await until(() => receiver.receive(), 'frame'), { frame, outgoing: false });
  const seen = await until(() => {
    const next = observer.receive();
    return next?.frame[12] === 0x88 ? next : undefined;
  }, 'frame going out');
  assert.deepEqual(seen, { frame, outgoing: true });
});

test('a packet socket on an interface that is not there is ENODEV', async () => {
  using net = await wire();
  assert.throws(
    () => PacketSocket.open({ netns: net.a, ifname: 'none' }),
    (error) => isSysError(error, 'ENODEV'),
  );
});

test('a frame longer than the MTU is refused', async () => {
  using net = await wire();
  using socket = PacketSocket.open({ netns: net.a, ifname: 'eth0' });
  assert.throws(
    () => socket.send(new Uint8Array(3000)),
    (error) => isSysError(error, 'EMSGSIZE'),
  );
});

test('one sender reaches out of any interface of its namespace, and says when one is gone', async () => {
  using net = await wire();
  using rtnl = Rtnl.open(net.a);
  using receiver = PacketSocket.open({ netns: net.b, ifname: 'eth0', protocol: PROTOCOL });
  using sender = PacketSender.open(net.a);
  const { index } = linkGet(rtnl, 'eth0')!;
  sender.send(index, frame);
  assert.deepEqual(await until(() => receiver.receive(), 'frame'), { frame, outgoing: false });
  linkSet(rtnl, index, { up: false });
  assert.throws(
    () => sender.send(index, frame),
    (error) => isSysError(error, 'ENETDOWN'),
  );
  assert.throws(
    () => sender.send(4_000_000, frame),
    (error) => isSysError(error, 'ENXIO'),
  );
});
