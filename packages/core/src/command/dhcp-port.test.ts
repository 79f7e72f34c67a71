import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NETWORK_DHCP } from '../dhcp-service.ts';
import { parseIpv4 } from '../ipv4.ts';
import { compile } from '../plan/compile.ts';
import { createReach } from '../reach/reach.ts';
import type { Network, Port, Tenant } from '../resource.ts';
import type { Subnet } from '../subnet.ts';
import { isConcentratorUsed, placeConcentrator, retireConcentrator } from './concentrator.ts';
import { deleteInstance, placeInstance } from './instance.ts';
import { deleteNetwork, updateNetwork } from './network.ts';
import { deletePort, updatePort } from './port.ts';
import { checkQuotas } from './quota.ts';
import { createRouter } from './router.ts';
import { addRouterInterface, removeRouterInterface } from './router-interface.ts';
import { deleteSubnet, updateSubnet } from './subnet.ts';
import { createTenant } from './tenant.ts';
import { assertRefused, TestCluster } from './test-support.ts';

/** A project as the identity service makes one, with a network. */
class Scene {
  readonly cluster = new TestCluster();
  readonly tenant: Tenant;
  readonly network: Network;

  constructor() {
    const { state, context } = this.cluster;
    this.tenant = this.cluster.do(createTenant(state, context, { name: 'project', tokenHash: '', automaticGateway: false })).tenant;
    this.network = this.cluster.network(this.tenant.id);
  }

  subnet(cidr = '10.0.0.0/24', request: Parameters<TestCluster['subnet']>[2] = {}): Subnet {
    return this.cluster.subnet(this.network, cidr, request);
  }

  server(): Port | undefined {
    return this.cluster.state.dhcpPortOn(this.network.id);
  }

  /** Names of subnets' CIDRs that the DHCP port has an address in. */
  served(): readonly string[] {
    return (this.server()?.fixedIps ?? []).map(({ subnetId }) => this.cluster.state.subnets.get(subnetId)!.cidr);
  }

  /** On a router of its own. */
  routed(subnet: Subnet): () => void {
    const { state, context } = this.cluster;
    const wish = { tenantId: this.tenant.id, name: '', description: '', adminStateUp: true, externalGateway: undefined };
    const { router } = this.cluster.do(createRouter(state, context, wish));
    const request = { subnetId: subnet.id, portId: undefined };
    this.cluster.do(addRouterInterface(state, context, router.id, request));
    return () => void this.cluster.do(removeRouterInterface(state, context, router.id, request));
  }
}

test('the first port of a subnet without a router gets a DHCP port beside it, and a concentrator without uplink', () => {
  const scene = new Scene();
  const { state } = scene.cluster;
  scene.subnet();
  assert.equal(scene.server(), undefined, 'nobody is there to be served');
  const port = scene.cluster.port(scene.network);
  const server = scene.server();
  assert.ok(server !== undefined);
  assert.deepEqual(
    [server.deviceOwner, server.deviceId, server.tenantId, server.portSecurityEnabled, server.securityGroups],
    [NETWORK_DHCP, `dhcp-${scene.network.id}`, scene.tenant.id, false, []],
  );
  assert.notEqual(server.fixedIps[0]?.address, port.fixedIps[0]?.address);
  const concentrator = state.concentratorOfNetwork(scene.network.id);
  assert.deepEqual([concentrator?.networkId, concentrator?.uplink, concentrator?.tenantId], [scene.network.id, undefined, scene.tenant.id]);
  scene.cluster.port(scene.network);
  assert.deepEqual(scene.server(), server, 'one is enough');
});

test('a tenant with an automatic gateway needs one only for subnets without a gateway', () => {
  const cluster = new TestCluster();
  const network = cluster.network(cluster.tenant().id);
  const bare = cluster.subnet(network, '10.0.1.0/24', { gatewayIp: null });
  cluster.subnet(network, '10.0.0.0/24');
  cluster.subnet(network, '10.0.2.0/24', { gatewayIp: null, enableDhcp: false });
  for (const { id } of Array.from(cluster.state.subnetsOf(network.id)))
    cluster.port(network, { fixedIps: [{ subnetId: id, address: undefined }] });
  assert.deepEqual(
    cluster.state.dhcpPortOn(network.id)?.fixedIps.map(({ subnetId }) => subnetId),
    [bare.id],
  );
  cluster.do(updateSubnet(cluster.state, cluster.context, bare.id, { gatewayIp: parseIpv4('10.0.1.1'), allocationPools: [] }));
  assert.equal(cluster.state.dhcpPortOn(network.id), undefined, 'with a gateway the automatic one serves it');
});

