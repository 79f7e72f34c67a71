import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import type { Vni } from '@weft/core/vni';
import { arpGratuitous, arpReply } from '../packet/arp.ts';
import { decodeVxlan, encodeVxlan } from '../packet/vxlan.ts';
import { arrivals, arrives, TokenListener } from './arrives.ts';
import { forgeries } from './forgeries.ts';
import { arpFrame, datagramHalves, echoFrame, udpFrame, vxlanFrame } from './frames.ts';
import { PingStream } from './ping-stream.ts';
import { ping } from './ping.ts';
import { sendDatagram, sendFrame } from './send-frame.ts';
import { tcpConnect, tcpHold } from './tcp-connect.ts';
import { tcpServer } from './tcp-server.ts';
import { TcpStream } from './tcp-stream.ts';
import { pause, poll } from './ticker.ts';
import { token } from './token.ts';
import { udpAsk, udpEcho } from './udp-echo.ts';
import { ip, VethPair } from './veth-pair.testing.ts';

const NOBODY = '10.0.0.99' as Ipv4;
const UNROUTED = '192.0.2.1' as Ipv4;

/** Waits for a condition of the test itself. */
async function until(condition: () => boolean, what: string): Promise<void> {
  assert.ok(await poll(() => condition() || undefined, { withinMs: 10_000 }), `${what} within 10 s`);
}

test('ping counts answers, of ordinary and of fragmented requests', async () => {
  using pair = new VethPair();
  for (const payloadBytes of [56, 3000]) {
    const result = await ping(pair.a, pair.b.ip, { count: 3, intervalMs: 5, timeoutMs: 5000, payloadBytes });
    assert.deepEqual([result.sent, result.received, result.rttMs.length], [3, 3, 3], `${payloadBytes} bytes`);
  }
});

test('ping to an address that nobody has, or to which no route leads, counts no answer', async () => {
  using pair = new VethPair();
  assert.deepEqual(await ping(pair.a, NOBODY, { count: 2, intervalMs: 5, timeoutMs: 50 }), { sent: 2, received: 0, rttMs: [] });
  const unrouted = { sent: 1, received: 0, rttMs: [], sendError: 'ENETUNREACH' };
  assert.deepEqual(await ping(pair.a, UNROUTED, { timeoutMs: 5 }), unrouted);
});

test('waiting ends with the reason of the signal', async () => {
  using pair = new VethPair();
  const reason = new Error('enough');
  const signal = AbortSignal.abort(reason);
  await assert.rejects(ping(pair.a, NOBODY, { timeoutMs: 60_000, signal }), reason);
  const probe = { receiver: pair.b, sender: () => undefined, token: token(), withinMs: 60_000, signal } as const;
  await assert.rejects(arrives({ ...probe, expect: 'silence' }), reason);
});

test('two ping streams at once lose nothing on a good path and see only their own answers', async () => {
  using pair = new VethPair();
  using there = new PingStream({ place: pair.a, target: pair.b.ip, perSecond: 500 });
  using back = new PingStream({ place: pair.b, target: pair.a.ip, perSecond: 500 });
  there.start();
  back.start();
  await until(() => there.count().received >= 50 && back.count().received >= 50, '50 answers each');
  for (const { sent, received, lost, longestGapMs, duplicates, achievedPerSecond } of [await there.stop(), await back.stop()]) {
    assert.deepEqual([received, lost, longestGapMs, duplicates], [sent, 0, 0, 0]);
    assert.ok(achievedPerSecond > 0 && achievedPerSecond <= 1000, `${achievedPerSecond} per second`);
  }
});

test('a ping stream counts what a cut loses and spans the gap', async () => {
  using pair = new VethPair();
  // Otherwise echoes of the cut may wait for address resolution and be answered after it.
  ip(pair.a.netns, `neigh replace ${pair.b.ip} lladdr ${pair.b.mac} dev a0 nud permanent`);
  using stream = new PingStream({ place: pair.a, target: pair.b.ip, perSecond: 200, lossAfterMs: 500 });
  stream.start();
  await until(() => stream.count().received > 20, 'answers before the cut');
  ip(pair.b.netns, 'link set b0 down');
  const cutMs = performance.now();
  await pause(300);
  const downMs = performance.now() - cutMs;
  ip(pair.b.netns, 'link set b0 up');
  const { received } = stream.count();
  await until(() => stream.count().received > received + 20, 'answers after the cut');
  const result = await stream.stop();
  assert.equal(result.received + result.lost, result.sent);
  assert.ok(result.lost > 0, 'something is lost');
  assert.ok(result.longestGapMs >= downMs, `the gap of ${result.longestGapMs} ms spans the cut of ${downMs} ms`);
});

