import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { ApiError } from '@weft/api/api-error';
import { leadingFlagsMoved } from './cli.ts';
import { BLUE, FakeApi, RED, weft } from './test-support.ts';

const NET = 'abcd1234-0000-4000-8000-000000000001';
const SUBNET = 'abcd1234-0000-4000-8000-000000000002';
const PORT = 'abcd1234-0000-4000-8000-000000000003';
const NODE = 'abcd1234-0000-4000-8000-000000000004';
const INSTANCE = 'abcd1234-0000-4000-8000-000000000005';
const GROUP = 'abcd1234-0000-4000-8000-000000000006';
/** Whatever stands in it. */
const SOME_FILE = fileURLToPath(new URL('../../package.json', import.meta.url));

const network = (id: string, name: string, tenant: string) => ({
  id,
  name,
  tenant_id: tenant,
  subnets: [SUBNET],
  mtu: 1450,
  'weft:topology': 'mesh',
});
const node = (hostname: string, held: object | null) => ({
  id: NODE,
  hostname,
  roles: ['compute'],
  status: 'connected',
  plan: held === null ? 'in-sync' : 'held',
  held,
  vtep: '10.88.0.103',
  failed: {},
});
const instance = (status: string, more: object = {}) => ({
  id: INSTANCE,
  name: 'web',
  tenant_id: RED,
  status,
  node_id: status === 'pending' ? null : NODE,
  port_id: PORT,
  error: null,
  command: ['sleep', 'infinity'],
  applied: { applied: 2, of: 2, oldest: 5 },
  ...more,
});

function cluster(): FakeApi {
  return new FakeApi()
    .add('tenants', { id: RED, name: 'red' }, { id: BLUE, name: 'blue' })
    .add('networks', network(NET, 'front', RED))
    .add('subnets', { id: SUBNET, name: 'v4', cidr: '10.0.0.0/24', network_id: NET, tenant_id: RED })
    .add('ports', { id: PORT, name: 'web', network_id: NET, tenant_id: RED, fixed_ips: [{ ip_address: '10.0.0.5' }] })
    .add('nodes', node('compute1', null));
}

test('a list is a table with names in the place of ids', async () => {
  const { out, err, code } = await weft('network list', cluster());
  assert.equal(out, 'ID        NAME   SUBNETS      TOPOLOGY  MTU   TENANT\nabcd1234  front  10.0.0.0/24  mesh      1450  red\n');
  assert.deepEqual([err, code], ['', 0]);
});

test('a tenant’s own list does not say whose everything is', async () => {
  const { out } = await weft('network list --as red', cluster());
  assert.equal(out, 'ID        NAME   SUBNETS      TOPOLOGY  MTU\nabcd1234  front  10.0.0.0/24  mesh      1450\n');
});

test('what the caller may not look up is shown by the beginning of its id', async () => {
  const fake = new FakeApi().add('instances', instance('active'));
  const { out } = await weft('instance list --as red', fake);
  assert.equal(out, 'ID        NAME  STATUS  NODE      ADDRESSES  COMMAND\nabcd1234  web   active  abcd1234  abcd1234   sleep infinity\n');
});

test('a table is in the order of tenants, then names; JSON is in the API’s', async () => {
  const fake = new FakeApi().add('tenants', { id: RED, name: 'red' }, { id: BLUE, name: 'blue' });
  fake.add('networks', network('1', 'n10', RED), network('2', 'n9', RED), network('3', 'n11', BLUE));
  const ids = (text: string): readonly string[] =>
    text
      .split('\n')
      .slice(1, 4)
      .map((line) => line.charAt(0));
  assert.deepEqual(ids((await weft('network list', fake)).out), ['3', '2', '1']);
  const listed = JSON.parse((await weft('network list --json', fake)).out) as readonly Readonly<{ id: string }>[];
  assert.deepEqual(
    listed.map(({ id }) => id),
    ['1', '2', '3'],
  );
});

test('an empty list is said on stderr, and is an empty list in JSON', async () => {
  const { out, err, code } = await weft('port list --as red');
  assert.deepEqual([out, err, code], ['', 'There is no port yet, or none that red may see.\n', 0]);
  assert.equal((await weft('port list --json')).out, '[]\n');
});

