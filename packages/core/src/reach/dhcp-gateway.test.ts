import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeConcentrator } from '../command/concentrator.ts';
import { placeInstance } from '../command/instance.ts';
import { TestCluster } from '../command/test-support.ts';
import type { Port, Topology } from '../resource.ts';
import { createReach } from './reach.ts';

/** A network with a routed subnet and one without a gateway, a port on each, and a concentrator on another node that serves DHCP on the latter. */
function scene(topology: Topology) {
  const cluster = new TestCluster();
  const [home, other] = [cluster.node(1), cluster.node(2)];
  const tenant = cluster.tenant();
  const network = cluster.network(tenant.id, { topology });
  const subnets = [cluster.subnet(network, '10.0.0.0/24'), cluster.subnet(network, '10.9.0.0/24', { gatewayIp: null })];
  const { state, context } = cluster;
  const [routed, quiet] = subnets.map(({ id }) => {
    const port = cluster.port(network, { fixedIps: [{ subnetId: id, address: undefined }] });
    cluster.do(placeInstance(state, context, cluster.instance(port.id).id, home));
    return port;
  }) as [Port, Port];
  cluster.do(placeConcentrator(state, context, state.concentratorOfNetwork(network.id)!.id, other));
  const gateway = state.concentratorOf(tenant.id)!;
  const placeGateway = (): void => void cluster.do(placeConcentrator(state, context, gateway.id, other));
  /** Where an echo request to the concentrator ends. */
  const fate = (from: Port): string => {
    const destination = state.dhcpPortOn(network.id)!.fixedIps[0]!.address;
    const { verdict } = createReach(state, { infrastructure: [] })({
      from: { kind: 'port', portId: from.id },
      destination,
      protocol: 'icmp',
    });
    return verdict.kind === 'dropped' ? verdict.reason : `${verdict.to.kind} from ${verdict.packet.source}`;
  };
  return { routed, quiet, gateway, placeGateway, fate };
}

test('a gateway that only serves DHCP is nobody’s next hop: who is not on its subnet sends by its own gateway', () => {
  const { routed, quiet, gateway, placeGateway, fate } = scene('mesh');
  placeGateway();
  assert.deepEqual([fate(quiet), fate(routed)], [`gateway from ${quiet.fixedIps[0]!.address}`, `outside from ${gateway.uplink?.address}`]);
});

test('in a concentrator network a gateway on another node is reached by the hub, though it is not the hub itself', () => {
  const { quiet, placeGateway, fate } = scene('concentrator');
  assert.equal(fate(quiet), 'no_hub');
  placeGateway();
  assert.equal(fate(quiet), `gateway from ${quiet.fixedIps[0]!.address}`);
});
