import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseIpv4 } from '../ipv4.ts';
import type { FloatingIp, Network, Port } from '../resource.ts';
import type { FloatingIpId, NetworkId, PortId, SubnetId, TenantId } from '../uuid.ts';
import { createFloatingIp, deleteFloatingIp, updateFloatingIp } from './floating-ip.ts';
import type { CreateFloatingIp, FloatingIpTarget } from './floating-ip.ts';
import { isConcentratorUsed, retireConcentrator } from './concentrator.ts';
import { deleteNetwork, updateNetwork } from './network.ts';
import { createPortForwarding } from './port-forwarding.ts';
import { deletePort, updatePort } from './port.ts';
import { deleteSubnet } from './subnet.ts';
import { deleteTenant } from './tenant.ts';
import { assertRefused, TestCluster, testId } from './test-support.ts';

type Rig = Readonly<{
  cluster: TestCluster;
  outside: Network;
  network: Network;
  port: Port;
  /** Not applied. */
  tryTo: (request?: Partial<CreateFloatingIp>) => ReturnType<typeof createFloatingIp>;
  create: (request?: Partial<CreateFloatingIp>) => FloatingIp;
  update: (id: FloatingIpId, target: FloatingIpTarget | null) => ReturnType<typeof updateFloatingIp>;
}>;

/** An operator's network outside, and a tenant's network with one port. */
function rig(cidr = '203.0.113.0/24'): Rig {
  const cluster = new TestCluster();
  const outside = cluster.network(cluster.tenant('operator').id, { external: true });
  cluster.subnet(outside, cidr);
  const network = cluster.network(cluster.tenant('red').id);
  cluster.subnet(network, '10.0.0.0/24');
  const port = cluster.port(network);
  const plain = { tenantId: network.tenantId, description: '', subnetId: undefined, address: undefined, target: undefined };
  const tryTo: Rig['tryTo'] = (request = {}) =>
    createFloatingIp(cluster.state, cluster.context, { ...plain, floatingNetworkId: outside.id, ...request });
  return {
    cluster,
    outside,
    network,
    port,
    tryTo,
    create: (request) => cluster.do(tryTo(request)).floatingIp,
    update: (id, target) => updateFloatingIp(cluster.state, cluster.context, id, { target }),
  };
}

const at = (port: Port, fixedIp?: string): FloatingIpTarget => ({
  portId: port.id,
  fixedIp: fixedIp === undefined ? undefined : parseIpv4(fixedIp),
});

test('an address can be chosen, given, led to a port, taken off it and given back', () => {
  const { cluster, port, create, update } = rig();
  const given = create({ address: parseIpv4('203.0.113.77') });
  assert.deepEqual([given.address, given.portId, given.fixedIp], ['203.0.113.77', undefined, undefined]);
  const led = cluster.do(update(given.id, at(port))).floatingIp;
  assert.deepEqual([led.portId, led.fixedIp, led.revision], [port.id, port.fixedIps[0]?.address, 2]);
  assert.deepEqual([...cluster.state.floatingIpsOfPort(port.id)], [led]);
  const described = cluster.do(updateFloatingIp(cluster.state, cluster.context, led.id, { description: 'web' })).floatingIp;
  assert.deepEqual([described.description, described.portId], ['web', port.id]);
  assert.equal(cluster.do(update(given.id, at(port))).floatingIp.portId, port.id, 'the same again is no conflict with itself');
  assert.equal(cluster.do(update(given.id, null)).floatingIp.portId, undefined);
  cluster.do(deleteFloatingIp(cluster.state, given.id));
  assert.equal(cluster.state.floatingIpByAddress(given.address), undefined);
});

test('chosen addresses are never anybody else’s: no gateway’s, no router’s, no other floating IP’s, until none is left', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 12 }), (wishes) => {
      const { cluster, create, tryTo } = rig('203.0.113.8/29');
      const held: FloatingIp[] = [];
      for (const give of wishes) {
        if (give || held.length === 0) {
          // .8 is the network, .9 its gateway, .15 its broadcast address; a gateway of the tenant's may have one of the others.
          const uplinks = [...cluster.state.concentrators.values()].map(({ uplink }) => uplink?.address);
          if (held.length + uplinks.filter((uplink) => /\.1[0-4]$/.test(uplink ?? '')).length === 5) {
            assertRefused(cluster, () => tryTo(), 'ip_address_generation_failure', /No more IP addresses/);
            continue;
          }
          const made = create();
          assert.match(made.address, /^203\.0\.113\.1[0-4]$/);
          assert.ok(!uplinks.includes(made.address) && !held.some(({ address }) => address === made.address), made.address);
          held.push(made);
        } else {
          cluster.do(deleteFloatingIp(cluster.state, held.shift()!.id));
        }
      }
    }),
    { numRuns: 30 },
  );
});

