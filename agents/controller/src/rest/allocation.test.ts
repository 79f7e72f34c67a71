/** Many clients share one small subnet: no address is ever given twice, and none is ever lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNeutron, make, makeNetwork, openRest } from './rest-support.ts';
import type { Call, Reply } from './rest-support.ts';

const CLIENTS = 64;
/** A /24 without its network, broadcast and gateway address. */
const CAPACITY = 253;

/** One of the clients' points of view of one subnet: who has which address, and how many it may be at most just now. */
class Subnet {
  readonly #call: Call;
  readonly #network: string;
  readonly #portOf = new Map<string, string>();
  /** Addresses that are held, or whose creation or removal is not answered yet. */
  #atMost = 0;
  /** For each creation on its way: the most that there were since it was sent. */
  readonly #peaks = new Map<symbol, number>();

  constructor(call: Call, network: string) {
    this.#call = call;
    this.#network = network;
  }

  get held(): readonly string[] {
    return [...this.#portOf.keys()];
  }

  /** Asks for an address. False if there was none: then all of them must have been taken, or about to be, at some time while it was asked. */
  async take(): Promise<boolean> {
    const key = Symbol('a creation');
    this.#peaks.set(key, 0);
    this.#grow(1);
    const reply = await this.#call('POST', '/v2.0/ports', { port: { network_id: this.#network } });
    const others = this.#peaks.get(key)! - 1;
    this.#peaks.delete(key);
    if (reply.status !== 201) {
      this.#grow(-1);
      assertNeutron(reply, 409, 'IpAddressGenerationFailure', `No more IP addresses available on network ${this.#network}.`);
      assert.ok(others >= CAPACITY, `refused while at most ${others} addresses were taken`);
      return false;
    }
    const { id, address } = addressOf(reply);
    assert.equal(this.#portOf.get(address), undefined, `${address} was given twice`);
    this.#portOf.set(address, id);
    assert.ok(this.#portOf.size <= CAPACITY);
    return true;
  }

  async release(address: string): Promise<void> {
    const id = this.#portOf.get(address);
    // Known as free from here on, because another client may be given it before this one has the answer.
    this.#portOf.delete(address);
    const reply = await this.#call('DELETE', `/v2.0/ports/${id}`);
    assert.equal(reply.status, 204, reply.raw);
    this.#grow(-1);
  }

  #grow(by: number): void {
    this.#atMost += by;
    for (const [key, peak] of this.#peaks) this.#peaks.set(key, Math.max(peak, this.#atMost));
  }
}

function addressOf({ body }: Reply): Readonly<{ id: string; address: string }> {
  const port = body['port'] as { id: string; fixed_ips: { ip_address: string }[] };
  assert.equal(port.fixed_ips.length, 1);
  return { id: port.id, address: port.fixed_ips[0]!.ip_address };
}

/** Every client takes until it is refused. Returns how many addresses all of them got. */
async function fill(subnet: Subnet): Promise<number> {
  const got = await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      let count = 0;
      while (await subnet.take()) count += 1;
      return count;
    }),
  );
  return got.reduce((sum, count) => sum + count, 0);
}

void test('64 clients take, release and take again in a /24: exactly 253 have an address, the next is refused, none is lost', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const quota = await rest.admin('PUT', `/v2.0/quotas/${await rest.tenantId('red')}`, { quota: { port: -1 } });
  assert.equal(quota.status, 200, quota.raw);
  const { network } = await makeNetwork(red);
  const subnet = new Subnet(red, network);
  assert.equal(await fill(subnet), CAPACITY);

  // Each client gives back an address and takes one, 20 times, all of them at once and in no order.
  let took = 0;
  const churn = async (client: number): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) {
      const held = subnet.held;
      const mine = held[(client * 31 + turn * 17) % held.length];
      if (mine !== undefined) await subnet.release(mine);
      if (await subnet.take()) took += 1;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, client) => churn(client)));
  assert.ok(took >= CLIENTS * 19, `${took} of ${CLIENTS * 20} found one`);

  await fill(subnet);
  const all = new Set(Array.from({ length: CAPACITY }, (_, index) => `10.0.0.${index + 2}`));
  assert.deepEqual(new Set(subnet.held), all);
  const listed = await red('GET', `/v2.0/ports?network_id=${network}&device_owner=&fields=fixed_ips`);
  assert.equal((listed.body['ports'] as unknown[]).length, CAPACITY);

  // Given back, all of them are there again.
  await Promise.all(subnet.held.map((address) => subnet.release(address)));
  assert.equal(await fill(subnet), CAPACITY);
  await make(red, 'networks', 'network', { name: 'still answers' });
});
