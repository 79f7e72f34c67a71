import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { AttributeMap } from './codec/attributes.ts';
import { NLMSG_ERROR, decodeMessages, decodeOutcome } from './codec/message.ts';
import type { Message } from './codec/message.ts';
import { decodeFdb } from './fdb.ts';
import { decodeLink } from './link-message.ts';

const golden = JSON.parse(readFileSync(new URL('testdata/kernel-6.18-x86-64.json', import.meta.url), 'utf8')) as Record<string, string>;

function messages(name: string): Message[] {
  return decodeMessages(Buffer.from(golden[name] ?? '', 'hex'));
}

test('a bridge of the kernel decodes', () => {
  const [link] = messages('link-bridge').map(decodeLink);
  assert.deepEqual(link, {
    index: 2,
    name: 'br-a',
    kind: 'bridge',
    mac: '02:00:00:00:00:01',
    mtu: 1450,
    up: false,
    master: undefined,
    parent: undefined,
    alias: 'segment a',
    group: 0,
    bridge: { stp: 0, mcastSnooping: 0, nfCallIptables: 1, nfCallIp6tables: 1, nfCallArptables: 0 },
    stats: { rxPackets: 0n, txPackets: 0n, rxBytes: 0n, txBytes: 0n },
  });
});

test('a VXLAN port of the kernel decodes', () => {
  const [link] = messages('link-vxlan-port').map(decodeLink);
  assert.deepEqual(link?.vxlan, { vni: 10001, local: '172.30.0.11', port: 14789, learning: false, ttl: 64 });
  assert.deepEqual(link.bridgePort, {
    hairpin: false,
    learning: false,
    flood: false,
    mcastFlood: false,
    bcastFlood: true,
    neighSuppress: true,
  });
  assert.deepEqual([link.name, link.kind, link.master, link.up, link.mtu], ['vx-a', 'vxlan', 2, true, 1450]);
});

test('forwarding entries of the kernel decode: one of the bridge, one of the device', () => {
  const entries = messages('fdb-dump')
    .flatMap(decodeFdb)
    .filter((entry) => entry.mac === '02:00:00:00:00:05');
  assert.deepEqual(entries, [
    { index: 3, mac: '02:00:00:00:00:05', dst: undefined, self: false, master: 2, state: 'static', flags: 0 },
    { index: 3, mac: '02:00:00:00:00:05', dst: '172.30.0.12', self: true, master: undefined, state: 'static', flags: 2 },
  ]);
});

test('an error of the kernel decodes with its text, an acknowledgement as errno 0', () => {
  const [error] = messages('error-with-text');
  assert.equal(error?.type, NLMSG_ERROR);
  const { errno, attributes } = decodeOutcome(error);
  assert.equal(errno, 34);
  assert.equal(AttributeMap.decode(error.payload, attributes).text(1), 'VXLAN ID must be lower than 16777216');
  const [acknowledgement] = messages('acknowledgement');
  assert.ok(acknowledgement !== undefined);
  assert.deepEqual(decodeOutcome(acknowledgement), { errno: 0, attributes: undefined });
});
