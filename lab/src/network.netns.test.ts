import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseMac } from '@weft/core/mac';
import { linkList, linkSet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsIsPinned, warmThreadPool } from '@weft/sys/netns';
import { parseIpv4 } from '@weft/core/ipv4';
import { LabNetwork } from './network.ts';
import { ping } from './probe/ping.ts';
import { LabProcess, LabProcessEnded } from './process.ts';
import { Relay } from './relay.ts';
import { labTopology } from './topology.ts';
import type { LabNodeName } from './topology.ts';
import { waitFor } from './wait.ts';

const SERVER = "require('node:http').createServer((q, a) => a.end('hello from inside')).listen(8889, '192.168.0.101')";

class Fixture implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'weft-lab-'));
  readonly topology = labTopology();
  readonly network = LabNetwork.build({ topology: this.topology, netnsDir: join(this.dir, 'netns') });

  place(name: LabNodeName, ifname = 'mgmt0') {
    return { netns: this.network.netns(name), ifname, mac: parseMac('02:00:00:00:00:01') };
  }

  process(code: string): LabProcess {
    return new LabProcess({
      name: 'control server',
      command: [process.execPath, '-e', code],
      netns: this.network.netns('control'),
      logPath: join(this.dir, 'server.log'),
      cwd: this.dir,
      labId: 'test',
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.network[Symbol.dispose]();
    rmSync(this.dir, { recursive: true });
  }
}

void test('nodes reach one another and the outside host; the machine gets no interface', async () => {
  await warmThreadPool();
  using machine = Rtnl.open();
  const before = linkList(machine).map((link) => link.name);
  await using lab = new Fixture();
  for (const [from, to] of [
    ['compute1', '10.88.0.104'],
    ['compute2', '192.168.0.101'],
    ['outside', '203.0.113.254'],
    ['network', '198.51.100.1'],
  ] as const) {
    const { received } = await ping(lab.place(from), parseIpv4(to), { timeoutMs: 3000 });
    assert.equal(received, 1, `${from} → ${to}`);
  }
  assert.deepEqual(
    linkList(machine).map((link) => link.name),
    before,
  );
});

void test('a pulled cable cuts one wire of one node until it is plugged in again', async () => {
  await using lab = new Fixture();
  const target = parseIpv4('10.88.0.104');
  lab.network.setCable('compute1', 'data', false);
  assert.equal((await ping(lab.place('compute1'), target, { timeoutMs: 50 })).received, 0);
  assert.equal((await ping(lab.place('compute2'), parseIpv4('10.88.0.102'), { timeoutMs: 3000 })).received, 1);
  lab.network.setCable('compute1', 'data', true);
  await waitFor({ expected: 'an answer', withinMs: 10_000 }, async () => {
    const { received } = await ping(lab.place('compute1'), target, { timeoutMs: 100 });
    return received === 1 ? { done: true } : { seen: 'none' };
  });
});

void test('a relay carries HTTP from the machine into a namespace, and refuses while nobody listens there', async () => {
  {
    // The test's own namespace is new, so its loopback interface is still down.
    using machine = Rtnl.open();
    linkSet(machine, 1, { up: true });
  }
  await using lab = new Fixture();
  const target = parseIpv4('192.168.0.101');
  await using relay = await Relay.listen({ port: 0, netns: lab.network.netns('control'), target, targetPort: 8889 });
  const ask = (): Promise<string> =>
    new Promise((resolve, reject) => {
      get({ port: relay.port, host: '127.0.0.1', agent: false }, (answer) => {
        answer.setEncoding('utf8').on('data', resolve);
      }).on('error', reject);
    });
  await assert.rejects(ask());
  const server = lab.process(SERVER);
  server.start();
  try {
    const text = await waitFor({ expected: 'an answer', withinMs: 10_000 }, async () => ({ done: await ask() }));
    assert.equal(text, 'hello from inside');
  } finally {
    assert.equal(await server.stop(), 'stopped');
  }
  assert.equal(server.running, false);
});

void test('a daemon that ends by itself is told apart from one that was stopped', async () => {
  await using lab = new Fixture();
  const failing = lab.process("console.log('out of luck'); process.exitCode = 7");
  failing.start();
  await waitFor({ expected: 'the end', withinMs: 10_000 }, () => (failing.running ? { seen: 'running' } : { done: true }));
  assert.throws(
    () => failing.check(),
    (error) => error instanceof LabProcessEnded && /exit code 7[^]*out of luck/.test(error.message),
  );
  const killed = lab.process('setInterval(() => {}, 1000)');
  killed.start();
  await killed.kill();
  killed.check();
});

void test('disposing removes every pin', async () => {
  let pins: string[];
  {
    await using lab = new Fixture();
    pins = [...lab.network.namespaces()].map(([name]) => join(lab.dir, 'netns', name));
    assert.equal(pins.every(netnsIsPinned), true);
  }
  assert.equal(pins.some(netnsIsPinned), false);
});