test('a ping stream in a process that is busy for longer than an echo may take loses nothing and owns up to it', async () => {
  using pair = new VethPair();
  using stream = new PingStream({ place: pair.a, target: pair.b.ip, perSecond: 1000, lossAfterMs: 100 });
  stream.start();
  await until(() => stream.count().received > 20, 'answers');
  const busyMs = 150;
  const end = performance.now() + busyMs;
  while (performance.now() < end);
  const result = await stream.stop();
  assert.deepEqual([result.received, result.lost], [result.sent, 0]);
  assert.ok(result.longestPauseMs >= busyMs && result.achievedPerSecond < 1000, JSON.stringify(result));
});

test('a stream whose own interface is down counts refused sends as lost', async () => {
  using pair = new VethPair();
  ip(pair.a.netns, 'link set a0 down');
  using stream = new PingStream({ place: pair.a, target: pair.b.ip, lossAfterMs: 20 });
  stream.start();
  await until(() => stream.count().lost >= 3, 'three lost echoes');
  const result = await stream.stop();
  assert.deepEqual([result.received, result.lost, result.sendErrors], [0, result.sent, result.sent]);
  await assert.rejects(stream.stop(), /not running/);
});

test('a frame is told to arrive where it does and not where it does not', async () => {
  using pair = new VethPair();
  using other = new VethPair();
  const mark = token();
  const frame = arpFrame({ source: pair.a.mac, destination: pair.b.mac, message: arpReply(pair.a, pair.b), mark });
  const sender = (): void => sendFrame(pair.a, frame, 2);
  const found = await arrivals({ receivers: [pair.b, other.b, pair.a], sender, token: mark, withinMs: 50, expect: 'silence' });
  assert.deepEqual(
    found.map((arrival) => arrival.count),
    [2, 0, 0],
  );
  const first = await arrives({ receiver: pair.b, sender, token: mark, withinMs: 5000, expect: 'arrival' });
  assert.ok(first.count > 0 && first.afterMs !== undefined);
  const silence = await arrives({ receiver: pair.b, sender, token: token(), withinMs: 20, expect: 'silence' });
  assert.deepEqual(silence, { count: 0, afterMs: undefined });
});

test('a listener goes on after its interface was down', async () => {
  using pair = new VethPair();
  const mark = token();
  using listener = new TokenListener({ place: pair.b, token: mark });
  ip(pair.b.netns, 'link set b0 down', 'link set b0 up');
  const frame = arpFrame({ source: pair.a.mac, message: arpGratuitous(pair.a), mark });
  // The other side notices its carrier a moment later.
  await until(() => (sendFrame(pair.a, frame), listener.look() > 0), 'the frame');
});

test('a probe fails with its sender, at once or later', async () => {
  using pair = new VethPair();
  const probe = { receiver: pair.b, token: token(), withinMs: 60_000, expect: 'silence' } as const;
  await assert.rejects(arrives({ ...probe, sender: () => Promise.reject(new Error('later')) }), /^Error: later$/);
  const now = (): never => {
    throw new Error('at once');
  };
  await assert.rejects(arrives({ ...probe, sender: now }), /^Error: at once$/);
});

test('every forgery and every other frame arrives on an unguarded wire, each with its token', async () => {
  using pair = new VethPair();
  const mark = token();
  const { a, b } = pair;
  const victim = { mac: '02:00:0a:00:00:13' as Mac, ip: '10.0.0.13' as Ipv4 };
  const all = forgeries({ attacker: a, receiver: b, victim, gateway: '10.0.0.1' as Ipv4, token: mark });
  assert.deepEqual(
    all.map((forgery) => forgery.reason),
    ['spoof_mac', 'spoof_ip', 'spoof_arp', 'spoof_arp', 'spoof_dhcp', 'spoof_ra', 'ethertype'],
  );
  const inner = udpFrame({ source: a, destination: victim, payload: mark });
  const [head, tail] = datagramHalves({ source: a, destination: b, identification: 777, head: mark, tail: mark });
  const others = {
    'gratuitous ARP': arpFrame({ source: a.mac, message: arpGratuitous(a), mark }),
    'echo request': echoFrame({ source: a, destination: b, payload: mark, dontFragment: true }),
    'VXLAN packet': vxlanFrame({ source: a, destination: b, port: 14789, vni: 10_002 as Vni, inner }),
    'first half': head,
    'second half': tail,
  };
  for (const { name, frame } of [...all, ...Object.entries(others).map(([name, frame]) => ({ name, frame }))]) {
    const sender = (): void => sendFrame(a, frame);
    const { count } = await arrives({ receiver: b, sender, token: mark, withinMs: 5000, expect: 'arrival' });
    assert.equal(count, 1, name);
  }
});

test('two halves of a datagram are one datagram for the receiver', async () => {
  using pair = new VethPair();
  using server = udpEcho(pair.b, 4000);
  for (const half of datagramHalves({ source: pair.a, destination: pair.b, identification: 9, head: token(), tail: token() })) {
    assert.equal(server.received, 0);
    sendFrame(pair.a, half);
  }
  await until(() => server.received === 1, 'the datagram');
});

