import { CountMap } from './count-map.ts';
import type { FirewallRule } from './firewall-rule.ts';
import type { Ipv4 } from './ipv4.ts';
import type { Mac } from './mac.ts';
import { LayeredMap } from './layered-map.ts';
import { MultiMap } from './multi-map.ts';
import type {
  Changes,
  Concentrator,
  FloatingIp,
  Instance,
  Network,
  Node,
  Port,
  PortForwarding,
  Resource,
  ResourceKind,
  ResourceOf,
  SecurityGroup,
  SecurityGroupRule,
  Subnet,
  Tenant,
} from './resource.ts';
import type {
  ConcentratorId,
  FirewallRuleId,
  FloatingIpId,
  InstanceId,
  NetworkId,
  NodeId,
  PortForwardingId,
  PortId,
  SecurityGroupId,
  SecurityGroupRuleId,
  SubnetId,
  TenantId,
} from './uuid.ts';
import type { Vni } from './vni.ts';

/**
 * The whole desired state of the cluster in memory, with the indexes that commands and the plan compiler ask.
 *
 * Records go in and out only through {@link ClusterState.apply}, which keeps every index equal to what a scan of the records would find
 * (the property test compares). Two indexes carry the plans:
 *
 *     endpoints  network → node, counted: who carries a segment. A port counts on its instance's node, a gateway on its concentrator's.
 *     groupUse   security group → node, counted: who enforces it.
 */
export class ClusterState {
  /** Every table and index below, in the order of their declaration. */
  readonly #layers: Layer[] = [];

  readonly tenants = this.#map<TenantId, Tenant>();
  readonly networks = this.#map<NetworkId, Network>();
  readonly subnets = this.#map<SubnetId, Subnet>();
  readonly ports = this.#map<PortId, Port>();
  readonly securityGroups = this.#map<SecurityGroupId, SecurityGroup>();
  readonly securityGroupRules = this.#map<SecurityGroupRuleId, SecurityGroupRule>();
  readonly nodes = this.#map<NodeId, Node>();
  readonly concentrators = this.#map<ConcentratorId, Concentrator>();
  readonly instances = this.#map<InstanceId, Instance>();
  readonly floatingIps = this.#map<FloatingIpId, FloatingIp>();
  readonly portForwardings = this.#map<PortForwardingId, PortForwarding>();
  readonly firewallRules = this.#map<FirewallRuleId, FirewallRule>();

  readonly networkByVni = this.#map<Vni, Network>();
  /** SHA-256 of an API token, hex → whose it is. */
  readonly tenantByTokenHash = this.#map<string, Tenant>();
  readonly #networksByTenant = this.#layer(new MultiMap<TenantId, NetworkId>());
  readonly #subnetsByNetwork = this.#layer(new MultiMap<NetworkId, SubnetId>());
  readonly #portsByNetwork = this.#layer(new MultiMap<NetworkId, PortId>());
  readonly #portsByMac = this.#map<string, PortId>();
  readonly #portsByAddress = this.#layer(new LayeredMap<SubnetId, Map<Ipv4, PortId>>());
  readonly #portsByGroup = this.#layer(new MultiMap<SecurityGroupId, PortId>());
  readonly #groupsByTenant = this.#layer(new MultiMap<TenantId, SecurityGroupId>());
  readonly #rulesByGroup = this.#layer(new MultiMap<SecurityGroupId, SecurityGroupRuleId>());
  /** Groups whose IPv4 rules name this group as remote: the others are in no plan. */
  readonly #namedBy = this.#layer(new CountMap<SecurityGroupId, SecurityGroupId>());
  readonly #remotes = this.#layer(new CountMap<SecurityGroupId, SecurityGroupId>());
  readonly #instanceByPort = this.#map<PortId, InstanceId>();
  readonly #instancesByNode = this.#layer(new MultiMap<NodeId, InstanceId>());
  readonly #concentratorByTenant = this.#map<TenantId, ConcentratorId>();
  readonly #concentratorsByNode = this.#layer(new MultiMap<NodeId, ConcentratorId>());
  readonly #concentratorByUplink = this.#map<Ipv4, ConcentratorId>();
  readonly #nodesByVtep = this.#map<Ipv4, NodeId>();
  readonly #instancesBySshPort = this.#map<string, InstanceId>();
  readonly #floatingIpsByTenant = this.#layer(new MultiMap<TenantId, FloatingIpId>());
  readonly #floatingIpsBySubnet = this.#layer(new MultiMap<SubnetId, FloatingIpId>());
  readonly #floatingIpsByPort = this.#layer(new MultiMap<PortId, FloatingIpId>());
  readonly #floatingIpByAddress = this.#map<Ipv4, FloatingIpId>();
  readonly #forwardingsByFloatingIp = this.#layer(new MultiMap<FloatingIpId, PortForwardingId>());
  readonly #forwardingsByPort = this.#layer(new MultiMap<PortId, PortForwardingId>());
  readonly #firewallRulesByTenant = this.#layer(new MultiMap<TenantId, FirewallRuleId>());
  readonly #firewallRulesByPort = this.#layer(new MultiMap<PortId, FirewallRuleId>());