test('JSON is what the API gave', async () => {
  const fake = cluster();
  assert.deepEqual(JSON.parse((await weft('network list --json', fake)).out), [network(NET, 'front', RED)]);
  assert.deepEqual(JSON.parse((await weft('network show front --json', fake)).out), network(NET, 'front', RED));
});

test('show tells every attribute, and a security group’s rules as a table', async () => {
  const rule = { direction: 'ingress', ethertype: 'IPv4', protocol: null, port_range_min: null, port_range_max: null };
  const fake = new FakeApi().add('securityGroups', {
    id: GROUP,
    name: 'default',
    tenant_id: RED,
    security_group_rules: [
      { ...rule, remote_group_id: GROUP, remote_ip_prefix: null },
      { ...rule, protocol: 'tcp', port_range_min: 80, port_range_max: 81, remote_group_id: null, remote_ip_prefix: '10.0.0.0/8' },
    ],
  });
  const { out } = await weft('security-group show default', fake);
  assert.equal(
    out,
    [
      `id         ${GROUP}`,
      'name       default',
      `tenant_id  ${RED}`,
      '',
      'DIRECTION  ETHERTYPE  PROTOCOL  PORTS  REMOTE',
      'ingress    IPv4       any       any    members of this group',
      'ingress    IPv4       tcp       80-81  10.0.0.0/8',
      '',
    ].join('\n'),
  );
});

test('flags become the attributes of the API', async () => {
  const created: readonly (readonly [line: string, call: string])[] = [
    ['network create n --as red', 'networks.create {"name":"n"}'],
    [
      'network create n --tenant blue --topology concentrator',
      `networks.create {"name":"n","tenant_id":"${BLUE}","weft:topology":"concentrator"}`,
    ],
    [
      'subnet create s --network front --cidr 10.1.0.0/24',
      `subnets.create {"name":"s","network_id":"${NET}","ip_version":4,"cidr":"10.1.0.0/24","enable_dhcp":true}`,
    ],
    [
      'subnet create s --network front --cidr 10.1.0.0/24 --gateway none --no-dhcp --dns 1.1.1.1 --dns 8.8.8.8',
      `subnets.create {"name":"s","network_id":"${NET}","ip_version":4,"cidr":"10.1.0.0/24","enable_dhcp":false,"gateway_ip":null,"dns_nameservers":["1.1.1.1","8.8.8.8"]}`,
    ],
    [
      'subnet create s --network front --cidr fd00:1::/64 --ipv6-mode slaac',
      `subnets.create {"name":"s","network_id":"${NET}","ip_version":6,"cidr":"fd00:1::/64","enable_dhcp":true,"ipv6_ra_mode":"slaac","ipv6_address_mode":"slaac"}`,
    ],
    [
      'port create p --network abcd1234-0000-4000-8000-000000000001 --ip 10.0.0.9 --mac 02:00:00:00:00:09',
      `ports.create {"name":"p","network_id":"${NET}","fixed_ips":[{"ip_address":"10.0.0.9"}],"mac_address":"02:00:00:00:00:09"}`,
    ],
    [
      'port create p --network front --no-port-security',
      `ports.create {"name":"p","network_id":"${NET}","port_security_enabled":false,"security_groups":[]}`,
    ],
    [
      'port create p --network front --security-group web',
      `ports.create {"name":"p","network_id":"${NET}","security_groups":["${GROUP}"]}`,
    ],
    [
      'instance create i --port web --node compute1 --addressing dhcp --no-wait -- ping -c 3 10.0.0.1',
      `instances.create {"name":"i","command":["ping","-c","3","10.0.0.1"],"port_id":"${PORT}","addressing":"dhcp","node_id":"${NODE}"}`,
    ],
    [
      `instance create i --port web --user-data ${SOME_FILE} --no-wait -- true`,
      `instances.create {"name":"i","command":["true"],"port_id":"${PORT}","user_data":"${readFileSync(SOME_FILE).toString('base64')}"}`,
    ],
    ['tenant create green', 'tenants.create {"name":"green"}'],
  ];
  for (const [line, call] of created) {
    const fake = cluster().add('securityGroups', { id: GROUP, name: 'web', tenant_id: RED });
    const { err, code } = await weft(`${line} --json`.replace(/ -- (.*) --json$/, ' --json -- $1'), fake);
    assert.deepEqual(
      fake.calls.filter((each) => each.includes('.create')),
      [call],
      line,
    );
    assert.deepEqual([err, code], ['', 0], line);
  }
});

