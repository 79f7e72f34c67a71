import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLUE, FakeApi, RED, weft } from './test-support.ts';

const OUTSIDE = 'abcd1234-0000-4000-8000-000000000001';
const PORT = 'abcd1234-0000-4000-8000-000000000003';
const NODE = 'abcd1234-0000-4000-8000-000000000004';
const FLOATING = 'abcd1234-0000-4000-8000-000000000007';
const FORWARDING = 'dcba1234-0000-4000-8000-000000000008';
const RULE = 'dddd1234-0000-4000-8000-00000000000a';
const CONCENTRATOR = 'eeee1234-0000-4000-8000-000000000009';

const outside = (id: string, name: string) => ({ id, name, tenant_id: BLUE, subnets: [], mtu: 1450, 'router:external': true });

function cluster(): FakeApi {
  return new FakeApi()
    .add('tenants', { id: RED, name: 'red' }, { id: BLUE, name: 'operator' })
    .add('networks', outside(OUTSIDE, 'outside'))
    .add('ports', { id: PORT, name: 'web', tenant_id: RED, fixed_ips: [{ ip_address: '10.0.0.5' }] })
    .add('nodes', { id: NODE, hostname: 'network2' })
    .add('concentrators', {
      id: CONCENTRATOR,
      tenant_id: RED,
      node_id: NODE,
      status: 'active',
      uplink_address: '203.0.113.10',
      error: null,
    })
    .add('pools', { id: FLOATING, name: 'v4', network_name: 'outside', cidr: '203.0.113.0/24', total: 10, used: 3, free: 7 })
    .add('floatingIps', {
      id: FLOATING,
      floating_ip_address: '203.0.113.20',
      port_id: PORT,
      fixed_ip_address: '10.0.0.5',
      port_forwardings: [],
      status: 'ACTIVE',
      tenant_id: RED,
    });
}