test('a subnet that is put on a router leaves its DHCP port in the same commit, and comes back to one', () => {
  const scene = new Scene();
  const { state } = scene.cluster;
  const [one] = [scene.subnet(), scene.subnet('10.0.1.0/24')];
  for (const { id } of Array.from(state.subnetsOf(scene.network.id)))
    scene.cluster.port(scene.network, { fixedIps: [{ subnetId: id, address: undefined }] });
  assert.deepEqual(scene.served(), ['10.0.0.0/24', '10.0.1.0/24']);
  const answering = (): readonly (string | undefined)[] =>
    state.gatewaysOf(scene.network).flatMap(({ concentrator, legs }) => legs.map(() => concentrator.routerId ?? concentrator.networkId));
  const before = scene.server();
  const takeOff = scene.routed(one);
  assert.deepEqual(scene.served(), ['10.0.1.0/24']);
  assert.equal(answering().length, 2, 'one gateway for each subnet');
  assert.equal(state.gatewayOfSubnet(one.id)?.networkId, undefined);
  takeOff();
  assert.deepEqual(scene.served(), ['10.0.0.0/24', '10.0.1.0/24']);
  assert.equal(scene.server()?.id, before?.id, 'it is the same port');
  assert.deepEqual(answering(), [scene.network.id, scene.network.id]);
});

test('with nothing left to serve port and concentrator go: on routers, without DHCP, outside', () => {
  const { routed, subnets, ...rest } = {
    routed: (scene: Scene, [subnet]: readonly Subnet[]): unknown => scene.routed(subnet!),
    subnets: (scene: Scene, all: readonly Subnet[]): void => {
      const { state, context } = scene.cluster;
      for (const { id } of all) scene.cluster.do(updateSubnet(state, context, id, { enableDhcp: false }));
    },
    deleted: (scene: Scene, all: readonly Subnet[]): void => {
      const { state, context } = scene.cluster;
      for (const port of Array.from(state.portsOf(scene.network.id)))
        if (port.deviceOwner === '') scene.cluster.do(deletePort(state, context, port.id));
      assert.ok(scene.server() !== undefined, 'an empty subnet keeps it, as it keeps its address');
      for (const { id } of all) scene.cluster.do(deleteSubnet(state, context, id));
    },
    external: (scene: Scene): void => {
      const { state, context } = scene.cluster;
      for (const port of Array.from(state.portsOf(scene.network.id)))
        if (port.deviceOwner === '') scene.cluster.do(deletePort(state, context, port.id));
      scene.cluster.do(updateNetwork(state, context, scene.network.id, { external: true }));
    },
  };
  for (const [name, way] of Object.entries({ routed, subnets, ...rest })) {
    const scene = new Scene();
    const subnet = scene.subnet();
    scene.cluster.port(scene.network);
    assert.deepEqual(scene.served(), ['10.0.0.0/24'], name);
    way(scene, [subnet]);
    assert.equal(scene.server(), undefined, name);
    assert.equal(scene.cluster.state.concentratorOfNetwork(scene.network.id), undefined, name);
  }
});

test('a network with nothing but its DHCP port is deleted with it; another port is in the way', () => {
  const scene = new Scene();
  const { state, context } = scene.cluster;
  const subnet = scene.subnet();
  const port = scene.cluster.port(scene.network);
  assertRefused(scene.cluster, () => deleteNetwork(state, scene.network.id), 'network_in_use', new RegExp(port.id));
  assertRefused(scene.cluster, () => deleteSubnet(state, context, subnet.id), 'subnet_in_use');
  scene.cluster.do(deletePort(state, context, port.id));
  scene.cluster.do(deleteNetwork(state, scene.network.id));
  assert.deepEqual([...state.ports.values(), ...state.concentrators.values(), ...state.subnets.values()], []);
});

test('a DHCP port that is deleted comes again at once while there is somebody to serve', () => {
  const scene = new Scene();
  const { state, context } = scene.cluster;
  scene.subnet();
  const port = scene.cluster.port(scene.network);
  const first = scene.server()!;
  scene.cluster.do(deletePort(state, context, first.id));
  const second = scene.server()!;
  assert.notEqual(second.id, first.id);
  assert.equal([...state.concentrators.values()].length, 1);
  scene.cluster.do(deletePort(state, context, port.id));
  scene.cluster.do(deletePort(state, context, second.id));
  assert.equal(scene.server(), undefined);
  assert.equal([...state.concentrators.values()].length, 0);
});

test('a subnet without an address left has no server, and its ports are made nevertheless', () => {
  const scene = new Scene();
  scene.subnet('10.0.0.0/30');
  assert.equal(scene.cluster.port(scene.network).fixedIps[0]?.address, '10.0.0.2');
  assert.equal(scene.server(), undefined);
});

test('an address that a port is moved to is served as well', () => {
  const scene = new Scene();
  const { state, context } = scene.cluster;
  const [one, two] = [scene.subnet(), scene.subnet('10.0.1.0/24')];
  const port = scene.cluster.port(scene.network, { fixedIps: [{ subnetId: one.id, address: undefined }] });
  scene.cluster.do(updatePort(state, context, port.id, { fixedIps: [{ subnetId: two.id, address: undefined }] }));
  assert.deepEqual(scene.served(), ['10.0.0.0/24', '10.0.1.0/24']);
});