test('what was made is told with its whole id', async () => {
  const { out } = await weft('subnet create s --network front --cidr 10.1.0.0/24 --as red', cluster());
  assert.equal(
    out,
    [
      'id       aaaaaaaa-0000-4000-8000-000000000001',
      'name     s',
      'network  front',
      'cidr     10.1.0.0/24',
      'gateway  10.0.0.1',
      'dhcp     yes',
      '',
    ].join('\n'),
  );
});

test('a new tenant’s token is on stdout, and that it is shown once on stderr', async () => {
  const { out, err } = await weft('tenant create green');
  assert.match(out, /^token {2}secret-token$/m);
  assert.match(err, /not shown again/);
});

test('what an administrator makes needs an owner', async () => {
  const fake = cluster();
  const { err, code } = await weft('network create n', fake);
  assert.deepEqual([code, fake.calls], [2, []]);
  assert.match(err, /Say --tenant NAME, or act as a tenant with --as NAME\./);
});

test('creating an instance waits until it runs, and until the nodes of its network know of it', async () => {
  const fake = cluster().add('instances', instance('active'));
  fake.instanceStates = [
    instance('building'),
    instance('active', { applied: { applied: 1, of: 2, oldest: 4 } }),
    instance('active', { applied: { applied: 2, of: 2, oldest: 5 } }),
  ];
  const { out, err, code } = await weft('instance create web --port web -- sleep infinity', fake);
  assert.equal(err, 'instance web: pending\ninstance web: building\ninstance web: active\n');
  assert.match(out, /^node +compute1$/m);
  assert.match(out, /^addresses +10\.0\.0\.5$/m);
  assert.equal(code, 0);
});

test('a node that stays away does not keep an active instance waiting for ever', async () => {
  const fake = cluster();
  fake.instanceStates = [instance('active', { applied: { applied: 1, of: 2, oldest: null } })];
  const { err, code } = await weft('instance create web --port web -- sleep infinity', fake);
  assert.match(err, /1 of 2 nodes of its network know of it; the others follow/);
  assert.equal(code, 0);
});