test('a command line becomes one call of the API', async () => {
  const cases: readonly (readonly [line: string, call: string])[] = [
    ['network create out --external', 'networks.create {"name":"out","router:external":true}'],
    ['network create out --external --tenant red', `networks.create {"name":"out","tenant_id":"${RED}","router:external":true}`],
    ['floating-ip create --as red', `floatingIps.create {"floating_network_id":"${OUTSIDE}"}`],
    [
      'floating-ip create --network outside --port web --ip 10.0.0.5 --as red',
      `floatingIps.create {"floating_network_id":"${OUTSIDE}","port_id":"${PORT}","fixed_ip_address":"10.0.0.5"}`,
    ],
    [
      'floating-ip create --address 203.0.113.9 --tenant red',
      `floatingIps.create {"floating_network_id":"${OUTSIDE}","floating_ip_address":"203.0.113.9","tenant_id":"${RED}"}`,
    ],
    ['floating-ip associate 203.0.113.20 --port web', `floatingIps.update ${FLOATING} {"port_id":"${PORT}"}`],
    ['floating-ip disassociate 203.0.113.20', `floatingIps.update ${FLOATING} {"port_id":null}`],
    ['floating-ip delete 203.0.113.20', `floatingIps.delete ${FLOATING}`],
    [
      'port-forwarding create 203.0.113.20 --port web --external 8080 --internal 80',
      `portForwardings.create {"protocol":"tcp","external_port_range":"8080","internal_port_range":"80","internal_port_id":"${PORT}","internal_ip_address":"10.0.0.5"}`,
    ],
    [
      'port-forwarding create 203.0.113.20 --port web --protocol udp --external 90:99 --internal 50:59',
      `portForwardings.create {"protocol":"udp","external_port_range":"90:99","internal_port_range":"50:59","internal_port_id":"${PORT}","internal_ip_address":"10.0.0.5"}`,
    ],
    ['port-forwarding delete 203.0.113.20 dcba', `portForwardings.delete ${FORWARDING}`],
    [
      'firewall-rule create outbound deny --protocol tcp --ports 25 --as red',
      'firewallRules.create {"direction":"outbound","action":"deny","protocol":"tcp","port_min":25,"port_max":25}',
    ],
    [
      'firewall-rule create inbound allow --port web --protocol udp --ports 90:99 --remote 198.51.100.0/24 --priority 10',
      `firewallRules.create {"direction":"inbound","action":"allow","port_id":"${PORT}","protocol":"udp","port_min":90,"port_max":99,"remote_cidr":"198.51.100.0/24","priority":10}`,
    ],
    ['firewall-rule create inbound deny --tenant red', `firewallRules.create {"direction":"inbound","action":"deny","tenant_id":"${RED}"}`],
    [
      'firewall-rule update dddd --action allow --protocol any --ports any --remote any --priority 5',
      `firewallRules.update ${RULE} {"action":"allow","protocol":null,"port_min":null,"port_max":null,"remote_cidr":null,"priority":5}`,
    ],
    [
      'firewall-rule update dddd --direction inbound --ports 80',
      `firewallRules.update ${RULE} {"direction":"inbound","port_min":80,"port_max":80}`,
    ],
    ['firewall-rule delete dddd', `firewallRules.delete ${RULE}`],
    [
      'nat-rule create outbound --floating-ip 203.0.113.20 --protocol tcp --ports 25 --as red',
      `natRules.create {"direction":"outbound","protocol":"tcp","port_min":25,"port_max":25,"floating_ip_id":"${FLOATING}"}`,
    ],
    [
      'nat-rule create inbound --port web --protocol udp --ports 90:99 --to 50 --remote 198.51.100.0/24 --priority 10',
      `natRules.create {"direction":"inbound","port_id":"${PORT}","protocol":"udp","port_min":90,"port_max":99,"remote_cidr":"198.51.100.0/24","priority":10,"to_port":50}`,
    ],
    ['nat-rule create outbound --tenant red', `natRules.create {"direction":"outbound","tenant_id":"${RED}"}`],
    ['nat-rule update dddd --floating-ip gateway --to same', `natRules.update ${RULE} {"floating_ip_id":null,"to_port":null}`],
    [
      'nat-rule update dddd --remote any --floating-ip 203.0.113.20',
      `natRules.update ${RULE} {"remote_cidr":null,"floating_ip_id":"${FLOATING}"}`,
    ],
    ['nat-rule delete dddd', `natRules.delete ${RULE}`],
    ['tenant set red --ssh-reach on', `tenants.update ${RED} {"ssh_reach":true}`],
    ['tenant set red --ssh-reach off', `tenants.update ${RED} {"ssh_reach":false}`],
    ['tenant set red --ingress-kbps 20000 --egress-kbps none', `tenants.update ${RED} {"ingress_kbps":20000,"egress_kbps":null}`],
    ['port set web --egress-kbps 20000', `ports.update ${PORT} {"weft:egress_kbps":20000}`],
    ['port set web --ingress-kbps none', `ports.update ${PORT} {"weft:ingress_kbps":null}`],
    ['concentrator move eeee', `concentrators.move ${CONCENTRATOR} {}`],
    ['concentrator move eeee --node network2', `concentrators.move ${CONCENTRATOR} {"node_id":"${NODE}"}`],
  ];
  for (const [line, call] of cases) {
    const fake = cluster()
      .add('portForwardings', { id: FORWARDING })
      .add('firewallRules', { id: RULE, tenant_id: RED })
      .add('natRules', { id: RULE, tenant_id: RED });
    const { err, code } = await weft(line, fake);
    assert.equal(code, 0, `${line}: ${err}`);
    assert.deepEqual(
      fake.calls.filter((each) => /\.(create|update|delete|move) /.test(each)),
      [call],
      line,
    );
  }
});

test('lists say where public addresses lead, and how many are left', async () => {
  const forwarding = { id: FORWARDING, protocol: 'udp', internal_ip_address: '10.0.0.5' };
  const ranges = { external_port: null, external_port_range: '90:99', internal_port: null, internal_port_range: '50:59' };
  const fake = cluster().add('portForwardings', { ...forwarding, ...ranges });
  assert.equal(
    (await weft('floating-ip list --as red', fake)).out,
    'ID        ADDRESS       PORT  LEADS TO  FORWARDINGS  STATUS\nabcd1234  203.0.113.20  web   10.0.0.5  0            ACTIVE\n',
  );
  assert.equal(
    (await weft('port-forwarding list 203.0.113.20 --as red', fake)).out,
    'ID        PROTOCOL  EXTERNAL  LEADS TO\ndcba1234  udp       90:99     10.0.0.5:50:59\n',
  );
  assert.equal(
    (await weft('pool list', fake)).out,
    'ID        NAME  NETWORK  CIDR            TOTAL  USED  FREE\nabcd1234  v4    outside  203.0.113.0/24  10     3     7\n',
  );
  assert.match((await weft('network list --as red', fake)).out, /EXTERNAL.*\n.*outside.*yes/);
});

