import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isIpv4 } from '@weft/core/ip';
import { addrList } from '@weft/netlink/addr';
import { linkAdd, linkDelete, linkGet, linkSet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { FakeClock } from '@weft/ssntp/fake-clock';
import { netnsCreateUnpinned, warmThreadPool } from '@weft/sys/netns';
import { InterfaceMissing } from './dhcp-client/leased-interface.ts';
import { GivenAddress } from './given-address.ts';
import { interfaceAddresses } from './node-facts.ts';
import { eventually, recordingLog, temporaryDirectory } from './test-support.ts';

/** An interface in the namespace of this test, and a controller that gives what it is told to give. */
class Bench implements Disposable {
  readonly #stack = new DisposableStack();
  readonly #directory = this.#stack.use(temporaryDirectory());
  readonly #rtnl = this.#stack.use(Rtnl.open());
  readonly clock = new FakeClock();
  readonly log = recordingLog();
  answer: unknown;
  questions = 0;
  #given: GivenAddress | undefined;

  constructor() {
    const there = this.#stack.use(netnsCreateUnpinned());
    linkAdd(this.#rtnl, { kind: 'veth', name: 'under', peer: { name: 'wire', netns: there } });
    using other = Rtnl.open(there);
    linkSet(other, linkGet(other, 'wire')!.index, { up: true });
  }

  get stateDir(): string {
    return join(this.#directory.path, 'state');
  }

  start(ifname = 'under'): GivenAddress {
    const ask = async (op: string): Promise<unknown> => {
      assert.equal(op, 'underlay_address');
      this.questions += 1;
      if (this.answer instanceof Error) throw this.answer;
      return this.answer;
    };
    this.#given = GivenAddress.start(
      { ifname, stateDir: this.stateDir },
      { addresses: interfaceAddresses, ask, clock: this.clock, log: this.log },
    );
    return this.#given;
  }

  /** Ends what asks, as a kill does: nothing is taken away. */
  kill(): void {
    this.#given?.[Symbol.dispose]();
    this.#given = undefined;
  }

  onInterface(): string[] {
    const index = linkGet(this.#rtnl, 'under')?.index;
    return addrList(this.#rtnl).flatMap((each) => (each.index === index && isIpv4(each.address) ? [`${each.address}/${each.prefix}`] : []));
  }

  [Symbol.dispose](): void {
    this.kill();
    const index = linkGet(this.#rtnl, 'under')?.index;
    if (index !== undefined) linkDelete(this.#rtnl, index);
    this.#stack.dispose();
  }
}

const gives = (address: string): unknown => ({ address, prefix_length: 24 });

test('what the controller gives is on the interface for good, and the next process has it without asking', async () => {
  await warmThreadPool();
  using bench = new Bench();
  bench.answer = gives('10.88.0.200');
  const given = bench.start();
  assert.deepEqual(given.now(), []);
  await eventually('the address is there', () => given.now()[0]?.ip === '10.88.0.200');
  assert.deepEqual(bench.onInterface(), ['10.88.0.200/24']);
  bench.kill();
  bench.answer = new Error('no control plane');
  assert.deepEqual(bench.start().now(), [{ ip: '10.88.0.200', ifname: 'under' }]);
  await eventually('it complains once', () => bench.log.lines.length === 1);
});

test('it asks until it is answered, and takes another address over when it is given one', async () => {
  await warmThreadPool();
  using bench = new Bench();
  bench.answer = new Error('not yet');
  const given = bench.start();
  for (const questions of [1, 2, 3]) {
    await eventually('a question', () => bench.questions === questions && bench.clock.pending > 0);
    if (questions === 2) bench.answer = gives('10.88.0.200');
    bench.clock.advance(1000);
    if (given.now().length > 0) break;
  }
  await eventually('an address', () => given.now()[0]?.ip === '10.88.0.200');
  bench.answer = gives('10.88.0.201');
  await eventually('the next question is set', () => bench.clock.pending > 0);
  bench.clock.advance(60_000);
  await eventually('the other address', () => given.now()[0]?.ip === '10.88.0.201');
  assert.deepEqual(bench.onInterface(), ['10.88.0.201/24']);
});

test('nonsense from the controller or on disk changes nothing, and a missing interface is named', async () => {
  await warmThreadPool();
  using bench = new Bench();
  assert.throws(() => bench.start('nowhere'), InterfaceMissing);
  writeFileSync(join(bench.stateDir, 'given-address.json'), '{"address": 5}');
  bench.answer = { address: '10.88.0.256', prefix_length: 24 };
  const given = bench.start();
  await eventually('both complaints', () => bench.log.lines.length === 2);
  assert.deepEqual([given.now(), bench.onInterface()], [[], []]);
});