test("a tunnel packet leaves through the sender's own stack", async () => {
  using pair = new VethPair();
  using server = udpEcho(pair.b, 14789);
  const mark = token();
  const payload = encodeVxlan({ vni: 10_002 as Vni, frame: udpFrame({ source: pair.b, destination: pair.a, payload: mark }) });
  const sender = (): void => sendDatagram(pair.a, { target: pair.b.ip, port: 14789, payload, sourcePort: 14789 });
  assert.ok((await arrives({ receiver: pair.b, sender, token: mark, withinMs: 5000, expect: 'arrival' })).count > 0);
  await until(() => server.received === 1, 'the datagram at the server');
  const answer = await udpAsk(pair.a, pair.b.ip, 14789, { payload, timeoutMs: 5000 });
  assert.equal(answer.kind, 'answered');
  assert.equal(answer.from, pair.b.ip);
  assert.equal(decodeVxlan(answer.bytes)?.vni, 10_002);
  assert.deepEqual(await udpAsk(pair.a, NOBODY, 9, { payload, timeoutMs: 20 }), { kind: 'timeout' });
  assert.deepEqual(await udpAsk(pair.a, UNROUTED, 9, { payload, timeoutMs: 20 }), { kind: 'unreachable', errno: 'ENETUNREACH' });
});

test('a TCP connection is told apart from a timeout, a refusal, silence and the lack of a route', async () => {
  using pair = new VethPair();
  using server = tcpServer(pair.b, 0);
  const outcome = await tcpConnect(pair.a, pair.b.ip, server.port, { timeoutMs: 5000 });
  assert.equal(outcome.kind, 'connected');
  assert.equal(outcome.seenAs, pair.a.ip);
  assert.deepEqual(server.peers, [pair.a.ip]);
  await until(() => server.open === 0, 'the end of the connection');
  assert.deepEqual(await tcpConnect(pair.a, pair.b.ip, 1, { timeoutMs: 5000 }), { kind: 'refused' });
  assert.deepEqual(await tcpConnect(pair.a, NOBODY, 1, { timeoutMs: 20 }), { kind: 'timeout' });
  assert.deepEqual(await tcpConnect(pair.a, UNROUTED, 1, { timeoutMs: 20 }), { kind: 'unreachable', errno: 'ENETUNREACH' });
});

test('held connections are counted, and closed together', async () => {
  using pair = new VethPair();
  using server = tcpServer(pair.b, 0);
  {
    using held = await tcpHold(pair.a, pair.b.ip, server.port, { count: 80, timeoutMs: 5000 });
    assert.equal(held.connected, 80);
    await until(() => server.open === 80, '80 open connections');
  }
  await until(() => server.open === 0, 'the end of all');
  using none = await tcpHold(pair.a, NOBODY, 1, { count: 2, timeoutMs: 20 });
  assert.equal(none.connected, 0);
});

test('a TCP stream flows both ways, shows a stall, and goes on after it', async () => {
  using pair = new VethPair();
  using server = tcpServer(pair.b, 0, { afterGreeting: 'echo' });
  using stream = new TcpStream({ place: pair.a, target: pair.b.ip, port: server.port, bytesPerSecond: 200_000, stallMs: 100 });
  assert.deepEqual(await stream.start({ timeoutMs: 5000 }), { kind: 'connected' });
  await until(() => stream.result().received.bytes > 20_000, 'echoed bytes');
  ip(pair.b.netns, 'link set b0 down');
  await until(() => stream.result().received.idleMs >= 100, 'a stall');
  ip(pair.b.netns, 'link set b0 up');
  const { bytes } = stream.result().received;
  await until(() => stream.result().received.bytes > bytes + 20_000, 'more echoed bytes');
  const result = stream.stop();
  assert.equal(result.ended, undefined);
  assert.ok(result.received.stalls >= 1 && result.received.longestStallMs >= 100);
  assert.ok(result.sentBytes >= result.received.bytes - 16 && server.progress().bytes >= result.received.bytes - 16);
});

test('a stream that only listens gets what the server sends, and tells how it ended', async () => {
  using pair = new VethPair();
  using server = tcpServer(pair.b, 0, { afterGreeting: { bytesPerSecond: 100_000 } });
  using stream = new TcpStream({ place: pair.a, target: pair.b.ip, port: server.port, bytesPerSecond: 0 });
  await stream.start({ timeoutMs: 5000 });
  await until(() => stream.result().received.bytes > 5000, 'bytes from the server');
  server[Symbol.dispose]();
  await until(() => stream.result().ended !== undefined, 'the end');
  const result = stream.stop();
  assert.deepEqual([result.sentBytes, result.ended], [0, 'closed']);
  using refused = new TcpStream({ place: pair.a, target: pair.b.ip, port: server.port, bytesPerSecond: 0 });
  assert.deepEqual(await refused.start({ timeoutMs: 5000 }), { kind: 'failed', errno: 'ECONNREFUSED' });
});