test('firewall rules are listed as they are asked, and ports are numbers', async () => {
  const any = { protocol: null, remote_cidr: null, port_min: null, port_max: null, port_id: null, tenant_id: RED };
  const mail = {
    id: RULE,
    priority: 10,
    direction: 'outbound',
    action: 'deny',
    protocol: 'tcp',
    port_min: 25,
    port_max: 26,
    port_id: PORT,
  };
  const fake = cluster().add('firewallRules', { ...any, ...mail }, { ...any, ...mail, ...any, priority: 20 });
  assert.equal(
    (await weft('firewall-rule list --as red', fake)).out,
    [
      'ID        PRIORITY  DIRECTION  ACTION  PORT  PROTOCOL  PORTS  REMOTE',
      'dddd1234  10        outbound   deny    web   tcp       25-26  any',
      'dddd1234  20        outbound   deny    all   any       any    any',
      '',
    ].join('\n'),
  );
  for (const flag of ['--ports http', '--priority high', '--ports 80:']) {
    const { err, code } = await weft(`firewall-rule create inbound deny --protocol tcp ${flag} --as red`, fake);
    assert.equal(code, 2, err);
  }
});

test('NAT rules are listed as they are asked, with the addresses that the outside sees', async () => {
  const any = { protocol: null, remote_cidr: null, port_min: null, port_max: null, port_id: null, floating_ip_id: null, to_port: null };
  const web = { protocol: 'tcp', port_min: 8080, port_max: 8080, port_id: PORT, floating_ip_id: FLOATING, to_port: 80 };
  const rule = { ...any, id: RULE, tenant_id: RED };
  const fake = cluster().add(
    'natRules',
    { ...rule, ...web, priority: 10, direction: 'inbound' },
    { ...rule, priority: 20, direction: 'outbound' },
  );
  assert.equal(
    (await weft('nat-rule list --as red', fake)).out,
    [
      'ID        PRIORITY  DIRECTION  PORT  PROTOCOL  PORTS  REMOTE  ADDRESS       TO',
      'dddd1234  10        inbound    web   tcp       8080   any     203.0.113.20  80',
      'dddd1234  20        outbound   all   any       any    any     gateway       -',
      '',
    ].join('\n'),
  );
  for (const line of ['create inbound --to high', 'update dddd', 'update dddd --ports http', 'create sideways'])
    assert.equal((await weft(`nat-rule ${line} --as red`, fake)).code, 2, line);
  assert.equal((await weft('firewall-rule update dddd --as red', fake)).code, 2);
});

test('which network, which address: what is not clear is asked for, with the choices', async () => {
  const refuse = async (line: string, fake: FakeApi, message: RegExp): Promise<void> => {
    const { err, code } = await weft(line, fake);
    assert.match(err, message);
    assert.deepEqual([code, fake.calls.filter((call) => call.includes('.create'))], [2, []], line);
  };
  await refuse('floating-ip create --as red', new FakeApi(), /there is no external network\n.*--external/);
  const two = cluster().add('networks', outside(NODE, 'other'));
  await refuse('floating-ip create --as red', two, /several external networks\nSay --network, one of: outside, other\./);
  await refuse('floating-ip create --ip 10.0.0.5 --as red', cluster(), /an address of which port/);
  const many = cluster().add('ports', { id: NODE, name: 'wide', fixed_ips: [{ ip_address: '10.0.0.6' }, { ip_address: '10.0.0.7' }] });
  const forward = 'port-forwarding create 203.0.113.20 --port wide --external 80 --internal 80';
  await refuse(forward, many, /port wide has 2 addresses\nSay --ip, one of: 10\.0\.0\.6, 10\.0\.0\.7\./);
  await refuse('port-forwarding delete 203.0.113.20', cluster(), /[Ee]xpected/);
  await refuse('tenant set red --ssh-reach perhaps', cluster(), /on\|off/);
});

test('a limit that is no number, and a change of nothing, are refused before anything is asked', async () => {
  const cases: readonly (readonly [line: string, message: RegExp])[] = [
    ['port set web', /nothing to change\nSay --ingress-kbps or --egress-kbps\./],
    ['port set web --egress-kbps fast', /fast is no rate\nSay kilobits a second as a whole number, such as 20000, or `none`\./],
    ['tenant set red', /nothing to change\nSay --ssh-reach, --ingress-kbps or --egress-kbps\./],
    ['tenant set red --ingress-kbps 10Mbit', /10Mbit is no rate/],
  ];
  for (const [line, message] of cases) {
    const fake = cluster();
    const { err, code } = await weft(line, fake);
    assert.match(err, message);
    assert.deepEqual([code, fake.calls], [2, []], line);
  }
});
