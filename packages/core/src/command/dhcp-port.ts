import type { ClusterState } from '../cluster-state.ts';
import { NETWORK_DHCP } from '../dhcp-service.ts';
import type { Changes, FixedIp, Network, Port, Resource } from '../resource.ts';
import { resourceKey } from '../resource.ts';
import { wantsDhcpPort } from '../subnet-router.ts';
import type { NetworkId, PortId } from '../uuid.ts';
import { dhcpConcentrator } from './concentrator.ts';
import { putChanged, stamps, updated } from './context.ts';
import type { CommandContext } from './context.ts';
import { NO_EXTRAS } from './port-extras.ts';
import { freeFixedIp, freeMac } from './free-address.ts';

/**
 * A decision together with what follows from it for the network's `network:dhcp` port. The port has an address in each subnet with DHCP that nothing
 * routes, from the first other port there until nothing is to be served (neutron-api.md §5.5); then it goes, and its concentrator with it. So a subnet
 * changes sides between its router and this port in one commit, and exactly one of them answers. Where no address is left, nobody serves.
 */
export function withDhcpPort<C extends Changes>(state: ClusterState, context: CommandContext, networkId: NetworkId, changes: C): C {
  const after = state.fork();
  after.apply(changes);
  const network = after.networks.get(networkId);
  if (network === undefined) return changes;
  const { put, remove } = settle(after, context, network);
  if (put.length + remove.length === 0) return changes;
  const late = new Set([...put, ...remove].map(resourceKey));
  return {
    ...changes,
    put: [...changes.put.filter((record) => !late.has(resourceKey(record))), ...put],
    // What this very decision would have made, and takes back, was never there.
    remove: [...changes.remove.filter((record) => !late.has(resourceKey(record))), ...remove.filter(({ kind, id }) => state.get(kind, id))],
  };
}

/** Whether a port's addresses bring a subnet to be served that is not yet: the rare case, asked cheaply. */
export function lacksDhcpPort(state: ClusterState, port: Port): boolean {
  const served = state.dhcpPortOn(port.networkId);
  return port.fixedIps.some(({ subnetId }) => {
    const subnet = state.subnets.get(subnetId);
    return subnet !== undefined && !hasAddressIn(served, subnetId) && wantsDhcpPort(state, subnet);
  });
}

/** What goes with a network or its last served subnet. */
export function dhcpServiceOf(state: ClusterState, networkId: NetworkId): Resource[] {
  const [port, concentrator] = [state.dhcpPortOn(networkId), state.concentratorOfNetwork(networkId)];
  return [...(port === undefined ? [] : [port]), ...(concentrator === undefined ? [] : [concentrator])];
}

function settle(after: ClusterState, context: CommandContext, network: Network): Changes {
  const old = after.dhcpPortOn(network.id);
  const fixedIps: FixedIp[] = [];
  for (const subnet of [...after.subnetsOf(network.id)].toSorted((a, b) => (a.createdAt + a.id < b.createdAt + b.id ? -1 : 1))) {
    if (!wantsDhcpPort(after, subnet)) continue;
    const kept = old?.fixedIps.find((fixed) => fixed.subnetId === subnet.id);
    const fixed = kept ?? (after.addressCount(subnet.id) === 0 ? undefined : freeFixedIp(after, context, [subnet], []));
    if (fixed !== undefined) fixedIps.push(fixed);
  }
  if (fixedIps.length === 0) return { put: [], remove: dhcpServiceOf(after, network.id) };
  const port = old === undefined ? dhcpPort(after, context, network, fixedIps) : updated(context, old, { fixedIps });
  // One that was retired comes back with the next workload.
  const isWanted = port !== old && after.concentratorOfNetwork(network.id) === undefined;
  const concentrator = isWanted ? [dhcpConcentrator(context, port)] : [];
  return { put: [...(old === undefined ? [port] : putChanged(old, port)), ...concentrator], remove: [] };
}

function dhcpPort(state: ClusterState, context: CommandContext, network: Network, fixedIps: readonly FixedIp[]): Port {
  return {
    kind: 'port',
    id: context.uuid() as PortId,
    tenantId: network.tenantId,
    networkId: network.id,
    name: '',
    description: '',
    adminStateUp: true,
    mac: freeMac(state, context, network),
    fixedIps,
    securityGroups: [],
    portSecurityEnabled: false,
    deviceId: `dhcp-${network.id}`,
    deviceOwner: NETWORK_DHCP,
    addressPairs: undefined,
    rateLimit: undefined,
    ...NO_EXTRAS,
    ...stamps(context),
  };
}

function hasAddressIn(port: Port | undefined, subnetId: FixedIp['subnetId']): boolean {
  return port?.fixedIps.some((fixed) => fixed.subnetId === subnetId) === true;
}