test('what cannot be a floating IP is refused by its reason', () => {
  const { cluster, outside, network, tryTo, create } = rig();
  const address = (text: string) => () => tryTo({ address: parseIpv4(text) });
  const other = cluster.network(outside.tenantId, { external: true });
  const far = cluster.subnet(other, '198.51.100.0/24');
  assertRefused(cluster, () => tryTo({ floatingNetworkId: testId<NetworkId>(1) }), 'not_found', /^network ffffffff/);
  assertRefused(cluster, () => tryTo({ floatingNetworkId: network.id }), 'not_external_network', /not a valid external network/);
  assertRefused(cluster, () => tryTo({ tenantId: testId<TenantId>(1) }), 'not_found', /^tenant ffffffff/);
  assertRefused(cluster, () => tryTo({ subnetId: testId<SubnetId>(1) }), 'not_found', /^subnet ffffffff/);
  assertRefused(cluster, () => tryTo({ subnetId: far.id }), 'not_found', /^subnet /);
  for (const text of ['198.51.100.5', '203.0.113.0', '203.0.113.255']) {
    assertRefused(cluster, address(text), 'invalid_ip_for_network', new RegExp(text));
  }
  create({ address: parseIpv4('203.0.113.77') });
  const uplink = cluster.state.concentratorOf(network.tenantId)?.uplink?.address;
  assert.ok(uplink !== undefined);
  for (const text of ['203.0.113.77', '203.0.113.1', uplink]) {
    assertRefused(cluster, address(text), 'ip_address_already_allocated', new RegExp(text));
  }
});

test('the provider’s router keeps its address, also where the subnet does not name it', () => {
  const { cluster, outside, tryTo } = rig('198.51.100.0/24');
  cluster.subnet(outside, '203.0.113.0/24', { gatewayIp: null });
  assertRefused(cluster, () => tryTo({ address: parseIpv4('203.0.113.1') }), 'ip_address_already_allocated');
});

test('what a floating IP cannot lead to is refused by its reason', () => {
  const { cluster, outside, network, port, tryTo, create, update } = rig();
  const floating = create();
  const lead = (target: FloatingIpTarget) => () => update(floating.id, target);
  const blue = cluster.network(cluster.tenant('blue').id);
  cluster.subnet(blue, '10.0.0.0/24');
  assertRefused(cluster, lead({ portId: testId<PortId>(1), fixedIp: undefined }), 'not_found', /^port ffffffff/);
  assertRefused(cluster, lead(at(cluster.port(blue))), 'not_found', /^port /);
  assertRefused(cluster, lead(at(port, '10.0.0.200')), 'invalid_fixed_ip', /does not have fixed ip 10\.0\.0\.200/);
  assertRefused(cluster, lead(at(cluster.port(network, { fixedIps: [] }))), 'invalid_fixed_ip', /has no fixed IPv4 addresses/);
  const twice = cluster.port(network, {
    fixedIps: ['10.0.0.100', '10.0.0.101'].map((text) => ({ subnetId: undefined, address: parseIpv4(text) })),
  });
  assertRefused(cluster, lead(at(twice)), 'invalid_fixed_ip', /multiple fixed IPv4 addresses/);
  const quiet = cluster.network(network.tenantId);
  cluster.subnet(quiet, '10.9.0.0/24', { gatewayIp: null });
  assertRefused(cluster, lead(at(cluster.port(quiet))), 'external_gateway_not_found', /is not reachable from subnet/);
  create({ target: at(port) });
  assertRefused(cluster, lead(at(port)), 'floating_ip_port_already_associated', /already has a floating IP/);
  assertRefused(cluster, () => tryTo({ target: at(port) }), 'floating_ip_port_already_associated');
  const second = cluster.network(outside.tenantId, { external: true });
  cluster.subnet(second, '198.51.100.0/24');
  create({ floatingNetworkId: second.id, target: at(port) });
  assertRefused(cluster, () => update(testId<FloatingIpId>(1), null), 'not_found', /^floatingIp ffffffff/);
  assertRefused(cluster, () => deleteFloatingIp(cluster.state, testId<FloatingIpId>(1)), 'not_found', /^floatingIp ffffffff/);
});

test('an address with port forwardings can neither be led to a port nor deleted, nor can its target have another', () => {
  const { cluster, port, create, update } = rig();
  const floating = create();
  const internalAddress = port.fixedIps[0]!.address;
  const ports = { externalFirst: 80, externalLast: 80, internalFirst: 80, internalLast: 80 };
  const forward = { ...ports, description: '', protocol: 'tcp', internalPortId: port.id, internalAddress } as const;
  cluster.do(createPortForwarding(cluster.state, cluster.context, floating.id, forward));
  assertRefused(cluster, () => update(floating.id, at(port)), 'fip_in_use_by_port_forwarding', /in use by Port Forwarding/);
  assertRefused(cluster, () => deleteFloatingIp(cluster.state, floating.id), 'fip_in_use_by_port_forwarding');
  assert.equal(cluster.do(update(floating.id, null)).floatingIp.portId, undefined);
  const other = create();
  assertRefused(cluster, () => update(other.id, at(port)), 'port_has_port_forwarding', /leads there already/);
});

