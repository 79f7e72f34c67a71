import { pairAddress } from './address-pair.ts';
import { CountMap } from './count-map.ts';
import type { IpAddress, IpCidr } from './ip.ts';
import type { Mac } from './mac.ts';
import { LayeredMap } from './layered-map.ts';
import { Layers } from './layers.ts';
import { MultiMap } from './multi-map.ts';
import type { Port } from './resource.ts';
import { setOrDelete } from './set-or-delete.ts';
import type { NetworkId, PortId, SecurityGroupId, SubnetId, TenantId } from './uuid.ts';

/** How ports are found: by their network, their MAC there, their addresses and their security groups. It holds the very records that it was given. */
export class PortIndex {
  readonly #layers = new Layers();
  readonly #byNetwork = this.#layers.layer(new MultiMap<NetworkId, Port>());
  readonly #byMac = this.#layers.map<string, Port>();
  readonly #byAddress = this.#layers.layer(new LayeredMap<SubnetId, Map<IpAddress, Port>>());
  readonly #byGroup = this.#layers.layer(new MultiMap<SecurityGroupId, Port>());
  /** Addresses of a group's ports, counted: two networks of a tenant may use the same. */
  readonly #members = this.#layers.layer(new CountMap<SecurityGroupId, IpAddress>());

  readonly #networksByTenant = this.#layers.layer(new CountMap<TenantId, NetworkId>());

  /** Prefixes of address pairs, likewise. */
  readonly #memberPrefixes = this.#layers.layer(new CountMap<SecurityGroupId, IpCidr>());
  readonly #withPairs = this.#layers.layer(new MultiMap<NetworkId, PortId>());
  readonly #byPairMac = this.#layers.layer(new MultiMap<string, Port>());

  /** Lays this one, still empty, on another one: see LayeredMap. */
  layOn(base: PortIndex): void {
    this.#layers.layOn(base.#layers);
  }

  portsOf(networkId: NetworkId): Iterable<Port> {
    return this.#byNetwork.of(networkId);
  }

  /** Networks that the tenant has ports on. */
  networksUsedBy(tenantId: TenantId): Iterable<NetworkId> {
    return this.#networksByTenant.of(tenantId);
  }

  portCount(networkId: NetworkId): number {
    return this.#byNetwork.size(networkId);
  }

  portsIn(groupId: SecurityGroupId): Iterable<Port> {
    return this.#byGroup.of(groupId);
  }

  portByMac(networkId: NetworkId, mac: Mac): Port | undefined {
    return this.#byMac.get(`${networkId} ${mac}`);
  }

  portByAddress(subnetId: SubnetId, address: IpAddress): Port | undefined {
    return this.#byAddress.get(subnetId)?.get(address);
  }

  /** How many addresses of the subnet are held by ports. */
  addressCount(subnetId: SubnetId): number {
    return this.#byAddress.get(subnetId)?.size ?? 0;
  }

  membersOf(groupId: SecurityGroupId): Iterable<IpAddress> {
    return this.#members.of(groupId);
  }

  isMember(groupId: SecurityGroupId, address: IpAddress): boolean {
    return this.#members.has(groupId, address);
  }

  memberPrefixesOf(groupId: SecurityGroupId): Iterable<IpCidr> {
    return this.#memberPrefixes.of(groupId);
  }

  /** Whether a port of the network has address pairs. */
  hasPairs(networkId: NetworkId): boolean {
    return this.#withPairs.size(networkId) > 0;
  }

  /** The ports that may send as a MAC which is none's own. */
  portsByPairMac(networkId: NetworkId, mac: Mac): Iterable<Port> {
    return this.#byPairMac.of(`${networkId} ${mac}`);
  }

  index(port: Port, verb: 'add' | 'remove'): void {
    this.#byNetwork[verb](port.networkId, port);
    this.#networksByTenant[verb](port.tenantId, port.networkId);
    setOrDelete(this.#byMac, `${port.networkId} ${port.mac}`, port, verb);
    for (const fixed of port.fixedIps) {
      let addresses = this.#byAddress.own(fixed.subnetId, (held) => new Map(held));
      if (addresses === undefined) this.#byAddress.set(fixed.subnetId, (addresses = new Map()));
      setOrDelete(addresses, fixed.address, port, verb);
      if (addresses.size === 0) this.#byAddress.delete(fixed.subnetId);
    }
    for (const groupId of port.securityGroups) {
      this.#byGroup[verb](groupId, port);
      for (const fixed of port.fixedIps) this.#members[verb](groupId, fixed.address);
      for (const pair of port.addressPairs ?? []) {
        const address = pairAddress(pair);
        if (address === undefined) this.#memberPrefixes[verb](groupId, pair.cidr);
        else this.#members[verb](groupId, address);
      }
    }
    if (port.addressPairs === undefined) return;
    this.#withPairs[verb](port.networkId, port.id);
    for (const mac of new Set(port.addressPairs.map((pair) => pair.mac))) this.#byPairMac[verb](`${port.networkId} ${mac}`, port);
  }
}
