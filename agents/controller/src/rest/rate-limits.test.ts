import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNeutron, assertProblem, make, makeNetwork, openRest } from './rest-support.ts';

const [IN, OUT] = ['weft:ingress_kbps', 'weft:egress_kbps'];

test('an administrator limits a port at create and later; its tenant sees the limits and cannot change them', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const { network } = await makeNetwork(red);
  const free = await make(red, 'ports', 'port', { network_id: network });
  assert.deepEqual([free[IN], free[OUT]], [null, null]);
  const limited = await make(rest.admin, 'ports', 'port', { network_id: network, [IN]: 64 });
  const at = `/v2.0/ports/${String(limited['id'])}`;
  const limits = async (): Promise<unknown[]> => {
    const { port } = (await red('GET', at)).body as { port: Record<string, unknown> };
    return [port[IN], port[OUT]];
  };
  assert.deepEqual(await limits(), [64, null]);
  assert.equal((await rest.admin('PUT', at, { port: { [OUT]: 100_000_000 } })).status, 200);
  assert.deepEqual(await limits(), [64, 100_000_000]);
  assert.equal((await red('PUT', at, { port: { name: 'mine' } })).status, 200);
  assert.equal((await rest.admin('PUT', at, { port: { [IN]: null } })).status, 200);
  assert.deepEqual(await limits(), [null, 100_000_000]);
  const range = /'63' is not in range 64 to 100000000/;
  assertNeutron(await rest.admin('PUT', at, { port: { [IN]: 63 } }), 400, 'HTTPBadRequest', range);
  assertNeutron(await rest.admin('PUT', at, { port: { [IN]: 1e8 + 1 } }), 400, 'HTTPBadRequest', /100000001/);
  assertNeutron(await rest.admin('PUT', at, { port: { [IN]: 'fast' } }), 400, 'InvalidInput', /'fast' is not an integer/);
  assertNeutron(await red('PUT', at, { port: { [IN]: 1000 } }), 403, 'PolicyNotAuthorized', /update_port:weft:ingress_kbps/);
  const wish = { port: { network_id: network, [OUT]: 1000 } };
  assertNeutron(await red('POST', '/v2.0/ports', wish), 403, 'PolicyNotAuthorized', /create_port:weft:egress_kbps/);
  assert.deepEqual(await limits(), [null, 100_000_000], 'what was refused changed nothing');
});

test('an administrator limits a tenant; the tenant sees it and cannot change it', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const at = `/v1/tenants/${await rest.tenantId('red')}`;
  const set = await rest.admin('PUT', at, { ingress_kbps: 20_000, egress_kbps: 10_000 });
  assert.deepEqual([set.status, set.body['ingress_kbps'], set.body['egress_kbps']], [200, 20_000, 10_000]);
  const both = await rest.admin('PUT', at, { ssh_reach: true, egress_kbps: null });
  assert.deepEqual([both.body['ssh_reach'], both.body['ingress_kbps'], both.body['egress_kbps']], [true, 20_000, null]);
  assertProblem(await red('PUT', at, { ingress_kbps: null }), 403, 'forbidden', /only administrators may limit how fast a tenant may be/);
  for (const body of [{}, { ingress_kbps: 63 }, { egress_kbps: 1e8 + 1 }, { ingress_kbps: 99.5 }, { ingress_kbps: '100' }])
    assertProblem(await rest.admin('PUT', at, body), 400, 'bad_request', /The request is not valid/);
  const shown = (await red('GET', at)).body;
  assert.deepEqual([shown['ingress_kbps'], shown['egress_kbps']], [20_000, null], 'what was refused changed nothing');
});
