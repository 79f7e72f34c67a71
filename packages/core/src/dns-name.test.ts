import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inDomain, isDnsName, nameOfAddress, ownDomain } from './dns-name.ts';
import { assertRefused, TestCluster } from './command/test-support.ts';
import { createFloatingIp } from './command/floating-ip.ts';
import { updateNetwork } from './command/network.ts';
import { updatePort } from './command/port.ts';

test('a name is of labels as hosts have them', () => {
  for (const name of ['web', 'web.', 'a.b-c.d', '1', 'a'.repeat(63)]) assert.ok(isDnsName(name), name);
  for (const name of ['', '.', '-a', 'a-', 'a..b', 'a_b', 'A', 'a b', 'a'.repeat(64), `${'a.'.repeat(130)}a`])
    assert.ok(!isDnsName(name), name);
});

test('a name is followed by the first of its domains, a whole one loses the domain that it ends with', () => {
  assert.deepEqual(inDomain('web', ['red.example.', 'weft.internal.']), { hostname: 'web', fqdn: 'web.red.example.' });
  assert.deepEqual(inDomain('web.weft.internal.', ['red.example.', 'weft.internal.']), { hostname: 'web', fqdn: 'web.weft.internal.' });
  assert.deepEqual(inDomain('web.blue.example.', ['red.example.']), { hostname: 'web.blue.example', fqdn: 'web.blue.example.' });
});

test('an address is called as its port says, else as its workload, else by itself; the port’s domain comes before the network’s', () => {
  const cluster = new TestCluster();
  const network = cluster.network(cluster.tenant().id, { dnsDomain: 'red.example.' });
  cluster.subnet(network, '10.0.0.0/24');
  const { id } = cluster.port(network);
  const now = (): unknown => {
    const port = cluster.state.ports.get(id);
    assert.ok(port?.fixedIps[0] !== undefined);
    return [nameOfAddress(cluster.state, port, port.fixedIps[0].address), ownDomain(cluster.state, port)];
  };
  const update = (request: Parameters<typeof updatePort>[3]): unknown =>
    cluster.do(updatePort(cluster.state, cluster.context, id, request));
  assert.match(String(now()), /^host-10-0-0-\d+,red\.example\.$/);
  update({ dnsName: 'web', dnsDomain: 'blue.example.' });
  assert.deepEqual(now(), ['web', 'blue.example.']);
  update({ dnsName: 'web.blue.example.' });
  assert.deepEqual(now(), ['web.blue.example.', 'blue.example.']);
  update({ dnsName: '', dnsDomain: '' });
  cluster.do(updateNetwork(cluster.state, cluster.context, network.id, { dnsDomain: '' }));
  assert.match(String(now()), /^host-10-0-0-\d+,$/);
});

test('a whole name is in the domain that it would get otherwise, and fits with it', () => {
  const cluster = new TestCluster({ cluster: { dnsDomain: 'cloud.example' } });
  const network = cluster.network(cluster.tenant().id);
  const { id } = cluster.port(network);
  const to = (dnsName: string, dnsDomain?: string) => () =>
    updatePort(cluster.state, cluster.context, id, { dnsName, ...(dnsDomain === undefined ? {} : { dnsDomain }) });
  assertRefused(cluster, to('web.red.example.'), 'invalid_dns_name', /must be equal to the dns_domain, 'cloud\.example\.'/);
  assertRefused(cluster, to('web.cloud.example.', 'red.example.'), 'invalid_dns_name', /'red\.example\.'/);
  assertRefused(cluster, to('a'.repeat(60).concat('.b'.repeat(95))), 'invalid_dns_name', /is longer than 255/);
  assert.equal(to('web.cloud.example.')().port.dnsName, 'web.cloud.example.');
});

test('a public address has a name in a domain, or neither', () => {
  const cluster = new TestCluster();
  const { id: tenantId } = cluster.tenant();
  const network = cluster.network(tenantId, { external: true });
  cluster.subnet(network, '198.51.100.0/24', { enableDhcp: false });
  const wish = { tenantId, description: '', floatingNetworkId: network.id, subnetId: undefined, address: undefined, target: undefined };
  const create = (more: object) => () => createFloatingIp(cluster.state, cluster.context, { ...wish, ...more });
  assertRefused(cluster, create({ dnsName: 'shop' }), 'invalid_floating_dns', /dns_name cannot be specified without a dns_domain/);
  assertRefused(
    cluster,
    create({ dnsDomain: 'red.example.' }),
    'invalid_floating_dns',
    /dns_domain cannot be specified without a dns_name/,
  );
  assert.equal(create({ dnsName: 'shop', dnsDomain: 'red.example.' })().floatingIp.dnsName, 'shop');
});

test('a guest of a network has no say in what it is called there', () => {
  const cluster = new TestCluster();
  const network = cluster.network(cluster.tenant().id, { dnsDomain: 'red.example.' });
  cluster.subnet(network, '10.0.0.0/24');
  const own = cluster.port(network, { dnsName: 'web', dnsDomain: 'blue.example.' });
  const guest = { ...own, tenantId: cluster.tenant().id };
  const [fixed] = own.fixedIps;
  assert.ok(fixed !== undefined);
  assert.deepEqual([nameOfAddress(cluster.state, own, fixed.address), ownDomain(cluster.state, own)], ['web', 'blue.example.']);
  assert.match(nameOfAddress(cluster.state, guest, fixed.address), /^host-10-0-0-/);
  assert.equal(ownDomain(cluster.state, guest), 'red.example.');
});