  readonly #endpoints = this.#layer(new CountMap<NetworkId, NodeId>());
  readonly #segments = this.#layer(new CountMap<NodeId, NetworkId>());
  readonly #groupUse = this.#layer(new CountMap<SecurityGroupId, NodeId>());
  readonly #groupsOnNode = this.#layer(new CountMap<NodeId, SecurityGroupId>());
  /** Addresses of a group's ports, counted: two networks of a tenant may use the same. */
  readonly #members = this.#layer(new CountMap<SecurityGroupId, Ipv4>());

  /**
   * A state that begins as this one and can be changed without changing it, at a cost that follows the changes. Good until this one
   * changes: it reads through to it.
   */
  fork(): ClusterState {
    const fork = new ClusterState();
    for (const [index, layer] of fork.#layers.entries()) layer.layOn(must(this.#layers[index]));
    return fork;
  }

  /**
   * Applies a command's decision; each record at most once in either list. All removals come before all writes. A record to remove must
   * exist: otherwise it throws, and nothing has changed.
   */
  apply(changes: Changes): void {
    const removed = changes.remove.map((resource) => this.#present(resource));
    const replaced = changes.put.flatMap((resource) => this.get(resource.kind, resource.id) ?? []);
    // Derived placement counts depend on several records at once, so they are taken out under the old state and put back under the new.
    const touched = new Set<PortId>();
    const gateways = new Set<TenantId>();
    for (const list of [removed, replaced, changes.put]) for (const resource of list) this.#derived(resource, touched, gateways);
    for (const portId of touched) this.#countPort(portId, 'remove');
    for (const tenantId of gateways) this.#countGateway(tenantId, 'remove');
    for (const resource of removed) this.#remove(resource);
    // Written in place: listings keep their order. All old ones leave the indexes first, for records may swap what they are found by.
    for (const old of replaced) if (this.#table(old.kind).has(old.id)) this.#index(old, 'remove');
    for (const resource of changes.put) this.#insert(resource);
    for (const portId of touched) this.#countPort(portId, 'add');
    for (const tenantId of gateways) this.#countGateway(tenantId, 'add');
  }

  get<K extends ResourceKind>(kind: K, id: string): ResourceOf<K> | undefined {
    return this.#table(kind).get(id) as ResourceOf<K> | undefined;
  }

  all(): Iterable<Resource> {
    return [
      this.tenants,
      this.networks,
      this.subnets,
      this.securityGroups,
      this.securityGroupRules,
      this.ports,
      this.nodes,
      this.concentrators,
      this.instances,
      this.floatingIps,
      this.portForwardings,
      this.firewallRules,
    ].flatMap((table) => [...(table as Map<string, Resource>).values()]);
  }

  *networksOf(tenantId: TenantId): Generator<Network> {
    for (const id of this.#networksByTenant.of(tenantId)) yield must(this.networks.get(id));
  }

  *subnetsOf(networkId: NetworkId): Generator<Subnet> {
    for (const id of this.#subnetsByNetwork.of(networkId)) yield must(this.subnets.get(id));
  }

  *portsOf(networkId: NetworkId): Generator<Port> {
    for (const id of this.#portsByNetwork.of(networkId)) yield must(this.ports.get(id));
  }

  portCount(networkId: NetworkId): number {
    return this.#portsByNetwork.size(networkId);
  }

  *groupsOf(tenantId: TenantId): Generator<SecurityGroup> {
    for (const id of this.#groupsByTenant.of(tenantId)) yield must(this.securityGroups.get(id));
  }

  *rulesOf(groupId: SecurityGroupId): Generator<SecurityGroupRule> {
    for (const id of this.#rulesByGroup.of(groupId)) yield must(this.securityGroupRules.get(id));
  }

  *portsIn(groupId: SecurityGroupId): Generator<Port> {
    for (const id of this.#portsByGroup.of(groupId)) yield must(this.ports.get(id));
  }

  *instancesOn(nodeId: NodeId): Generator<Instance> {
    for (const id of this.#instancesByNode.of(nodeId)) yield must(this.instances.get(id));
  }

  *concentratorsOn(nodeId: NodeId): Generator<Concentrator> {
    for (const id of this.#concentratorsByNode.of(nodeId)) yield must(this.concentrators.get(id));
  }

  portByMac(networkId: NetworkId, mac: Mac): Port | undefined {
    const id = this.#portsByMac.get(`${networkId} ${mac}`);
    return id === undefined ? undefined : this.ports.get(id);
  }

  portByAddress(subnetId: SubnetId, address: Ipv4): Port | undefined {
    const id = this.#portsByAddress.get(subnetId)?.get(address);
    return id === undefined ? undefined : this.ports.get(id);
  }

  /** How many addresses of the subnet are held by ports. */
  addressCount(subnetId: SubnetId): number {
    return this.#portsByAddress.get(subnetId)?.size ?? 0;
  }

  instanceOfPort(portId: PortId): Instance | undefined {
    const id = this.#instanceByPort.get(portId);
    return id === undefined ? undefined : this.instances.get(id);
  }

  concentratorOf(tenantId: TenantId): Concentrator | undefined {
    const id = this.#concentratorByTenant.get(tenantId);
    return id === undefined ? undefined : this.concentrators.get(id);
  }

  /** Whose own address outside that is. */
  concentratorByUplink(address: Ipv4): Concentrator | undefined {
    const id = this.#concentratorByUplink.get(address);
    return id === undefined ? undefined : this.concentrators.get(id);
  }

  nodeByVtep(vtep: Ipv4): Node | undefined {
    const id = this.#nodesByVtep.get(vtep);
    return id === undefined ? undefined : this.nodes.get(id);
  }

  /** The workload that listens on this port of its tenant's gateway. */
  instanceBySshPort(tenantId: TenantId, sshPort: number): Instance | undefined {
    const id = this.#instancesBySshPort.get(`${tenantId} ${sshPort}`);
    return id === undefined ? undefined : this.instances.get(id);
  }

  *floatingIpsOf(tenantId: TenantId): Generator<FloatingIp> {
    for (const id of this.#floatingIpsByTenant.of(tenantId)) yield must(this.floatingIps.get(id));
  }

  *floatingIpsOfPort(portId: PortId): Generator<FloatingIp> {
    for (const id of this.#floatingIpsByPort.of(portId)) yield must(this.floatingIps.get(id));
  }

  *floatingIpsIn(subnetId: SubnetId): Generator<FloatingIp> {
    for (const id of this.#floatingIpsBySubnet.of(subnetId)) yield must(this.floatingIps.get(id));
  }

  floatingIpByAddress(address: Ipv4): FloatingIp | undefined {
    const id = this.#floatingIpByAddress.get(address);
    return id === undefined ? undefined : this.floatingIps.get(id);
  }

  *forwardingsOf(floatingIpId: FloatingIpId): Generator<PortForwarding> {
    for (const id of this.#forwardingsByFloatingIp.of(floatingIpId)) yield must(this.portForwardings.get(id));
  }

  *forwardingsTo(portId: PortId): Generator<PortForwarding> {
    for (const id of this.#forwardingsByPort.of(portId)) yield must(this.portForwardings.get(id));
  }

  *firewallRulesOf(tenantId: TenantId): Generator<FirewallRule> {
    for (const id of this.#firewallRulesByTenant.of(tenantId)) yield must(this.firewallRules.get(id));
  }

  *firewallRulesOfPort(portId: PortId): Generator<FirewallRule> {
    for (const id of this.#firewallRulesByPort.of(portId)) yield must(this.firewallRules.get(id));
  }

  /** Where a port is plugged in: the node of the instance that it belongs to. */
  nodeOfPort(portId: PortId): NodeId | undefined {
    return this.instanceOfPort(portId)?.nodeId;
  }

  /** The concentrator that serves a network's gateway addresses, if the network has any. */
  gatewayOf(network: Network): Concentrator | undefined {
    if (network.external || this.tenants.get(network.tenantId)?.automaticGateway !== true) return undefined;
    for (const subnet of this.subnetsOf(network.id)) if (subnet.gatewayIp !== undefined) return this.concentratorOf(network.tenantId);
    return undefined;
  }

  /** The nodes that carry a segment: those of its ports, and its gateway's. */
  nodesOf(networkId: NetworkId): Iterable<NodeId> {
    return this.#endpoints.of(networkId);
  }

  carries(nodeId: NodeId, networkId: NetworkId): boolean {
    return this.#endpoints.has(networkId, nodeId);
  }

  segmentsOn(nodeId: NodeId): Iterable<NetworkId> {
    return this.#segments.of(nodeId);
  }

  /** The security groups that a node's ports are in. */
  groupsOn(nodeId: NodeId): Iterable<SecurityGroupId> {
    return this.#groupsOnNode.of(nodeId);
  }

  usesGroup(nodeId: NodeId, groupId: SecurityGroupId): boolean {
    return this.#groupUse.has(groupId, nodeId);
  }

  nodesUsing(groupId: SecurityGroupId): Iterable<NodeId> {
    return this.#groupUse.of(groupId);
  }

  /** The groups that this group's IPv4 rules name as remote. */
  remotesOf(groupId: SecurityGroupId): Iterable<SecurityGroupId> {
    return this.#remotes.of(groupId);
  }

  /** The groups with an IPv4 rule that names this group as remote. */
  namedBy(groupId: SecurityGroupId): Iterable<SecurityGroupId> {
    return this.#namedBy.of(groupId);
  }

  membersOf(groupId: SecurityGroupId): Iterable<Ipv4> {
    return this.#members.of(groupId);
  }

  isMember(groupId: SecurityGroupId, address: Ipv4): boolean {
    return this.#members.has(groupId, address);
  }

  #map<K, V>(): Map<K, V> {
    return this.#layer(new LayeredMap<K, V>());
  }

  #layer<L extends Layer>(layer: L): L {
    this.#layers.push(layer);
    return layer;
  }

  #table(kind: ResourceKind): Map<string, Resource> {
    const tables = {
      tenant: this.tenants,
      network: this.networks,
      subnet: this.subnets,
      port: this.ports,
      securityGroup: this.securityGroups,
      securityGroupRule: this.securityGroupRules,
      node: this.nodes,
      concentrator: this.concentrators,
      instance: this.instances,
      floatingIp: this.floatingIps,
      portForwarding: this.portForwardings,
      firewallRule: this.firewallRules,
    };
    return tables[kind];
  }

  #present(resource: Resource): Resource {
    const present = this.get(resource.kind, resource.id);
    if (present === undefined) throw new Error(`${resource.kind} ${resource.id} is not in the state`);
    return present;
  }

  /** Which placement counts a record takes part in. */
  #derived(resource: Resource, ports: Set<PortId>, gateways: Set<TenantId>): void {
    switch (resource.kind) {
      case 'port':
        ports.add(resource.id);
        break;
      case 'instance':
        ports.add(resource.portId);
        break;
      case 'tenant':
        gateways.add(resource.id);
        break;
      case 'network':
      case 'subnet':
      case 'concentrator':
        gateways.add(resource.tenantId);
        // A subnet's tenant is its network's, so one entry covers it.
        break;
      case 'securityGroup':
      case 'securityGroupRule':
      case 'node':
      case 'floatingIp':
      case 'portForwarding':
      case 'firewallRule':
        break;
    }
  }

  #countPort(portId: PortId, verb: 'add' | 'remove'): void {
    const port = this.ports.get(portId);
    const nodeId = this.nodeOfPort(portId);
    if (port === undefined || nodeId === undefined) return;
    this.#endpoints[verb](port.networkId, nodeId);
    this.#segments[verb](nodeId, port.networkId);
    if (!port.portSecurityEnabled) return;
    for (const groupId of port.securityGroups) {
      this.#groupUse[verb](groupId, nodeId);
      this.#groupsOnNode[verb](nodeId, groupId);
    }
  }

  #countGateway(tenantId: TenantId, verb: 'add' | 'remove'): void {
    for (const network of this.networksOf(tenantId)) {
      const nodeId = this.gatewayOf(network)?.nodeId;
      if (nodeId === undefined) continue;
      this.#endpoints[verb](network.id, nodeId);
      this.#segments[verb](nodeId, network.id);
    }
  }

  #insert(resource: Resource): void {
    this.#table(resource.kind).set(resource.id, resource);
    this.#index(resource, 'add');
  }

  #remove(resource: Resource): void {
    this.#index(resource, 'remove');
    this.#table(resource.kind).delete(resource.id);
  }

  #index(resource: Resource, verb: 'add' | 'remove'): void {
    switch (resource.kind) {
      case 'tenant':
        setOrDelete(this.tenantByTokenHash, resource.tokenHash, resource, verb);
        break;
      case 'network':
        this.#networksByTenant[verb](resource.tenantId, resource.id);
        setOrDelete(this.networkByVni, resource.vni, resource, verb);
        break;
      case 'subnet':
        this.#subnetsByNetwork[verb](resource.networkId, resource.id);
        break;
      case 'port':
        this.#indexPort(resource, verb);
        break;
      case 'securityGroup':
        this.#groupsByTenant[verb](resource.tenantId, resource.id);
        break;
      case 'securityGroupRule':
        this.#rulesByGroup[verb](resource.groupId, resource.id);
        if (resource.remoteGroupId !== undefined && resource.ethertype === 'IPv4') {
          this.#namedBy[verb](resource.remoteGroupId, resource.groupId);
          this.#remotes[verb](resource.groupId, resource.remoteGroupId);
        }
        break;
      case 'node':
        if (resource.vtep !== undefined) setOrDelete(this.#nodesByVtep, resource.vtep, resource.id, verb);
        break;
      case 'concentrator':
        setOrDelete(this.#concentratorByTenant, resource.tenantId, resource.id, verb);
        if (resource.nodeId !== undefined) this.#concentratorsByNode[verb](resource.nodeId, resource.id);
        if (resource.uplink !== undefined) setOrDelete(this.#concentratorByUplink, resource.uplink.address, resource.id, verb);
        break;
      case 'instance':
        setOrDelete(this.#instanceByPort, resource.portId, resource.id, verb);
        if (resource.nodeId !== undefined) this.#instancesByNode[verb](resource.nodeId, resource.id);
        if (resource.sshPort !== undefined) {
          setOrDelete(this.#instancesBySshPort, `${resource.tenantId} ${resource.sshPort}`, resource.id, verb);
        }
        break;
      case 'floatingIp':
        this.#floatingIpsByTenant[verb](resource.tenantId, resource.id);
        this.#floatingIpsBySubnet[verb](resource.subnetId, resource.id);
        setOrDelete(this.#floatingIpByAddress, resource.address, resource.id, verb);
        if (resource.portId !== undefined) this.#floatingIpsByPort[verb](resource.portId, resource.id);
        break;
      case 'portForwarding':
        this.#forwardingsByFloatingIp[verb](resource.floatingIpId, resource.id);
        this.#forwardingsByPort[verb](resource.internalPortId, resource.id);
        break;
      case 'firewallRule':
        this.#firewallRulesByTenant[verb](resource.tenantId, resource.id);
        if (resource.portId !== undefined) this.#firewallRulesByPort[verb](resource.portId, resource.id);
        break;
    }
  }

  #indexPort(port: Port, verb: 'add' | 'remove'): void {
    this.#portsByNetwork[verb](port.networkId, port.id);
    setOrDelete(this.#portsByMac, `${port.networkId} ${port.mac}`, port.id, verb);
    for (const fixed of port.fixedIps) {
      let addresses = this.#portsByAddress.own(fixed.subnetId, (held) => new Map(held));
      if (addresses === undefined) this.#portsByAddress.set(fixed.subnetId, (addresses = new Map()));
      setOrDelete(addresses, fixed.address, port.id, verb);
      if (addresses.size === 0) this.#portsByAddress.delete(fixed.subnetId);
    }
    for (const groupId of port.securityGroups) {
      this.#portsByGroup[verb](groupId, port.id);
      for (const fixed of port.fixedIps) this.#members[verb](groupId, fixed.address);
    }
  }
}

/** What can be laid on another one of its own kind. */
type Layer = { layOn(base: Layer): void };

function setOrDelete<K, V>(map: Map<K, V>, key: K, value: V, verb: 'add' | 'remove'): void {
  if (verb === 'add') map.set(key, value);
  else if (map.get(key) === value) map.delete(key);
}

/** For an id that an index just gave: absent would be a bug of this file. */
function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('an index names a record that is not there');
  return value;
}
