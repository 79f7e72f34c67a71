import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeNetwork, openRest } from './rest-support.ts';
import type { Call, TestRest } from './rest-support.ts';

/** A tenant with so many ports, named by their number. */
async function manyPorts(rest: TestRest, count: number): Promise<Readonly<{ red: Call; network: string; names: readonly string[] }>> {
  const red = await rest.as('red');
  await rest.admin('PUT', `/v2.0/quotas/${await rest.tenantId('red')}`, { quota: { port: -1 } });
  const { network } = await makeNetwork(red, '10.0.0.0/16');
  const names = Array.from({ length: count }, (_, n) => `"port" ${n}, é`);
  const made = await red('POST', '/v2.0/ports', { ports: names.map((name) => ({ network_id: network, name })) });
  assert.equal(made.status, 201, made.raw);
  return { red, network, names };
}

type Listed = Readonly<{ ports: readonly { id: string; name: string }[]; ports_links?: readonly { rel: string; href: string }[] }>;

test('a long list, which is written in slices, is the same as its pages', async () => {
  await using rest = await openRest();
  const { red, names } = await manyPorts(rest, 1203);
  const whole = await red('GET', '/v2.0/ports?sort_key=id');
  assert.match(String(whole.headers['content-type']), /^application\/json/);
  const all = whole.body as unknown as Listed;
  assert.equal(all.ports_links, undefined);
  assert.deepEqual(new Set(all.ports.map(({ name }) => name)), new Set(names));

  const walked: unknown[] = [];
  for (let url = '/v2.0/ports?limit=600'; url !== '';) {
    const page = (await red('GET', url)).body as unknown as Listed;
    walked.push(...page.ports);
    const { pathname, search } = new URL(page.ports_links?.find(({ rel }) => rel === 'next')?.href ?? 'none:');
    url = pathname + search;
  }
  assert.deepEqual(walked, all.ports);
});

test('others have their turns while a long list is written', async () => {
  await using rest = await openRest();
  const { red, network } = await manyPorts(rest, 6000);
  let turns = 0;
  const during = async (url: string): Promise<number> => {
    let under = true;
    const count = (): void => {
      turns += 1;
      if (under) setImmediate(count);
    };
    turns = 0;
    setImmediate(count);
    const reply = await red('GET', url);
    under = false;
    assert.equal(reply.status, 200);
    return turns;
  };
  const short = await during(`/v2.0/networks/${network}`);
  assert.ok((await during('/v2.0/ports')) > short + 10, `${turns} turns, ${short} for a short answer`);
});
