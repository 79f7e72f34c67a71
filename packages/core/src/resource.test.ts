import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIpv4 } from './ip.ts';
import { parseCidr } from './cidr.ts';
import { placeConcentrator } from './command/concentrator.ts';
import { createFirewallRule } from './command/firewall-rule.ts';
import { createNatRule } from './command/nat-rule.ts';
import { createFloatingIp } from './command/floating-ip.ts';
import { createRbacPolicy } from './command/rbac-policy.ts';
import { createSecurityGroup } from './command/security-group.ts';
import { autoTopology } from './command/auto-topology.ts';
import { updateNetwork } from './command/network.ts';
import { createSubnetPool } from './command/subnet-pool.ts';
import { createRouter } from './command/router.ts';
import { createPortForwarding } from './command/port-forwarding.ts';
import { placeInstance } from './command/instance.ts';
import { TestCluster } from './command/test-support.ts';
import { createApplicationCredential, createUser, grantRole, revokeToken, rotateTokenKey } from './command/identity.ts';
import { updateTenant } from './command/tenant.ts';
import type { AddressHold } from './address-hold.ts';
import { stamps } from './command/context.ts';
import type { Ipv4 } from './ipv4.ts';
import { parseResource, resourceKey } from './resource.ts';
import type { Resource } from './resource.ts';
import type { ConcentratorId, NetworkId, TenantId, TokenRevocationId } from './uuid.ts';
import { InvalidValue } from './weft-error.ts';

