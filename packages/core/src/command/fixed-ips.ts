import type { ClusterState } from '../cluster-state.ts';
import { eui64Address } from '../eui64.ts';
import { ipCidrContains } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import type { Mac } from '../mac.ts';
import type { FixedIp, Network, Port } from '../resource.ts';
import { isRouterInterface } from '../router.ts';
import { isSelfAddressed, isSubnet4, isSubnet6 } from '../subnet.ts';
import type { Subnet } from '../subnet.ts';
import type { SubnetId } from '../uuid.ts';
import type { WeftError } from '../weft-error.ts';
import { Conflict, NotFound, Refused } from './context.ts';
import type { CommandContext } from './context.ts';
import { freeFixedIp, includesFixedIp as includes } from './free-address.ts';
import { serves, servingSubnets } from './service-subnets.ts';
import { isHostAddress } from './subnet-checks.ts';

/**
 * Which addresses a port gets (neutron-api.md §5.2). On subnets whose hosts make their addresses themselves a port has the one that its MAC
 * makes, whether it was asked for or not: its workload will send from it as soon as it hears a router.
 */

export type FixedIpRequest = Readonly<{ subnetId: SubnetId | undefined; address: IpAddress | undefined }>;

/** The port as it is to be; `fixedIps` are those that it has, and may keep. */
type Wanting = Pick<Port, 'mac' | 'fixedIps' | 'deviceOwner'>;

/** For a new port: what it asks for, or an address of each family. Throws Conflict, NotFound or Refused. */
export function allocateNew(
  state: ClusterState,
  context: CommandContext,
  network: Network,
  port: Wanting,
  requests: readonly FixedIpRequest[] | undefined,
): readonly FixedIp[] {
  if (requests !== undefined) return requests.length === 0 ? [] : allocateWanted(state, context, network, port, requests);
  const serving = servingSubnets(network, inOrder(state, network), port.deviceOwner);
  const given = serving.filter((subnet) => !isSelfAddressed(subnet));
  const chosen = [given.filter(isSubnet4), given.filter(isSubnet6)].flatMap((subnets) =>
    subnets.length === 0 ? [] : [allocateFrom(state, context, network, subnets, [])],
  );
  return [...chosen, ...selfMade(state, network, port, chosen)];
}

/** What was asked for replaces what the port has, but for the addresses that its MAC makes. Throws Conflict, NotFound or Refused. */
export function allocateWanted(
  state: ClusterState,
  context: CommandContext,
  network: Network,
  port: Wanting,
  requests: readonly FixedIpRequest[],
): readonly FixedIp[] {
  const subnets = inOrder(state, network);
  // What was asked for by name comes first, so that nothing chosen freely takes it.
  const named = requests.map(({ address, subnetId }) => {
    const itself = address === undefined ? subnets.find(({ id }) => id === subnetId) : undefined;
    if (itself !== undefined && isSelfAddressed(itself)) return { subnetId: itself.id, address: eui64Address(itself.cidr, port.mac) };
    return address === undefined ? undefined : claim(state, network, subnets, address, subnetId, port);
  });
  const settled: FixedIp[] = [];
  for (const fixed of named) {
    if (fixed === undefined) continue;
    if (includes(settled, fixed)) throw taken(network, fixed.address);
    settled.push(fixed);
  }
  const chosen = requests.map((request, index) => {
    const given = named[index];
    if (given !== undefined) return given;
    const subnet = subnets.find((candidate) => candidate.id === request.subnetId);
    if (subnet === undefined) throw notOfNetwork(state, network, request.subnetId);
    const keep = port.fixedIps.find((fixed) => fixed.subnetId === subnet.id && !includes(settled, fixed));
    const fixed = keep ?? allocateFrom(state, context, network, [subnet], settled);
    settled.push(fixed);
    return fixed;
  });
  const had = selfMade(state, network, port, chosen).filter(
    // A port that was made without addresses stays without until it asks for one.
    ({ subnetId }) => requests.length > 0 || port.fixedIps.some((fixed) => fixed.subnetId === subnetId),
  );
  return [...chosen, ...had];
}

