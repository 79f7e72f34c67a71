import { allocateAddress } from '../address-pool.ts';
import { cidrLast, cidrNetwork } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import { ipCidrContains, isIpv6 } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import type { Ipv4 } from '../ipv4.ts';
import type { Network } from '../resource.ts';
import { isSubnet4 } from '../subnet.ts';
import type { Subnet4 } from '../subnet.ts';
import type { ConcentratorId, SubnetId } from '../uuid.ts';
import { Conflict, NotFound, Refused } from './context.ts';
import type { CommandContext } from './context.ts';

export type PublicAddressRequest = Readonly<{
  /** Absent: any of the network's. */
  subnetId: SubnetId | undefined;
  /** Absent: any of the pools. */
  address: IpAddress | undefined;
  /** The gateway that is to answer for it: what that one has not given up yet it may have back. */
  holder: ConcentratorId | undefined;
}>;

/** A free IPv4 address of an external network: the one that was asked for, or any of its pools. Nothing is public by IPv6. Throws Conflict or Refused. */
export function publicAddress(
  state: ClusterState,
  context: CommandContext,
  network: Network,
  request: PublicAddressRequest,
): Readonly<{ subnet: Subnet4; address: Ipv4 }> {
  const named = [...state.subnetsOf(network.id)].filter((subnet) => request.subnetId === undefined || subnet.id === request.subnetId);
  if (named.length === 0 && request.subnetId !== undefined) throw new NotFound('subnet', request.subnetId);
  const subnets = named.filter(isSubnet4);
  const { holder } = request;
  const isTaken = (subnet: Subnet4, address: Ipv4): boolean =>
    address === subnet.gatewayIp ||
    address === context.cluster.uplink?.gateway ||
    state.concentratorByUplink(address) !== undefined ||
    state.floatingIpByAddress(address) !== undefined ||
    state.portByAddress(subnet.id, address) !== undefined;
  const wanted = request.address;
  if (wanted !== undefined) {
    const subnet = subnets.find((candidate) => ipCidrContains(candidate.cidr, wanted));
    if (subnet === undefined || isIpv6(wanted) || wanted === cidrNetwork(subnet.cidr) || wanted === cidrLast(subnet.cidr)) {
      throw new Refused(
        'invalid_ip_for_network',
        `IP address ${wanted} is not a valid IP for any of the subnets on the specified network.`,
      );
    }
    if (isTaken(subnet, wanted)) {
      throw new Conflict('ip_address_already_allocated', `IP address ${wanted} already allocated in subnet ${subnet.id}.`);
    }
    if (state.isHeldByAnother(wanted, holder)) {
      throw new Conflict(
        'ip_address_held',
        `IP address ${wanted} was released, but the node that answered for it has not confirmed that.`,
        {
          details: { address: wanted, nodes: [...state.holdsAt(wanted)].map(({ nodeId }) => nodeId) },
          remedy: 'Try again in a moment, or take any free address; if its node is gone for good, delete the node.',
          retryable: true,
        },
      );
    }
    return { subnet, address: wanted };
  }
  const random = context.random(4);
  const start = new DataView(random.buffer, random.byteOffset, 4).getUint32(0);
  const isUnfit = (subnet: Subnet4, candidate: Ipv4): boolean => isTaken(subnet, candidate) || state.isHeldByAnother(candidate, holder);
  for (const subnet of subnets) {
    const address = allocateAddress(subnet.allocationPools, (candidate) => isUnfit(subnet, candidate), start);
    if (address !== undefined) return { subnet, address };
  }
  throw new Conflict('ip_address_generation_failure', `No more IP addresses available on network ${network.id}.`);
}