test('nobody makes a port a DHCP server, takes what makes it one, or puts a workload on it', () => {
  const scene = new Scene();
  const { state, context } = scene.cluster;
  scene.subnet();
  const port = scene.cluster.port(scene.network);
  const server = scene.server()!;
  const refused = (command: () => ReturnType<typeof updatePort>): void => assertRefused(scene.cluster, command, 'not_a_router_interface');
  refused(() => scene.cluster.tryToPort(scene.network, { deviceOwner: NETWORK_DHCP }));
  refused(() => updatePort(state, context, port.id, { deviceOwner: NETWORK_DHCP }));
  refused(() => updatePort(state, context, server.id, { deviceOwner: '' }));
  refused(() => updatePort(state, context, server.id, { deviceId: 'x' }));
  assertRefused(scene.cluster, () => updatePort(state, context, server.id, { fixedIps: [] }), 'router_port_ip_change');
  assert.throws(() => scene.cluster.instance(server.id), /serves DHCP/);
  assert.equal(scene.cluster.do(updatePort(state, context, server.id, { name: 'dhcp' })).port.name, 'dhcp');
});

test('quotas do not count it', () => {
  const scene = new Scene();
  const { state } = scene.cluster;
  scene.subnet();
  const changes = scene.cluster.tryToPort(scene.network);
  assert.equal(changes.put.filter(({ kind }) => kind === 'port').length, 2);
  checkQuotas(state, { ...scene.cluster.context.cluster, quotas: { port: 1 } }, changes);
  scene.cluster.do(changes);
  assert.equal(state.ownedCount(scene.tenant.id, 'port'), 1);
});

test('its concentrator is retired when no workload is left, and comes back with the next one', () => {
  const scene = new Scene();
  const { state, context } = scene.cluster;
  scene.subnet();
  const port = scene.cluster.port(scene.network);
  const instance = scene.cluster.instance(port.id);
  const concentrator = state.concentratorOfNetwork(scene.network.id)!;
  assert.equal(isConcentratorUsed(state, concentrator), true);
  scene.cluster.do(deleteInstance(state, context, instance.id));
  assert.equal(isConcentratorUsed(state, concentrator), false);
  scene.cluster.do(retireConcentrator(state, concentrator.id));
  assert.equal(state.concentratorOfNetwork(scene.network.id), undefined);
  const kept = scene.server();
  scene.cluster.instance(port.id);
  assert.ok(state.concentratorOfNetwork(scene.network.id) !== undefined);
  assert.deepEqual(scene.server(), kept, 'the address of the server stays');
});

test('its node is told to serve leases that name the gateway address and not itself, to forward nothing, and has no uplink', () => {
  const scene = new Scene();
  const { cluster } = scene;
  const { state, context } = cluster;
  const node = cluster.node(1);
  scene.subnet();
  scene.subnet('10.0.1.0/24', { gatewayIp: null });
  const ports = [...state.subnetsOf(scene.network.id)].map(({ id }) =>
    cluster.port(scene.network, { fixedIps: [{ subnetId: id, address: undefined }] }),
  );
  for (const { id } of ports) cluster.do(placeInstance(state, context, cluster.instance(id).id, node));
  cluster.do(placeConcentrator(state, context, state.concentratorOfNetwork(scene.network.id)!.id, node));
  const plan = compile(state, { infrastructure: [] }, node);
  const [gateway] = [...plan.of('gateway').values()];
  assert.deepEqual([gateway?.uplink, gateway?.forwarding], [undefined, false]);
  const server = scene.server()!.fixedIps.map(({ address }) => address);
  assert.deepEqual(
    gateway?.segments[0]?.subnets.map(({ gatewayIp, dhcp, routers }) => [gatewayIp, dhcp, routers]),
    [
      [server[0], true, ['10.0.0.1']],
      [server[1], true, []],
    ],
  );
  assert.deepEqual(
    [...plan.of('dhcphost').values()].map(({ address }) => address).toSorted(),
    ports.map(({ fixedIps }) => fixedIps[0]!.address).toSorted(),
  );

  const reach = createReach(state, { infrastructure: [] });
  const ask = (destination: string): string =>
    reach({
      from: { kind: 'port', portId: ports[0]!.id },
      destination: parseIpv4(destination),
      protocol: 'udp',
      port: 53,
    }).verdict.kind;
  assert.equal(ask(server[0]!), 'delivered', 'names are asked of it');
  assert.equal(ask(ports[1]!.fixedIps[0]!.address), 'dropped', 'it does not lead from one subnet to the other');
  assert.equal(ask('192.0.2.1'), 'dropped');
});
