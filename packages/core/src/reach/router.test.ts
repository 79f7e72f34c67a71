import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCidr } from '../cidr.ts';
import { placeConcentrator } from '../command/concentrator.ts';
import { placeInstance } from '../command/instance.ts';
import { addRouterInterface, removeRouterInterface } from '../command/router-interface.ts';
import { createRouter, updateRouter } from '../command/router.ts';
import { assertRefused, TestCluster } from '../command/test-support.ts';
import { isIpv4 } from '../ip.ts';
import type { Ipv4 } from '../ipv4.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Network, Port } from '../resource.ts';
import type { Subnet } from '../subnet.ts';
import type { Router } from '../router.ts';
import { createReach } from './reach.ts';

const FACTS = { infrastructure: [parseCidr('10.88.0.0/24')] };
const OUTSIDE = '198.51.100.7' as Ipv4;

/** Two subnets with a workload each, on two networks of a tenant, and two routers with an external gateway. */
class Scene {
  readonly cluster = new TestCluster();
  readonly nodes = [this.cluster.node(1), this.cluster.node(2)] as const;
  readonly tenant = this.cluster.tenant();
  readonly external = this.cluster.network(this.tenant.id, { external: true });
  readonly networks: readonly Network[];
  readonly subnets: readonly Subnet[];
  readonly ports: readonly Port[];
  readonly routers: readonly Router[];

  constructor() {
    const { cluster } = this;
    cluster.subnet(this.external, '192.0.2.0/24', { enableDhcp: false });
    this.networks = [cluster.network(this.tenant.id), cluster.network(this.tenant.id)];
    this.subnets = this.networks.map((network, n) => cluster.subnet(network, `10.${n}.0.0/24`));
    this.ports = this.networks.map((network) => cluster.port(network));
    for (const [n, port] of this.ports.entries()) {
      cluster.do(placeInstance(cluster.state, cluster.context, cluster.instance(port.id).id, this.nodes[n % 2]!));
    }
    const externalGateway = { networkId: this.external.id, enableSnat: undefined, fixedIps: undefined };
    const wish = { tenantId: this.tenant.id, name: '', description: '', adminStateUp: true, externalGateway };
    this.routers = [0, 1].map(() => cluster.do(createRouter(cluster.state, cluster.context, wish)).router);
    for (const { id } of cluster.state.concentratorsOf(this.tenant.id))
      cluster.do(placeConcentrator(cluster.state, cluster.context, id, this.nodes[1]));
  }

  add(router: number, subnet: number): void {
    const { state, context } = this.cluster;
    this.cluster.do(
      addRouterInterface(state, context, this.routers[router]!.id, { subnetId: this.subnets[subnet]!.id, portId: undefined }),
    );
  }

  update(router: number, request: Parameters<typeof updateRouter>[3]): void {
    this.cluster.do(updateRouter(this.cluster.state, this.cluster.context, this.routers[router]!.id, request));
  }

  /** Who the receiver sees, or why there is none, of a web request by the workload on a subnet. */
  ask(from: number, destination: Ipv4): string {
    const flow = { from: { kind: 'port', portId: this.ports[from]!.id }, destination, protocol: 'tcp', port: 80 } as const;
    const { verdict } = createReach(this.cluster.state, FACTS)(flow);
    return verdict.kind === 'delivered' ? verdict.packet.source : verdict.reason;
  }

  address(n: number): Ipv4 {
    return this.ports[n]!.fixedIps.map(({ address }) => address).filter(isIpv4)[0]!;
  }

  uplink(router: number): Ipv4 | undefined {
    return this.cluster.state.concentratorOfRouter(this.routers[router]!.id)?.uplink?.address;
  }
}

test('subnets on one router meet, those on two do not, and each goes outside as its own router', () => {
  const scene = new Scene();
  scene.add(0, 0);
  scene.add(0, 1);
  assert.deepEqual([scene.ask(0, scene.address(1)), scene.ask(1, OUTSIDE)], [scene.address(0), scene.uplink(0)]);
  const { state, context } = scene.cluster;
  const moved = { subnetId: scene.subnets[1]!.id, portId: undefined };
  scene.cluster.do(removeRouterInterface(state, context, scene.routers[0]!.id, moved));
  scene.add(1, 1);
  assert.notEqual(scene.ask(0, scene.address(1)), scene.address(0));
  assert.deepEqual([scene.ask(0, OUTSIDE), scene.ask(1, OUTSIDE)], [scene.uplink(0), scene.uplink(1)]);
});

test('a subnet on a router and one of the automatic gateway do not meet', () => {
  const scene = new Scene();
  assert.equal(scene.ask(0, scene.address(1)), scene.address(0), 'both at the automatic gateway');
  scene.add(0, 0);
  assert.notEqual(scene.ask(0, scene.address(1)), scene.address(0));
  assert.equal(scene.ask(1, OUTSIDE), scene.cluster.state.concentratorOf(scene.tenant.id)?.uplink?.address);
});

test('a router without source NAT lets nothing private out, and one that is down forwards nothing', () => {
  const scene = new Scene();
  scene.add(0, 0);
  scene.add(0, 1);
  const gateway = { networkId: scene.external.id, fixedIps: undefined };
  scene.update(0, { externalGateway: { ...gateway, enableSnat: false } });
  assert.deepEqual([scene.ask(0, OUTSIDE), scene.ask(0, scene.address(1))], ['no_source_nat', scene.address(0)]);
  scene.update(0, { externalGateway: { ...gateway, enableSnat: true }, adminStateUp: false });
  assert.deepEqual([scene.ask(0, OUTSIDE), scene.ask(0, scene.address(1))], ['router_down', 'router_down']);
});

test('a static route sends to the subnet of its next hop instead of outside', () => {
  const scene = new Scene();
  scene.add(0, 0);
  scene.add(0, 1);
  const there = parseIpv4('172.16.1.1');
  assert.equal(scene.ask(0, there), scene.uplink(0));
  scene.update(0, { routes: [{ destination: parseCidr('172.16.0.0/12'), nexthop: scene.address(1) }] });
  assert.notEqual(scene.ask(0, there), scene.uplink(0));
});

test('a router’s concentrator is there as long as the router has an interface or an external gateway', () => {
  const scene = new Scene();
  const { state, context } = scene.cluster;
  const [router] = scene.routers;
  assert.ok(router !== undefined && state.concentratorOfRouter(router.id) !== undefined);
  scene.add(0, 0);
  scene.update(0, { externalGateway: null });
  assert.deepEqual([state.concentratorOfRouter(router.id)?.uplink, state.concentratorOfRouter(router.id)?.generation], [undefined, 1]);
  const request = { subnetId: scene.subnets[0]!.id, portId: undefined };
  scene.cluster.do(removeRouterInterface(state, context, router.id, request));
  assert.equal(state.concentratorOfRouter(router.id), undefined);
  assertRefused(scene.cluster, () => removeRouterInterface(state, context, router.id, request), 'router_interface_not_found_for_subnet');
});