/** The port's addresses under another MAC: those that the old one made move. */
export function movedWithMac(state: ClusterState, fixedIps: readonly FixedIp[], from: Mac, to: Mac): readonly FixedIp[] {
  if (from === to) return fixedIps;
  return fixedIps.map((fixed) => {
    const subnet = state.subnets.get(fixed.subnetId);
    if (subnet === undefined || !isSelfAddressed(subnet) || fixed.address !== eui64Address(subnet.cidr, from)) return fixed;
    return { subnetId: subnet.id, address: eui64Address(subnet.cidr, to) };
  });
}

/** Addresses that the port's MAC makes and that are not among `chosen`; a router's interface has those that it names. */
function selfMade(state: ClusterState, network: Network, port: Wanting, chosen: readonly FixedIp[]): FixedIp[] {
  if (isRouterInterface(port)) return [];
  return inOrder(state, network)
    .filter(isSelfAddressed)
    .filter((subnet) => serves(subnet, port.deviceOwner) && !chosen.some(({ subnetId }) => subnetId === subnet.id))
    .map((subnet) => {
      const fixed = { subnetId: subnet.id, address: eui64Address(subnet.cidr, port.mac) };
      const holder = state.portByAddress(subnet.id, fixed.address);
      if (fixed.address === subnet.gatewayIp || (holder !== undefined && !includes(port.fixedIps, fixed)))
        throw taken(network, fixed.address);
      return fixed;
    });
}

/** The oldest first. */
function inOrder(state: ClusterState, network: Network): Subnet[] {
  return [...state.subnetsOf(network.id)].toSorted((a, b) => (a.createdAt + a.id < b.createdAt + b.id ? -1 : 1));
}

function claim(
  state: ClusterState,
  network: Network,
  subnets: readonly Subnet[],
  address: IpAddress,
  subnetId: SubnetId | undefined,
  port: Wanting,
): FixedIp {
  if (subnetId !== undefined && !subnets.some((candidate) => candidate.id === subnetId)) throw notOfNetwork(state, network, subnetId);
  const subnet = subnets.find(
    (candidate) => (subnetId === undefined || candidate.id === subnetId) && ipCidrContains(candidate.cidr, address),
  );
  if (subnet === undefined) {
    throw subnetId === undefined
      ? new Refused('invalid_ip_for_network', `IP address ${address} is not a valid IP for any of the subnets on the specified network.`)
      : new Refused('invalid_ip_for_subnet', `IP address ${address} is not a valid IP for the specified subnet.`);
  }
  if (!isHostAddress(subnet.cidr, address))
    throw new Refused('invalid_ip_for_subnet', `IP address ${address} is not a valid IP for the specified subnet.`);
  const fixed = { subnetId: subnet.id, address };
  const mine = includes(port.fixedIps, fixed);
  if (isSelfAddressed(subnet) && !isRouterInterface(port) && address !== eui64Address(subnet.cidr, port.mac)) {
    throw new Refused(
      'address_of_other_mac',
      `Invalid input for operation: IPv6 address ${address} can not be directly assigned to a port on subnet ${subnet.id} since the subnet is configured for automatic addresses.`,
      { remedy: `Name the subnet without an address: the port gets ${eui64Address(subnet.cidr, port.mac)}.` },
    );
  }
  if (!mine && (address === subnet.gatewayIp || state.portByAddress(subnet.id, address) !== undefined)) throw taken(network, address);
  return fixed;
}

function notOfNetwork(state: ClusterState, network: Network, subnetId: SubnetId | undefined): WeftError {
  if (subnetId === undefined || !state.subnets.has(subnetId)) return new NotFound('subnet', subnetId ?? '');
  return new Refused('invalid_ip_for_network', `Subnet ${subnetId} is not one of network ${network.id}.`, {
    remedy: 'Name a subnet of the port’s own network.',
  });
}

function taken(network: Network, address: IpAddress): Conflict {
  return new Conflict('ip_address_already_allocated', `IP address ${address} already allocated in subnet of network ${network.id}.`, {
    details: { address },
  });
}

function allocateFrom(
  state: ClusterState,
  context: CommandContext,
  network: Network,
  subnets: readonly Subnet[],
  also: readonly FixedIp[],
): FixedIp {
  const fixed = freeFixedIp(state, context, subnets, also);
  if (fixed !== undefined) return fixed;
  throw new Conflict('ip_address_generation_failure', `No more IP addresses available on network ${network.id}.`);
}