/** A record of every kind, with every optional field once there and once not. */
function records(): readonly Resource[] {
  const cluster = new TestCluster();
  const node = cluster.node(1);
  for (const gatewayIp of [undefined, null]) {
    const names =
      gatewayIp === null
        ? {}
        : { dnsName: 'web', dnsDomain: 'red.example.', dhcpOptions: [{ name: 'mtu', value: '1400' }], binding: { host: 'n1' } };
    const network = cluster.network(cluster.tenant().id, names);
    const told =
      gatewayIp === null
        ? {}
        : { hostRoutes: [{ destination: parseCidr('172.16.0.0/12'), nexthop: '10.0.0.9' as Ipv4 }], serviceTypes: [''] };
    cluster.subnet(network, '10.0.0.0/24', { gatewayIp, ...told });
    if (gatewayIp === undefined) cluster.subnet(network, 'fd00::/64', { raMode: 'slaac', addressMode: 'slaac' });
    const rateLimit = gatewayIp === null ? {} : { ingressKbps: 64, egressKbps: 100_000_000 };
    cluster.do(updateTenant(cluster.state, cluster.context, network.tenantId, { rateLimit }));
    const addressPairs = gatewayIp === null ? [] : [{ cidr: parseCidr('10.9.0.0/16'), text: '10.9.8.7/16', mac: undefined }];
    const groupWish = { tenantId: network.tenantId, name: 'plain', description: '', stateful: gatewayIp === null };
    cluster.do(createSecurityGroup(cluster.state, cluster.context, groupWish));
    const port = cluster.port(network, { rateLimit, addressPairs, ...names });
    const instance = cluster.instance(port.id);
    const { floatingNetworkId } = publicNetwork(cluster, network.tenantId, gatewayIp === null);
    const [internalAddress] = port.fixedIps.map(({ address }) => address).filter(isIpv4);
    const target = gatewayIp === null ? undefined : { portId: port.id, fixedIp: undefined };
    const plain = { tenantId: port.tenantId, description: '', subnetId: undefined, address: undefined, ...names };
    cluster.do(createFloatingIp(cluster.state, cluster.context, { ...plain, floatingNetworkId, target }));
    const holder = cluster.do(createFloatingIp(cluster.state, cluster.context, { ...plain, floatingNetworkId, target: undefined }));
    if (gatewayIp === undefined && internalAddress !== undefined) {
      const other = cluster.port(network);
      const ports = { externalFirst: 80, externalLast: 81, internalFirst: 8080, internalLast: 8081 };
      const wish = { ...ports, description: '', protocol: 'udp', internalPortId: other.id } as const;
      const to = { ...wish, internalAddress: other.fixedIps[0]?.address ?? internalAddress };
      cluster.do(createPortForwarding(cluster.state, cluster.context, holder.floatingIp.id, to));
    }
    const scope =
      gatewayIp === null ? {} : ({ protocol: 'tcp', remoteCidr: parseCidr('198.51.100.0/24'), portMin: 80, portMax: 81 } as const);
    const any = { protocol: undefined, remoteCidr: undefined, portMin: undefined, portMax: undefined, ...scope };
    const rule = { ...any, direction: 'inbound', action: 'deny', priority: 1, description: '', tenantId: port.tenantId } as const;
    const portId = gatewayIp === null ? undefined : port.id;
    cluster.do(createFirewallRule(cluster.state, cluster.context, { ...rule, portId }));
    const translation = { ...any, tenantId: port.tenantId, priority: 1, description: '' };
    const ends = { portId, floatingIpId: undefined, toPort: undefined };
    const led = { ...ends, direction: 'inbound', floatingIpId: holder.floatingIp.id, toPort: 8080 } as const;
    const natRule = { ...translation, ...(gatewayIp === null ? { ...ends, direction: 'outbound' as const } : led) };
    cluster.do(createNatRule(cluster.state, cluster.context, natRule));
    if (gatewayIp === null) cluster.do(placeInstance(cluster.state, cluster.context, instance.id, node));
    const concentrator = cluster.state.concentratorOf(network.tenantId);
    if (concentrator !== undefined) cluster.do(placeConcentrator(cluster.state, cluster.context, concentrator.id, node));
    if (concentrator !== undefined) cluster.do({ put: [hold(cluster, concentrator.id, internalAddress, gatewayIp === null)], remove: [] });
    identity(cluster, gatewayIp === null ? network.tenantId : undefined);
    const externalGateway = gatewayIp === null ? undefined : { networkId: floatingNetworkId, enableSnat: undefined, fixedIps: undefined };
    const router = { tenantId: port.tenantId, name: '', description: '', adminStateUp: true, externalGateway };
    cluster.do(createRouter(cluster.state, cluster.context, router));
    const lengths = { minPrefixLength: undefined, maxPrefixLength: undefined, defaultPrefixLength: 24 };
    const prefixes = { ...lengths, prefixes: [parseCidr('10.8.0.0/16')], defaultQuota: gatewayIp === null ? undefined : 512 };
    const pool = { tenantId: port.tenantId, name: '', description: '', ...prefixes, isDefault: gatewayIp === undefined, shared: true };
    cluster.do(createSubnetPool(cluster.state, cluster.context, pool));
    if (gatewayIp === undefined) {
      cluster.do(updateNetwork(cluster.state, cluster.context, floatingNetworkId, { isDefault: true }));
      cluster.do(autoTopology(cluster.state, cluster.context, port.tenantId));
    }
  }
  return cluster.records();
}

function hold(cluster: TestCluster, concentratorId: ConcentratorId, address: Ipv4 | undefined, wasMapped: boolean): AddressHold {
  const { context, state } = cluster;
  const formerTenantId = state.concentrators.get(concentratorId)?.tenantId;
  assert.ok(formerTenantId !== undefined && address !== undefined);
  const id = context.uuid() as AddressHold['id'];
  const who = { nodeId: cluster.node(2), concentratorId, formerTenantId };
  return { kind: 'addressHold', id, address, ...who, internal: wasMapped ? address : undefined, ...stamps(context) };
}

