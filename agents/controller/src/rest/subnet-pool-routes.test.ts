import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNeutron, make, openRest } from './rest-support.ts';
import type { Call, Reply } from './rest-support.ts';

const POOL = { name: 'p', prefixes: ['10.8.0.0/16'], default_prefixlen: 26, min_prefixlen: '24', max_prefixlen: 28 };

async function subnetFrom(call: Call, body: object): Promise<Reply> {
  const network = await make(call, 'networks', 'network', {});
  return call('POST', '/v2.0/subnets', { subnet: { network_id: network['id'], ip_version: 4, ...body } });
}

test('a pool shows what Neutron’s shows, with the lengths of prefixes as text', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { id, created_at: created, updated_at: changed, ...pool } = await make(call, 'subnetpools', 'subnetpool', POOL);
  assert.ok(id !== undefined && created === changed);
  const project = await rest.tenantId('red');
  assert.deepEqual(pool, {
    tenant_id: project,
    project_id: project,
    name: 'p',
    description: '',
    prefixes: ['10.8.0.0/16'],
    ip_version: 4,
    min_prefixlen: '24',
    max_prefixlen: '28',
    default_prefixlen: '26',
    default_quota: null,
    is_default: false,
    shared: false,
    address_scope_id: null,
    tags: [],
    revision_number: 1,
  });
});

test('a pool is its owner’s, unless it is shared', async () => {
  await using rest = await openRest();
  const [red, blue] = [await rest.as('red'), await rest.as('blue')];
  const { id: own } = await make(red, 'subnetpools', 'subnetpool', POOL);
  const { id: shared } = await make(rest.admin, 'subnetpools', 'subnetpool', { ...POOL, name: 's', shared: true });
  assertNeutron(await blue('GET', `/v2.0/subnetpools/${own}`), 404, 'SubnetPoolNotFound', /could not be found/);
  assertNeutron(await subnetFrom(blue, { subnetpool_id: own }), 404, 'SubnetPoolNotFound', /could not be found/);
  assert.equal((await subnetFrom(blue, { subnetpool_id: shared })).status, 201);
  assertNeutron(
    await blue('PUT', `/v2.0/subnetpools/${shared}`, { subnetpool: { name: 'x' } }),
    403,
    'PolicyNotAuthorized',
    /update_subnetpool/,
  );
  assertNeutron(await blue('POST', '/v2.0/subnetpools', { subnetpool: { ...POOL, shared: true } }), 403, 'PolicyNotAuthorized', /shared/);
  assertNeutron(
    await blue('POST', '/v2.0/subnetpools', { subnetpool: { ...POOL, is_default: true } }),
    403,
    'PolicyNotAuthorized',
    /default/,
  );
});

test('a quota of pools holds', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  await rest.admin('PUT', `/v2.0/quotas/${await rest.tenantId('red')}`, { quota: { subnetpool: 1 } });
  await make(call, 'subnetpools', 'subnetpool', POOL);
  assertNeutron(await call('POST', '/v2.0/subnetpools', { subnetpool: POOL }), 409, 'OverQuota', /subnetpool/);
});

test('each way in which pools and their prefixes can be wrong has its status and type', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const wrong = async (body: object, status: number, type: string, message: RegExp): Promise<void> =>
    assertNeutron(await call('POST', '/v2.0/subnetpools', { subnetpool: { ...POOL, ...body } }), status, type, message);
  await wrong({ prefixes: ['10.0.0.0/8', 'fd00::/48'] }, 400, 'HTTPBadRequest', /Cannot mix IPv4 and IPv6/);
  await wrong({ prefixes: ['fd00::/48'] }, 400, 'InvalidInput', /version 4/);
  await wrong({ prefixes: [] }, 400, 'EmptySubnetPoolPrefixList', /Empty/);
  await wrong({ prefixes: ['nonsense'] }, 400, 'HTTPBadRequest', /prefixes/);
  await wrong({ min_prefixlen: 29 }, 400, 'IllegalSubnetPoolPrefixBounds', /min_prefixlen=29, max_prefixlen=28/);
  await wrong({ default_prefixlen: 33 }, 400, 'HTTPBadRequest', /range/);
  await wrong({ ip_version: 4 }, 400, 'HTTPBadRequest', /'ip_version' not allowed in POST/);
  assertNeutron(await call('POST', '/v2.0/subnetpools', { subnetpool: { name: 'p' } }), 400, 'HTTPBadRequest', /'prefixes' not specified/);

  const { id } = await make(call, 'subnetpools', 'subnetpool', { ...POOL, default_quota: 128 });
  const from = async (body: object, status: number, type: string, message: RegExp): Promise<void> =>
    assertNeutron(await subnetFrom(call, body), status, type, message);
  await from({}, 400, 'BadRequest', /a subnetpool must be specified in the absence of a cidr/);
  await from({ prefixlen: 24 }, 400, 'BadRequest', /in the absence of a cidr/);
  await from({ use_default_subnetpool: true }, 400, 'BadRequest', /No default subnetpool found for IPv4/);
  await from({ use_default_subnetpool: true, subnetpool_id: id }, 400, 'BadRequest', /cannot both be specified/);
  await from({ subnetpool_id: id, cidr: '10.8.0.0/26', prefixlen: 26 }, 400, 'BadRequest', /must not be supplied together/);
  await from({ subnetpool_id: id, prefixlen: 23 }, 400, 'MinPrefixSubnetAllocationError', /minimum allowed prefix is 24/);
  await from({ subnetpool_id: id, prefixlen: 29 }, 400, 'MaxPrefixSubnetAllocationError', /maximum allowed prefix is 28/);
  await from({ subnetpool_id: id, cidr: '10.9.0.0/26' }, 409, 'SubnetAllocationError', /available set of prefixes/);
  await from({ subnetpool_id: id, prefixlen: 24 }, 409, 'SubnetPoolQuotaExceeded', /quota/);
  await from({ subnetpool_id: '99999999-0000-4000-8000-000000000000' }, 404, 'SubnetPoolNotFound', /could not be found/);

  const made = (await subnetFrom(call, { subnetpool_id: id })).body['subnet'] as Record<string, unknown>;
  assert.deepEqual([made['cidr'], made['subnetpool_id'], Object.hasOwn(made, 'prefixlen')], ['10.8.0.0/26', id, false]);
  const second = { network_id: made['network_id'], ip_version: 4, cidr: '10.50.0.0/24' };
  assertNeutron(await call('POST', '/v2.0/subnets', { subnet: second }), 400, 'NetworkSubnetPoolAffinityError', /same subnet pool/);
  const url = `/v2.0/subnetpools/${id}`;
  assertNeutron(await call('DELETE', url), 400, 'SubnetPoolDeleteError', /existing allocations/);
  assertNeutron(await call('PUT', url, { subnetpool: { prefixes: ['10.9.0.0/16'] } }), 400, 'IllegalSubnetPoolPrefixUpdate', /subset/);
  assertNeutron(await call('PUT', url, { subnetpool: { shared: true } }), 400, 'HTTPBadRequest', /read-only attribute shared/);
  await make(rest.admin, 'subnetpools', 'subnetpool', { ...POOL, is_default: true });
  const another = await rest.admin('POST', '/v2.0/subnetpools', { subnetpool: { ...POOL, is_default: true } });
  assertNeutron(another, 400, 'InvalidInput', /default subnetpool for this IP family/);
});
