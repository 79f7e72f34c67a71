import type { FirewallRule } from './firewall-rule.ts';
import type { Ipv4 } from './ipv4.ts';
import { Layers } from './layers.ts';
import { MultiMap } from './multi-map.ts';
import type { NatRule } from './nat-rule.ts';
import type { FloatingIp, Instance, PortForwarding } from './resource.ts';
import { setOrDelete } from './set-or-delete.ts';
import type { FloatingIpId, PortId, SubnetId, TenantId } from './uuid.ts';

/** What is between tenants and the outside. */
export type PublicRecord = FloatingIp | PortForwarding | FirewallRule | NatRule;

/**
 * How the records of the public side are found: by whose they are, by the public address that they are about, and by the port that they lead
 * to. It holds the very records that it was given, so a record that changes is taken out as it was and put back as it is.
 */
export class PublicIndex {
  readonly #layers = new Layers();
  readonly #floatingIpsByTenant = this.#layers.layer(new MultiMap<TenantId, FloatingIp>());
  readonly #floatingIpsBySubnet = this.#layers.layer(new MultiMap<SubnetId, FloatingIp>());
  readonly #floatingIpsByPort = this.#layers.layer(new MultiMap<PortId, FloatingIp>());
  readonly #floatingIpByAddress = this.#layers.map<Ipv4, FloatingIp>();
  readonly #forwardingsByFloatingIp = this.#layers.layer(new MultiMap<FloatingIpId, PortForwarding>());
  readonly #forwardingsByPort = this.#layers.layer(new MultiMap<PortId, PortForwarding>());
  readonly #firewallRulesByTenant = this.#layers.layer(new MultiMap<TenantId, FirewallRule>());
  readonly #firewallRulesByPort = this.#layers.layer(new MultiMap<PortId, FirewallRule>());
  readonly #natRulesByTenant = this.#layers.layer(new MultiMap<TenantId, NatRule>());
  readonly #natRulesByPort = this.#layers.layer(new MultiMap<PortId, NatRule>());
  readonly #natRulesByFloatingIp = this.#layers.layer(new MultiMap<FloatingIpId, NatRule>());
  readonly #instancesBySshPort = this.#layers.map<string, Instance>();

  /** Lays this one, still empty, on another one: see LayeredMap. */
  layOn(base: PublicIndex): void {
    this.#layers.layOn(base.#layers);
  }

  floatingIpsOf(tenantId: TenantId): Iterable<FloatingIp> {
    return this.#floatingIpsByTenant.of(tenantId);
  }

  floatingIpsIn(subnetId: SubnetId): Iterable<FloatingIp> {
    return this.#floatingIpsBySubnet.of(subnetId);
  }

  floatingIpsOfPort(portId: PortId): Iterable<FloatingIp> {
    return this.#floatingIpsByPort.of(portId);
  }

  floatingIpByAddress(address: Ipv4): FloatingIp | undefined {
    return this.#floatingIpByAddress.get(address);
  }

  forwardingsOf(floatingIpId: FloatingIpId): Iterable<PortForwarding> {
    return this.#forwardingsByFloatingIp.of(floatingIpId);
  }

  forwardingsTo(portId: PortId): Iterable<PortForwarding> {
    return this.#forwardingsByPort.of(portId);
  }

  firewallRulesOf(tenantId: TenantId): Iterable<FirewallRule> {
    return this.#firewallRulesByTenant.of(tenantId);
  }

  firewallRulesOfPort(portId: PortId): Iterable<FirewallRule> {
    return this.#firewallRulesByPort.of(portId);
  }

  natRulesOf(tenantId: TenantId): Iterable<NatRule> {
    return this.#natRulesByTenant.of(tenantId);
  }

  natRulesOfPort(portId: PortId): Iterable<NatRule> {
    return this.#natRulesByPort.of(portId);
  }

  natRulesUsing(floatingIpId: FloatingIpId): Iterable<NatRule> {
    return this.#natRulesByFloatingIp.of(floatingIpId);
  }

  instanceBySshPort(tenantId: TenantId, sshPort: number): Instance | undefined {
    return this.#instancesBySshPort.get(`${tenantId} ${sshPort}`);
  }

  index(record: PublicRecord, verb: 'add' | 'remove'): void {
    switch (record.kind) {
      case 'floatingIp':
        this.#floatingIpsByTenant[verb](record.tenantId, record);
        this.#floatingIpsBySubnet[verb](record.subnetId, record);
        setOrDelete(this.#floatingIpByAddress, record.address, record, verb);
        if (record.portId !== undefined) this.#floatingIpsByPort[verb](record.portId, record);
        break;
      case 'portForwarding':
        this.#forwardingsByFloatingIp[verb](record.floatingIpId, record);
        this.#forwardingsByPort[verb](record.internalPortId, record);
        break;
      case 'firewallRule':
        this.#firewallRulesByTenant[verb](record.tenantId, record);
        if (record.portId !== undefined) this.#firewallRulesByPort[verb](record.portId, record);
        break;
      case 'natRule':
        this.#natRulesByTenant[verb](record.tenantId, record);
        if (record.portId !== undefined) this.#natRulesByPort[verb](record.portId, record);
        if (record.floatingIpId !== undefined) this.#natRulesByFloatingIp[verb](record.floatingIpId, record);
        break;
    }
  }

  /** Where a workload's SSH server is offered outside. */
  indexInstance(instance: Instance, verb: 'add' | 'remove'): void {
    if (instance.sshPort === undefined) return;
    setOrDelete(this.#instancesBySshPort, `${instance.tenantId} ${instance.sshPort}`, instance, verb);
  }
}
