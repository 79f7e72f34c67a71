import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeApi, RED, weft } from './test-support.ts';

const ROUTER = 'abcd1234-0000-4000-8000-000000000001';
const OUTSIDE = 'abcd1234-0000-4000-8000-000000000002';
const SUBNET = 'abcd1234-0000-4000-8000-000000000003';

const cluster = (): FakeApi =>
  new FakeApi()
    .add('tenants', { id: RED, name: 'red' })
    .add('networks', { id: OUTSIDE, name: 'outside', tenant_id: RED, subnets: [] })
    .add('subnets', { id: SUBNET, name: 'v4', tenant_id: RED })
    .add('routers', {
      id: ROUTER,
      name: 'edge',
      tenant_id: RED,
      routes: [],
      status: 'ACTIVE',
      external_gateway_info: {
        network_id: OUTSIDE,
        enable_snat: true,
        external_fixed_ips: [{ subnet_id: SUBNET, ip_address: '203.0.113.7' }],
      },
    });

test('a command line becomes one call of the API', async () => {
  const cases: readonly (readonly [line: string, call: string])[] = [
    ['router create inner --as red', 'routers.create {"name":"inner"}'],
    [
      'router create edge2 --gateway outside --snat off --tenant red --json',
      `routers.create {"name":"edge2","external_gateway_info":{"network_id":"${OUTSIDE}","enable_snat":false},"tenant_id":"${RED}"}`,
    ],
    ['router set edge --gateway none', `routers.update ${ROUTER} {"external_gateway_info":null}`],
    [
      'router set edge --gateway outside --name e --json',
      `routers.update ${ROUTER} {"name":"e","external_gateway_info":{"network_id":"${OUTSIDE}"}}`,
    ],
    ['router add-subnet edge v4', `routers.addInterface ${ROUTER} {"subnet_id":"${SUBNET}"}`],
    ['router remove-subnet edge v4', `routers.removeInterface ${ROUTER} {"subnet_id":"${SUBNET}"}`],
    ['router delete edge', `routers.delete ${ROUTER}`],
  ];
  for (const [line, call] of cases) {
    const fake = cluster();
    const { err, code } = await weft(line, fake);
    assert.ok(fake.calls.includes(call), `${line}: ${fake.calls.join(', ')} ${err}`);
    assert.ok(code === undefined || code === 0, err);
  }
});

test('a list shows where routers lead', async () => {
  const { out } = await weft('router list', cluster());
  assert.match(
    out,
    /^ID +NAME +GATEWAY +OUTSIDE ADDRESS +ROUTES +STATUS +TENANT\nabcd1234 +edge +outside +203\.0\.113\.7 +0 +ACTIVE +red\n$/,
  );
});

test('what makes no sense is refused before anything is asked', async () => {
  for (const [line, message] of [
    ['router create r --snat on', /source NAT at which gateway/],
    ['router set edge', /what is to change/],
    ['router set edge --gateway none --snat on', /source NAT at which gateway/],
  ] as const) {
    const fake = cluster();
    const { err, code } = await weft(line, fake);
    assert.match(err, message);
    assert.deepEqual([code, fake.calls], [2, []], line);
  }
});

test('with --dry-run nothing is joined', async () => {
  const fake = cluster();
  const { err } = await weft('router add-subnet edge v4 --dry-run', fake);
  assert.match(err, /nothing was changed/);
  assert.ok(fake.calls.includes('dry run of'));
});