test('an instance that cannot run is a failure with the reason', async () => {
  const fake = cluster();
  fake.instanceStates = [instance('error', { error: { code: 'no_node', message: 'no node has room' } })];
  const { err, code } = await weft('instance create web --port web -- sleep infinity', fake);
  assert.match(err, /weft: instance web does not run: no node has room\nSee how it goes on with `weft instance show aaaaaaaa-/);
  assert.equal(code, 1);
});

test('an instance that never runs is a failure after a minute', async () => {
  const fake = cluster();
  fake.instanceStates = [instance('building')];
  const { err, code } = await weft('instance create web --port web -- sleep infinity', fake);
  assert.match(err, /still building after 60 seconds/);
  assert.equal(code, 1);
});

test('a controller that restarts meanwhile does not end the waiting', async () => {
  const fake = cluster();
  fake.instanceStates = [instance('active')];
  fake.failures.set(
    'instances.show aaaaaaaa-0000-4000-8000-000000000001',
    ApiError.unreachable('https://127.0.0.1:1', new Error('connect ECONNREFUSED')),
  );
  const { err, code } = await weft('instance create web --port web -- sleep infinity', fake);
  assert.equal(err, 'instance web: pending\ninstance web: active\n');
  assert.equal(code, 0);
});

test('deleting takes several, each once, and says what it did', async () => {
  const fake = cluster().add('networks', { ...network(INSTANCE, 'back', RED) });
  const { out, err, code } = await weft(`network delete front back ${NET}`, fake);
  assert.deepEqual(
    fake.calls.filter((call) => call.includes('.delete')),
    [`networks.delete ${NET}`, `networks.delete ${INSTANCE}`],
  );
  assert.deepEqual([out, err, code], ['', `deleted network ${NET}\ndeleted network back\n`, 0]);
});

test('a mistyped name among several deletes nothing', async () => {
  const fake = cluster();
  const { err, code } = await weft('network delete front bcak', fake);
  assert.equal(err, 'weft: there is no network "bcak"\nThere are: front.\n');
  assert.deepEqual([code, fake.calls.some((call) => call.includes('.delete'))], [1, false]);
});

test('a refusal of the API ends the command with its text', async () => {
  const fake = cluster();
  fake.failures.set(
    `networks.delete ${NET}`,
    new ApiError({ status: 409, code: 'network_in_use', message: 'Network in use.', requestId: 'req-9', retryable: false }),
  );
  const { err, code } = await weft('network delete front', fake);
  assert.deepEqual([err, code], ['weft: Network in use.\n(request req-9)\n', 1]);
});

test('accepting all nodes takes only those that hold a plan', async () => {
  const held = { ...node('compute2', { reason: 'older state', epoch: 'e', revision: 7, ports: 3 }), id: INSTANCE };
  const fake = cluster().add('nodes', held);
  const { err, code } = await weft('node accept --all', fake);
  assert.deepEqual([err, code], ['compute2 takes the plan of revision 7\n', 0]);
  assert.match((await weft('node list', fake)).out, /compute2 .* held: older state/);
});

test('one node that cannot accept does not keep the others waiting', async () => {
  const held = { reason: 'older state', epoch: 'e', revision: 7, ports: 3 };
  const fake = new FakeApi().add('nodes', node('compute1', held), { ...node('compute2', held), id: INSTANCE });
  fake.failures.set(
    `nodes.accept ${NODE}`,
    new ApiError({ status: 409, code: 'node_not_connected', message: 'it is away', retryable: false }),
  );
  const { err, code } = await weft('node accept --all', fake);
  assert.equal(err, 'compute1: weft: it is away\ncompute2 takes the plan of revision 7\n');
  assert.equal(code, 1);
});

test('a wrong command line sends nothing, says what is wrong, and exits 2', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['prot list', /^weft: no command registered for `prot`, did you mean `port`\?\nSee weft --help\.\n$/],
    ['port list --jsn', /^weft: no flag registered for --jsn, did you mean --json\?\nThe same command with --help says what it takes\.\n$/],
    ['subnet create s', /flag --network\nweft: expected input for flag --cidr\nThe same/],
    ['network create n --topology ring', /mesh\|concentrator/],
    ['port create p --network front --no-port-security --security-group web', /has no security groups/],
    [`instance create web --port web --user-data ${SOME_FILE}/none -- true`, /none cannot be read: ENOTDIR/],
    ['instance create web --port web', /an instance needs a name and a command/],
    ['node accept', /Name them, or say --all; not both/],
    ['node accept compute1 --all', /Name them, or say --all; not both/],
    ['lab exec red/alpha', /a place and a command are needed/],
    ['network show', /expected argument/],
  ];
  for (const [line, pattern] of cases) {
    const fake = cluster();
    const { out, err, code } = await weft(line, fake);
    assert.match(err, pattern, line);
    assert.deepEqual([out, code, fake.calls], ['', 2, []], line);
  }
});

test('flags that everything takes may come before the command', async () => {
  assert.deepEqual(leadingFlagsMoved(['--as', 'red', '--json', 'port', 'list', 'x']), ['port', 'list', '--as', 'red', '--json', 'x']);
  assert.deepEqual(leadingFlagsMoved(['--as=red', 'port', 'show', 'x']), ['port', 'show', '--as=red', 'x']);
  assert.deepEqual(leadingFlagsMoved(['port', 'list', '--as', 'red']), ['port', 'list', '--as', 'red']);
  assert.deepEqual(leadingFlagsMoved(['lab', 'exec', 'a', '--', '--json']), ['lab', 'exec', 'a', '--', '--json']);
  assert.equal((await weft('--as red --json port list')).out, '[]\n');
});

test('a terminal with colours gets them, anything else does not', async () => {
  assert.ok((await weft('node list', cluster(), { colours: true })).out.includes('\u001b[32mconnected'));
  assert.ok(!(await weft('node list', cluster())).out.includes('\u001b'));
  for (const line of (await weft('node list', cluster(), { columns: 30 })).out.split('\n')) assert.ok(line.length <= 30, line);
});
