import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isIpv4 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import { LabProcess } from '@weft/lab/process';
import { addrDelete, addrList, addrReplace } from '@weft/netlink/addr';
import { linkAdd, linkDelete, linkGet, linkSet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { systemClock } from '@weft/ssntp/clock';
import { netnsCreateUnpinned, warmThreadPool } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';
import { interfaceAddresses } from '../node-facts.ts';
import { eventually, recordingLog, temporaryDirectory } from '../test-support.ts';
import { LeasedAddress } from './leased-address.ts';
import { InterfaceMissing } from './leased-interface.ts';

const LEASE_SECONDS = 600;

/** An interface in the namespace of this test, and a real DHCP server at the other end of its wire. */
class Bench implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly #directory = this.#stack.use(temporaryDirectory());
  readonly log = recordingLog();
  readonly #there: Netns = this.#stack.use(netnsCreateUnpinned());
  readonly #rtnl = this.#stack.use(Rtnl.open());
  #server: LabProcess | undefined;
  #leased: LeasedAddress | undefined;

  constructor() {
    linkAdd(this.#rtnl, { kind: 'veth', name: 'under', peer: { name: 'wire', netns: this.#there } });
    using there = Rtnl.open(this.#there);
    const { index } = linkGet(there, 'wire')!;
    linkSet(there, index, { up: true });
    addrReplace(there, { index, address: '172.30.0.1' as Ipv4, prefix: 24 });
  }

  get stateDir(): string {
    return join(this.#directory.path, 'state');
  }

  /** Serves this one address. */
  async serve(address: string): Promise<void> {
    await this.#server?.stop();
    const path = join(this.#directory.path, 'server');
    const range = `--dhcp-range=${address},${address},255.255.255.0,${LEASE_SECONDS}`;
    const quiet = [
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--user=root',
      '--pid-file=',
      '--port=0',
      '--no-ping',
      '--log-facility=-',
    ];
    const files = [`--dhcp-leasefile=${path}.${address}.leases`, '--dhcp-authoritative', '--interface=wire', '--bind-interfaces'];
    const place = { netns: this.#there, logPath: `${path}.${address}.log`, cwd: this.#directory.path, labId: 'test' };
    this.#server = new LabProcess({ ...place, name: 'dnsmasq', command: ['dnsmasq', ...quiet, ...files, range] });
    this.#server.start();
    // A question that nobody heard is asked again after four seconds only.
    const log = place.logPath;
    await eventually('the server listens', () => readFileSync(log, 'utf8').includes('sockets bound exclusively'));
  }

  start(): LeasedAddress {
    this.#leased = LeasedAddress.start(
      { ifname: 'under', hostname: 'machine', stateDir: this.stateDir },
      { addresses: interfaceAddresses, clock: systemClock, wallMs: () => Date.now(), random: Math.random, log: this.log },
    );
    return this.#leased;
  }

  /** Ends what asks, as a kill does: nothing is taken away. */
  kill(): void {
    this.#leased?.[Symbol.dispose]();
    this.#leased = undefined;
  }

  onInterface(): { address: IpAddress; prefix: number; validSeconds: number | undefined }[] {
    const index = linkGet(this.#rtnl, 'under')?.index;
    return addrList(this.#rtnl)
      .filter((each) => each.index === index && isIpv4(each.address))
      .map(({ address, prefix, validSeconds }) => ({ address, prefix, validSeconds }));
  }

  loseAddress(address: Ipv4): void {
    addrDelete(this.#rtnl, { index: linkGet(this.#rtnl, 'under')!.index, address, prefix: 24 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.#server?.stop();
    const index = linkGet(this.#rtnl, 'under')?.index;
    if (index !== undefined) linkDelete(this.#rtnl, index);
    await this.#stack.disposeAsync();
  }
}

test('an address of a real server is on the interface, for as long as it is leased, and the next process has it at once', async () => {
  await warmThreadPool();
  await using bench = new Bench();
  await bench.serve('172.30.0.70');
  const leased = bench.start();
  const [now] = await eventually('an address is leased', () => leased.now().length > 0 && leased.now());
  assert.deepEqual(now, { ip: '172.30.0.70', ifname: 'under' });
  const [has, ...more] = bench.onInterface();
  assert.deepEqual([has?.address, has?.prefix, more.length], ['172.30.0.70', 24, 0]);
  assert.ok(
    has?.validSeconds !== undefined && has.validSeconds <= LEASE_SECONDS && has.validSeconds > LEASE_SECONDS / 2,
    `${has?.validSeconds} s`,
  );
  bench.kill();
  assert.equal(bench.onInterface().length, 1, 'whoever has ended leaves it');
  assert.deepEqual(bench.start().now(), [now]);
});

test('after a boot the saved address is back at once, and one that the network has no more is given up for another', async () => {
  await warmThreadPool();
  await using bench = new Bench();
  await bench.serve('172.30.0.70');
  const first = bench.start();
  await eventually('an address is leased', () => first.now().length > 0);
  bench.kill();
  bench.loseAddress('172.30.0.70' as Ipv4);
  assert.equal(bench.start().now()[0]?.ip, '172.30.0.70');
  bench.kill();
  await bench.serve('172.30.0.80');
  const after = bench.start();
  await eventually('the other address is leased', () => after.now()[0]?.ip === '172.30.0.80');
  assert.deepEqual(
    bench.onInterface().map(({ address }) => address),
    ['172.30.0.80'],
  );
  assert.match(readFileSync(join(bench.stateDir, 'lease.json'), 'utf8'), /"172\.30\.0\.80"/);
});

test('a damaged file is no reason not to ask, and an interface that is not there is named', async () => {
  await warmThreadPool();
  await using bench = new Bench();
  await bench.serve('172.30.0.70');
  const first = bench.start();
  await eventually('an address is leased', () => first.now().length > 0);
  bench.kill();
  writeFileSync(join(bench.stateDir, 'lease.json'), '{"address":"172.30.0.70"');
  const again = bench.start();
  assert.ok(bench.log.lines.some(({ message }) => message.startsWith('the saved lease cannot be read')));
  await eventually('an address is leased again', () => again.now().length > 0);
  const deps = { addresses: interfaceAddresses, clock: systemClock, wallMs: () => 0, random: Math.random, log: bench.log };
  assert.throws(
    () => LeasedAddress.start({ ifname: 'nothing0', hostname: 'machine', stateDir: bench.stateDir }, deps),
    (error) => error instanceof InterfaceMissing && /there is no interface nothing0/.test(error.message),
  );
});
