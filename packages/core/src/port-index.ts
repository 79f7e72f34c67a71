import { CountMap } from './count-map.ts';
import type { Ipv4 } from './ipv4.ts';
import type { Mac } from './mac.ts';
import { LayeredMap } from './layered-map.ts';
import { Layers } from './layers.ts';
import { MultiMap } from './multi-map.ts';
import type { Port } from './resource.ts';
import { setOrDelete } from './set-or-delete.ts';
import type { NetworkId, SecurityGroupId, SubnetId } from './uuid.ts';

/** How ports are found: by their network, their MAC there, their addresses and their security groups. It holds the very records that it was given. */
export class PortIndex {
  readonly #layers = new Layers();
  readonly #byNetwork = this.#layers.layer(new MultiMap<NetworkId, Port>());
  readonly #byMac = this.#layers.map<string, Port>();
  readonly #byAddress = this.#layers.layer(new LayeredMap<SubnetId, Map<Ipv4, Port>>());
  readonly #byGroup = this.#layers.layer(new MultiMap<SecurityGroupId, Port>());
  /** Addresses of a group's ports, counted: two networks of a tenant may use the same. */
  readonly #members = this.#layers.layer(new CountMap<SecurityGroupId, Ipv4>());

  /** Lays this one, still empty, on another one: see LayeredMap. */
  layOn(base: PortIndex): void {
    this.#layers.layOn(base.#layers);
  }

  portsOf(networkId: NetworkId): Iterable<Port> {
    return this.#byNetwork.of(networkId);
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

  portByAddress(subnetId: SubnetId, address: Ipv4): Port | undefined {
    return this.#byAddress.get(subnetId)?.get(address);
  }

  /** How many addresses of the subnet are held by ports. */
  addressCount(subnetId: SubnetId): number {
    return this.#byAddress.get(subnetId)?.size ?? 0;
  }

  membersOf(groupId: SecurityGroupId): Iterable<Ipv4> {
    return this.#members.of(groupId);
  }

  isMember(groupId: SecurityGroupId, address: Ipv4): boolean {
    return this.#members.has(groupId, address);
  }

  index(port: Port, verb: 'add' | 'remove'): void {
    this.#byNetwork[verb](port.networkId, port);
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
    }
  }
}