test('a port that goes, or loses the address, leaves its public address with the tenant', () => {
  const { cluster, network, port, create } = rig();
  const { id } = create({ target: at(port) });
  cluster.do(updatePort(cluster.state, cluster.context, port.id, { name: 'same address' }));
  assert.equal(cluster.state.floatingIps.get(id)?.portId, port.id);
  const fixedIps = [{ subnetId: undefined, address: parseIpv4('10.0.0.99') }];
  cluster.do(updatePort(cluster.state, cluster.context, port.id, { fixedIps }));
  assert.deepEqual([cluster.state.floatingIps.get(id)?.portId, cluster.state.floatingIps.get(id)?.fixedIp], [undefined, undefined]);
  const next = cluster.port(network);
  const led = create({ target: at(next) });
  cluster.do(deletePort(cluster.state, cluster.context, next.id));
  assert.equal(cluster.state.floatingIps.get(led.id)?.portId, undefined);
});

test('an external network holds no port, and stays what it is while it is used', () => {
  const { cluster, outside, network, create } = rig();
  assertRefused(cluster, () => cluster.tryToPort(outside), 'port_on_external_network', /is external/);
  assertRefused(cluster, () => updateNetwork(cluster.state, cluster.context, network.id, { external: true }), 'network_in_use');
  const floating = create();
  const [subnet] = cluster.state.subnetsOf(outside.id);
  const inside = () => updateNetwork(cluster.state, cluster.context, outside.id, { external: false });
  assertRefused(cluster, inside, 'external_network_in_use', /cannot become internal: floating IP/);
  assertRefused(cluster, () => deleteNetwork(cluster.state, outside.id), 'external_network_in_use', /cannot be deleted: floating IP/);
  assertRefused(cluster, () => deleteSubnet(cluster.state, cluster.context, subnet!.id), 'subnet_in_use');
  assertRefused(cluster, () => deleteTenant(cluster.state, outside.tenantId), 'tenant_in_use', /still has network/);
  cluster.do(deleteFloatingIp(cluster.state, floating.id));
  assert.equal(cluster.state.concentratorOf(outside.tenantId), undefined, 'an external network has no gateway of its tenant’s');
  cluster.do(inside());
  assert.ok(cluster.state.concentratorOf(outside.tenantId) !== undefined, 'with an internal one the tenant needs a gateway');
});

test('a tenant with a public address is not deleted', () => {
  const { cluster, tryTo } = rig();
  const { id } = cluster.tenant('green');
  const { floatingIp } = cluster.do(tryTo({ tenantId: id }));
  assertRefused(cluster, () => deleteTenant(cluster.state, id), 'tenant_in_use', new RegExp(floatingIp.address));
});

test('a concentrator is retired when nothing is behind it, and is there again with the next address that leads somewhere', () => {
  const { cluster, network, port, create, update } = rig();
  const concentrator = cluster.state.concentratorOf(network.tenantId)!;
  const floating = create({ target: at(port) });
  assert.equal(isConcentratorUsed(cluster.state, concentrator), true);
  assert.deepEqual(retireConcentrator(cluster.state, concentrator.id), { put: [], remove: [] });
  cluster.do(update(floating.id, null));
  assert.equal(isConcentratorUsed(cluster.state, concentrator), false);
  cluster.do(retireConcentrator(cluster.state, concentrator.id));
  assert.equal(cluster.state.concentratorOf(network.tenantId), undefined);
  assert.deepEqual(retireConcentrator(cluster.state, concentrator.id), { put: [], remove: [] }, 'twice is once');
  cluster.do(update(floating.id, at(port)));
  assert.ok(cluster.state.concentratorOf(network.tenantId) !== undefined);
});

test('a retired concentrator is there again with the next workload, but not for one without a gateway', () => {
  const { cluster, network, port } = rig();
  const retire = (): void => void cluster.do(retireConcentrator(cluster.state, cluster.state.concentratorOf(network.tenantId)!.id));
  retire();
  const quiet = cluster.network(network.tenantId);
  cluster.subnet(quiet, '10.9.0.0/24', { gatewayIp: null });
  cluster.instance(cluster.port(quiet).id);
  assert.equal(cluster.state.concentratorOf(network.tenantId), undefined);
  cluster.instance(port.id);
  assert.ok(cluster.state.concentratorOf(network.tenantId) !== undefined);
});
