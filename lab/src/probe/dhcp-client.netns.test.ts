import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import { dhcpClient, dhcpRelease } from './dhcp-client.ts';
import { poll } from './ticker.ts';
import { inNetns, VethPair } from './veth-pair.testing.ts';

const MAC = '02:00:0a:00:00:11' as Mac;

/** A dnsmasq on the pair's b side that knows 10.0.0.66 for the a side's MAC; its log so far. */
class Dnsmasq implements AsyncDisposable {
  readonly #child: ReturnType<typeof spawn>;
  readonly #directory = mkdtempSync(join(tmpdir(), 'weft-dhcp-'));
  log = '';

  constructor(pair: VethPair) {
    const options =
      '-d --conf-file=/dev/null --user=root --group=root --interface=b0 --bind-interfaces --except-interface=lo --port=0 --no-ping ' +
      `--dhcp-range=10.0.0.0,static,255.255.255.0,1h --dhcp-host=${MAC},10.0.0.66 --dhcp-option=3,10.0.0.1 --dhcp-option=6,10.0.0.1,10.0.0.2 ` +
      `--dhcp-option=26,1450 --dhcp-authoritative --dhcp-leasefile=${this.#directory}/leases`;
    const [program, ...args] = inNetns(pair.b.netns, 'dnsmasq', ...options.split(' '));
    this.#child = spawn(program!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child.stderr!.on('data', (chunk: Buffer) => (this.log += chunk.toString()));
  }

  leases(): string {
    return readFileSync(join(this.#directory, 'leases'), 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.kill()) await once(this.#child, 'exit');
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

test('a lease comes with address, router, MTU and name servers, and is given back', async () => {
  using pair = new VethPair();
  await using server = new Dnsmasq(pair);
  const outcome = await dhcpClient(pair.a, { timeoutMs: 10_000, hostname: 'one' });
  assert.equal(outcome.kind, 'bound', server.log);
  const { tookMs, ...lease } = outcome;
  assert.deepEqual(lease, {
    kind: 'bound',
    address: '10.0.0.66',
    server: '10.0.0.12',
    serverMac: pair.b.mac,
    netmask: '255.255.255.0',
    router: '10.0.0.1',
    mtu: 1450,
    leaseSeconds: 3600,
    dns: ['10.0.0.1', '10.0.0.2'],
    broadcast: false,
    // When to renew and to rebind, in seconds: dnsmasq's half and seven eighths.
    other: new Map([
      [58, Uint8Array.of(0, 0, 0x07, 0x08)],
      [59, Uint8Array.of(0, 0, 0x0c, 0x4e)],
    ]),
  });
  assert.ok(tookMs >= 0);
  assert.match(server.leases(), /10\.0\.0\.66/);
  dhcpRelease(pair.a, { lease });
  assert.ok(await poll(() => !server.leases().includes('10.0.0.66') || undefined, { withinMs: 10_000 }), server.log);
});

test('a client that asks for broadcast is answered to everybody', async () => {
  using pair = new VethPair();
  await using server = new Dnsmasq(pair);
  const outcome = await dhcpClient(pair.a, { timeoutMs: 10_000, broadcastFlag: true, requested: '10.0.0.66' as Ipv4 });
  assert.equal(outcome.kind, 'bound', server.log);
  assert.deepEqual([outcome.address, outcome.broadcast], ['10.0.0.66', true]);
});

test('a client that the server does not know waits in vain for an offer', async () => {
  using pair = new VethPair();
  await using server = new Dnsmasq(pair);
  assert.equal((await dhcpClient(pair.a, { timeoutMs: 10_000 })).kind, 'bound', server.log);
  const outcome = await dhcpClient(pair.a, { mac: '02:00:0a:00:00:77' as Mac, timeoutMs: 300 });
  assert.deepEqual([outcome.kind, outcome.kind === 'timeout' && outcome.waitingFor], ['timeout', 'offer']);
  assert.match(server.log, /02:00:0a:00:00:77/);
});
