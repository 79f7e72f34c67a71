import { allocateAddress, allocateAddress6 } from '../address-pool.ts';
import type { ClusterState } from '../cluster-state.ts';
import type { IpAddress } from '../ip.ts';
import { localMac } from '../mac.ts';
import type { Mac } from '../mac.ts';
import type { FixedIp, Network } from '../resource.ts';
import { isSubnet4 } from '../subnet.ts';
import type { Subnet } from '../subnet.ts';
import { Conflict } from './context.ts';
import type { CommandContext } from './context.ts';

/** A MAC that nobody on the network has. */
export function freeMac(state: ClusterState, context: CommandContext, network: Network): Mac {
  for (let tries = 0; tries < 16; tries += 1) {
    const mac = localMac(context.random(5));
    if (mac !== network.gatewayMac && state.portByMac(network.id, mac) === undefined) return mac;
  }
  throw new Conflict('mac_generation_failure', `Unable to generate unique mac on network ${network.id}.`, { retryable: true });
}

/** An address of the first of the subnets that has one which nobody holds; undefined if none has. `also`: more that are taken. */
export function freeFixedIp(
  state: ClusterState,
  context: CommandContext,
  subnets: readonly Subnet[],
  also: readonly FixedIp[],
): FixedIp | undefined {
  const random = context.random(4);
  const start = new DataView(random.buffer, random.byteOffset, 4).getUint32(0);
  for (const subnet of subnets) {
    const isTaken = (address: IpAddress): boolean =>
      address === subnet.gatewayIp ||
      state.portByAddress(subnet.id, address) !== undefined ||
      includesFixedIp(also, { subnetId: subnet.id, address });
    const address = isSubnet4(subnet)
      ? allocateAddress(subnet.allocationPools, isTaken, start)
      : allocateAddress6(subnet.allocationPools, isTaken, start);
    if (address !== undefined) return { subnetId: subnet.id, address };
  }
  return undefined;
}

export function includesFixedIp(list: readonly FixedIp[], wanted: FixedIp): boolean {
  return list.some((fixed) => fixed.subnetId === wanted.subnetId && fixed.address === wanted.address);
}