function identity(cluster: TestCluster, tenantId: TenantId | undefined): void {
  const { state, context } = cluster;
  const some = tenantId === undefined ? undefined : 'some';
  const who = { name: `user ${state.identity.users.size}`, description: '', enabled: true, email: some, passwordHash: some };
  const { user } = cluster.do(createUser(state, context, { ...who, defaultTenantId: tenantId }));
  cluster.do(grantRole(state, context, { userId: user.id, tenantId, role: 'member' }));
  for (const expiresAt of tenantId === undefined ? [] : [undefined, 1]) {
    const what = {
      userId: user.id,
      name: `credential ${expiresAt}`,
      description: '',
      secretHash: '',
      unrestricted: false,
      roles: undefined,
    };
    if (tenantId !== undefined) cluster.do(createApplicationCredential(state, context, { ...what, tenantId, expiresAt }));
  }
  const [network] = cluster.state.networks.values();
  if (network !== undefined)
    cluster.do(createRbacPolicy(state, context, { objectId: network.id, action: 'access_as_shared', target: `project ${who.name}` }));
  cluster.do(rotateTokenKey(state, context, 0, 1));
  cluster.do(revokeToken(state, context, { auditId: context.uuid() as TokenRevocationId, expiresAt: 1 }, 0));
}

function publicNetwork(cluster: TestCluster, tenantId: TenantId, second: boolean): Readonly<{ floatingNetworkId: NetworkId }> {
  const network = cluster.network(tenantId, { external: true });
  cluster.subnet(network, second ? '198.51.100.0/24' : '203.0.113.0/24');
  return { floatingNetworkId: network.id };
}

const stored = (resource: Resource): Record<string, unknown> => JSON.parse(JSON.stringify(resource)) as Record<string, unknown>;

test('a record survives the store, and what a later release added is dropped', () => {
  const all = records();
  assert.equal(new Set(all.map(({ kind }) => kind)).size, 22, 'the example has every kind');
  for (const record of all) {
    assert.deepEqual(parseResource(stored(record)), record, record.kind);
    assert.deepEqual(parseResource({ ...stored(record), invented: 1 }), record, record.kind);
    assert.equal(resourceKey(record), `${record.kind}/${record.id}`);
  }
});

test('a record without a field that it needs, or with nonsense in it, is refused by the field’s name', () => {
  const optional = [
    'ipVersion',
    'gatewayIp',
    'raMode',
    'addressMode',
    'hostRoutes',
    'serviceTypes',
    'dnsName',
    'dnsDomain',
    'dhcpOptions',
    'binding',
    'externalGateway',
    'routerId',
    'concentrator.networkId',
    'autoRouterId',
    'network.isDefault',
    'subnetPoolId',
    'defaultQuota',
    'external',
    'sshReach',
    'sshPort',
    'addressPairs',
    'stateless',
    'rateLimit',
    'floatingIp.portId',
    'fixedIp',
    'protocol',
    'portMin',
    'portMax',
    'remoteCidr',
    'remoteGroupId',
    'vtep',
    'givenAddress',
    'nodeId',
    'uplink',
    'requestedNodeId',
    'firewallRule.portId',
    'tenant.description',
    'tenant.enabled',
    'email',
    'defaultTenantId',
    'passwordHash',
    'roleAssignment.tenantId',
    'applicationCredential.expiresAt',
    'natRule.portId',
    'natRule.floatingIpId',
    'toPort',
    'internal',
  ];
  for (const record of records()) {
    for (const field of Object.keys(stored(record))) {
      const nonsense = { ...stored(record), [field]: { a: 1 } };
      assert.throws(() => parseResource(nonsense), InvalidValue, `${record.kind}.${field}`);
      if (optional.includes(field) || optional.includes(`${record.kind}.${field}`)) continue;
      const missing = Object.fromEntries(Object.entries(stored(record)).filter(([key]) => key !== field));
      assert.throws(() => parseResource(missing), new RegExp(`\\.${field} undefined: is missing`), `${record.kind}.${field}`);
    }
  }
});

test('an unknown kind is refused with those that are known', () => {
  assert.throws(() => parseResource({ kind: 'rooter' }), /record\.kind "rooter": is not one of tenant, network, subnet, port/);
  assert.throws(() => parseResource('text'), InvalidValue);
});
