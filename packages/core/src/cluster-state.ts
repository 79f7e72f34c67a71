import type { IpAddress, IpCidr } from './ip.ts';
import type { AddressHold } from './address-hold.ts';
import { CountMap } from './count-map.ts';
import { isDhcpPort } from './dhcp-service.ts';
import type { FirewallRule } from './firewall-rule.ts';
import { IdentityIndex } from './identity-index.ts';
import type { Ipv4 } from './ipv4.ts';
import { Layers } from './layers.ts';
import type { Mac } from './mac.ts';
import { MultiMap } from './multi-map.ts';
import type { NatRule } from './nat-rule.ts';
import { placedBy } from './placement.ts';
import { PortIndex } from './port-index.ts';
import { PublicIndex } from './public-index.ts';
import { quotaResourceOf } from './quota.ts';
import type { Quota, QuotaResource } from './quota.ts';
import type { RbacPolicy } from './rbac-policy.ts';
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
  Tenant,
} from './resource.ts';
import { isSubnet4 } from './subnet.ts';
import type { Subnet, Subnet4 } from './subnet.ts';
import { isRouterInterface } from './router.ts';
import type { Router } from './router.ts';
import type { SecurityGroup, SecurityGroupRule } from './security-group.ts';
import { segmentGateways, servingGateway } from './segment-gateway.ts';
import type { SegmentGateway } from './segment-gateway.ts';
import { setOrDelete } from './set-or-delete.ts';
import type { SubnetPool } from './subnet-pool.ts';
import type {
  AddressHoldId,
  ConcentratorId,
  FirewallRuleId,
  FloatingIpId,
  InstanceId,
  NatRuleId,
  NetworkId,
  NodeId,
  PortForwardingId,
  PortId,
  QuotaId,
  RbacPolicyId,
  RouterId,
  SecurityGroupId,
  SecurityGroupRuleId,
  SubnetId,
  SubnetPoolId,
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
  readonly #layers = new Layers();

  readonly tenants = this.#layers.map<TenantId, Tenant>();
  readonly networks = this.#layers.map<NetworkId, Network>();
  readonly subnets = this.#layers.map<SubnetId, Subnet>();
  readonly ports = this.#layers.map<PortId, Port>();
  readonly routers = this.#layers.map<RouterId, Router>();
  readonly securityGroups = this.#layers.map<SecurityGroupId, SecurityGroup>();
  readonly securityGroupRules = this.#layers.map<SecurityGroupRuleId, SecurityGroupRule>();
  readonly nodes = this.#layers.map<NodeId, Node>();
  readonly concentrators = this.#layers.map<ConcentratorId, Concentrator>();
  readonly instances = this.#layers.map<InstanceId, Instance>();
  readonly floatingIps = this.#layers.map<FloatingIpId, FloatingIp>();
  readonly portForwardings = this.#layers.map<PortForwardingId, PortForwarding>();
  readonly firewallRules = this.#layers.map<FirewallRuleId, FirewallRule>();
  readonly natRules = this.#layers.map<NatRuleId, NatRule>();
  readonly addressHolds = this.#layers.map<AddressHoldId, AddressHold>();
  readonly quotas = this.#layers.map<QuotaId, Quota>();
  readonly subnetPools = this.#layers.map<SubnetPoolId, SubnetPool>();
  readonly rbacPolicies = this.#layers.map<RbacPolicyId, RbacPolicy>();
  /** Who may use the API. */
  readonly identity = this.#layers.layer(new IdentityIndex());

  readonly #tables: { readonly [K in ResourceKind]: Map<string, Resource> } = {
    tenant: this.tenants,
    network: this.networks,
    subnet: this.subnets,
    securityGroup: this.securityGroups,
    securityGroupRule: this.securityGroupRules,
    port: this.ports,
    router: this.routers,
    node: this.nodes,
    concentrator: this.concentrators,
    instance: this.instances,
    floatingIp: this.floatingIps,
    portForwarding: this.portForwardings,
    firewallRule: this.firewallRules,
    natRule: this.natRules,
    addressHold: this.addressHolds,
    quota: this.quotas,
    subnetPool: this.subnetPools,
    rbacPolicy: this.rbacPolicies,
    user: this.identity.users,
    roleAssignment: this.identity.roleAssignments,
    applicationCredential: this.identity.applicationCredentials,
    tokenKey: this.identity.tokenKeys,
    tokenRevocation: this.identity.tokenRevocations,
  };

  readonly networkByVni = this.#layers.map<Vni, Network>();
  /** SHA-256 of an API token, hex → whose it is. */
  readonly tenantByTokenHash = this.#layers.map<string, Tenant>();
  readonly #networksByTenant = this.#layers.layer(new MultiMap<TenantId, NetworkId>());
  readonly #subnetsByPool = this.#layers.layer(new MultiMap<SubnetPoolId, SubnetId>());
  readonly #subnetsByNetwork = this.#layers.layer(new MultiMap<NetworkId, SubnetId>());
  readonly #policiesByNetwork = this.#layers.layer(new MultiMap<NetworkId, RbacPolicyId>());
  readonly #portIndex = this.#layers.layer(new PortIndex());
  readonly #groupsByTenant = this.#layers.layer(new MultiMap<TenantId, SecurityGroupId>());
  readonly #rulesByGroup = this.#layers.layer(new MultiMap<SecurityGroupId, SecurityGroupRuleId>());
  readonly #rulesByRemote = this.#layers.layer(new MultiMap<SecurityGroupId, SecurityGroupRuleId>());
  /** Groups whose rules name this group as remote. */
  readonly #namedBy = this.#layers.layer(new CountMap<SecurityGroupId, SecurityGroupId>());
  readonly #remotes = this.#layers.layer(new CountMap<SecurityGroupId, SecurityGroupId>());
  readonly #instanceByPort = this.#layers.map<PortId, InstanceId>();
  readonly #instancesByNode = this.#layers.layer(new MultiMap<NodeId, InstanceId>());
  readonly #routersByTenant = this.#layers.layer(new MultiMap<TenantId, RouterId>());
  readonly #interfacesByNetwork = this.#layers.layer(new MultiMap<NetworkId, PortId>());
  readonly #interfacesByRouter = this.#layers.layer(new MultiMap<RouterId, PortId>());
  readonly #dhcpPortByNetwork = this.#layers.map<NetworkId, PortId>();
  readonly #concentratorByTenant = this.#layers.map<TenantId, ConcentratorId>();
  readonly #concentratorByRouter = this.#layers.map<RouterId, ConcentratorId>();
  readonly #concentratorByNetwork = this.#layers.map<NetworkId, ConcentratorId>();
  readonly #concentratorsByTenant = this.#layers.layer(new MultiMap<TenantId, ConcentratorId>());
  readonly #concentratorByUplink = this.#layers.map<Ipv4, ConcentratorId>();
  readonly #concentratorsByNode = this.#layers.layer(new MultiMap<NodeId, ConcentratorId>());
  readonly #nodesByVtep = this.#layers.map<Ipv4, NodeId>();
  readonly #publicSide = this.#layers.layer(new PublicIndex());
  readonly #holdsByAddress = this.#layers.layer(new MultiMap<Ipv4, AddressHoldId>());
  readonly #holdsByNode = this.#layers.layer(new MultiMap<NodeId, AddressHoldId>());

  readonly #owned = this.#layers.layer(new CountMap<TenantId, QuotaResource>());

  readonly #endpoints = this.#layers.layer(new CountMap<NetworkId, NodeId>());
  readonly #segments = this.#layers.layer(new CountMap<NodeId, NetworkId>());
  readonly #groupUse = this.#layers.layer(new CountMap<SecurityGroupId, NodeId>());
  readonly #groupsOnNode = this.#layers.layer(new CountMap<NodeId, SecurityGroupId>());

  /**
   * A state that begins as this one and can be changed without changing it, at a cost that follows the changes. Good until this one
   * changes: it reads through to it.
   */
  fork(): ClusterState {
    const fork = new ClusterState();
    fork.#layers.layOn(this.#layers);
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
    for (const { port, gatewaysOf } of [...removed, ...replaced, ...changes.put].map(placedBy)) {
      if (port !== undefined) touched.add(port);
      if (gatewaysOf !== undefined) gateways.add(gatewaysOf);
    }
    for (const portId of touched) this.#countPort(portId, 'remove');
    for (const tenantId of gateways) this.#countGateway(tenantId, 'remove');
    for (const resource of removed) this.#remove(resource);
    // Written in place: listings keep their order. All old ones leave the indexes first, for records may swap what they are found by.
    for (const old of replaced) if (this.#tables[old.kind].has(old.id)) this.#index(old, 'remove');
    for (const resource of changes.put) this.#insert(resource);
    for (const portId of touched) this.#countPort(portId, 'add');
    for (const tenantId of gateways) this.#countGateway(tenantId, 'add');
  }

  get<K extends ResourceKind>(kind: K, id: string): ResourceOf<K> | undefined {
    return this.#tables[kind].get(id) as ResourceOf<K> | undefined;
  }

  all(): Iterable<Resource> {
    return Object.values(this.#tables).flatMap((table) => [...table.values()]);
  }

  *networksOf(tenantId: TenantId): Generator<Network> {
    for (const id of this.#networksByTenant.of(tenantId)) yield must(this.networks.get(id));
  }

  *subnetsOf(networkId: NetworkId): Generator<Subnet> {
    for (const id of this.#subnetsByNetwork.of(networkId)) yield must(this.subnets.get(id));
  }

  /** The subnets whose prefixes are from the pool. */
  *subnetsFrom(poolId: SubnetPoolId): Generator<Subnet4> {
    for (const id of this.#subnetsByPool.of(poolId)) {
      const subnet = must(this.subnets.get(id));
      if (isSubnet4(subnet)) yield subnet;
    }
  }

  /** Who else may use a network. */
  *policiesOf(networkId: NetworkId): Generator<RbacPolicy> {
    for (const id of this.#policiesByNetwork.of(networkId)) yield must(this.rbacPolicies.get(id));
  }

  /** Networks that the tenant has ports on, whosever they are. */
  networksUsedBy(tenantId: TenantId): Iterable<NetworkId> {
    return this.#portIndex.networksUsedBy(tenantId);
  }

  portsOf(networkId: NetworkId): Iterable<Port> {
    return this.#portIndex.portsOf(networkId);
  }

  memberPrefixesOf(groupId: SecurityGroupId): Iterable<IpCidr> {
    return this.#portIndex.memberPrefixesOf(groupId);
  }

  hasPairs(networkId: NetworkId): boolean {
    return this.#portIndex.hasPairs(networkId);
  }

  /** Where a MAC of address pairs leads that is no port's own: to one port for good, the first by id of those that may send as it. */
  portByPairMac(networkId: NetworkId, mac: Mac): Port | undefined {
    if (this.portByMac(networkId, mac) !== undefined) return undefined;
    return [...this.#portIndex.portsByPairMac(networkId, mac)].toSorted((a, b) => (a.id < b.id ? -1 : 1))[0];
  }

  portsByPairMac(networkId: NetworkId, mac: Mac): Iterable<Port> {
    return this.#portIndex.portsByPairMac(networkId, mac);
  }

  portCount(networkId: NetworkId): number {
    return this.#portIndex.portCount(networkId);
  }

  *groupsOf(tenantId: TenantId): Generator<SecurityGroup> {
    for (const id of this.#groupsByTenant.of(tenantId)) yield must(this.securityGroups.get(id));
  }

  *rulesOf(groupId: SecurityGroupId): Generator<SecurityGroupRule> {
    for (const id of this.#rulesByGroup.of(groupId)) yield must(this.securityGroupRules.get(id));
  }

  portsIn(groupId: SecurityGroupId): Iterable<Port> {
    return this.#portIndex.portsIn(groupId);
  }

  *instancesOn(nodeId: NodeId): Generator<Instance> {
    for (const id of this.#instancesByNode.of(nodeId)) yield must(this.instances.get(id));
  }

  *concentratorsOn(nodeId: NodeId): Generator<Concentrator> {
    for (const id of this.#concentratorsByNode.of(nodeId)) yield must(this.concentrators.get(id));
  }

  portByMac(networkId: NetworkId, mac: Mac): Port | undefined {
    return this.#portIndex.portByMac(networkId, mac);
  }

  portByAddress(subnetId: SubnetId, address: IpAddress): Port | undefined {
    return this.#portIndex.portByAddress(subnetId, address);
  }

  /** How many addresses of the subnet are held by ports. */
  addressCount(subnetId: SubnetId): number {
    return this.#portIndex.addressCount(subnetId);
  }

  instanceOfPort(portId: PortId): Instance | undefined {
    const id = this.#instanceByPort.get(portId);
    return id === undefined ? undefined : this.instances.get(id);
  }

  *routersOf(tenantId: TenantId): Generator<Router> {
    for (const id of this.#routersByTenant.of(tenantId)) yield must(this.routers.get(id));
  }

  /** Ports on the network that are interfaces of routers. */
  *interfacesOn(networkId: NetworkId): Generator<Port> {
    for (const id of this.#interfacesByNetwork.of(networkId)) yield must(this.ports.get(id));
  }

  *interfacesOf(routerId: RouterId): Generator<Port> {
    for (const id of this.#interfacesByRouter.of(routerId)) yield must(this.ports.get(id));
  }

  /** The tenant's automatic gateway. */
  concentratorOf(tenantId: TenantId): Concentrator | undefined {
    const id = this.#concentratorByTenant.get(tenantId);
    return id === undefined ? undefined : this.concentrators.get(id);
  }

  concentratorOfRouter(routerId: RouterId): Concentrator | undefined {
    const id = this.#concentratorByRouter.get(routerId);
    return id === undefined ? undefined : this.concentrators.get(id);
  }

  /** The one that serves DHCP and names from the network's `network:dhcp` port. */
  concentratorOfNetwork(networkId: NetworkId): Concentrator | undefined {
    const id = this.#concentratorByNetwork.get(networkId);
    return id === undefined ? undefined : this.concentrators.get(id);
  }

  /** The network's `network:dhcp` port. */
  dhcpPortOn(networkId: NetworkId): Port | undefined {
    const id = this.#dhcpPortByNetwork.get(networkId);
    return id === undefined ? undefined : this.ports.get(id);
  }

  /** The automatic gateway, and those of the tenant's routers and networks. */
  *concentratorsOf(tenantId: TenantId): Generator<Concentrator> {
    for (const id of this.#concentratorsByTenant.of(tenantId)) yield must(this.concentrators.get(id));
  }

  nodeByVtep(vtep: Ipv4): Node | undefined {
    const id = this.#nodesByVtep.get(vtep);
    return id === undefined ? undefined : this.nodes.get(id);
  }

  /** The workload that listens on this port of its tenant's gateway. */
  instanceBySshPort(tenantId: TenantId, sshPort: number): Instance | undefined {
    return this.#publicSide.instanceBySshPort(tenantId, sshPort);
  }

  floatingIpsOf(tenantId: TenantId): Iterable<FloatingIp> {
    return this.#publicSide.floatingIpsOf(tenantId);
  }

  floatingIpsOfPort(portId: PortId): Iterable<FloatingIp> {
    return this.#publicSide.floatingIpsOfPort(portId);
  }

  floatingIpsIn(subnetId: SubnetId): Iterable<FloatingIp> {
    return this.#publicSide.floatingIpsIn(subnetId);
  }

  floatingIpByAddress(address: Ipv4): FloatingIp | undefined {
    return this.#publicSide.floatingIpByAddress(address);
  }

  forwardingsOf(floatingIpId: FloatingIpId): Iterable<PortForwarding> {
    return this.#publicSide.forwardingsOf(floatingIpId);
  }

  forwardingsTo(portId: PortId): Iterable<PortForwarding> {
    return this.#publicSide.forwardingsTo(portId);
  }

  firewallRulesOf(tenantId: TenantId): Iterable<FirewallRule> {
    return this.#publicSide.firewallRulesOf(tenantId);
  }

  firewallRulesOfPort(portId: PortId): Iterable<FirewallRule> {
    return this.#publicSide.firewallRulesOfPort(portId);
  }

  natRulesOf(tenantId: TenantId): Iterable<NatRule> {
    return this.#publicSide.natRulesOf(tenantId);
  }

  natRulesOfPort(portId: PortId): Iterable<NatRule> {
    return this.#publicSide.natRulesOfPort(portId);
  }

  natRulesUsing(floatingIpId: FloatingIpId): Iterable<NatRule> {
    return this.#publicSide.natRulesUsing(floatingIpId);
  }

  concentratorByUplink(address: Ipv4): Concentrator | undefined {
    const id = this.#concentratorByUplink.get(address);
    return id === undefined ? undefined : this.concentrators.get(id);
  }

  *holdsAt(address: Ipv4): Generator<AddressHold> {
    for (const id of this.#holdsByAddress.of(address)) yield must(this.addressHolds.get(id));
  }

  *holdsOn(nodeId: NodeId): Generator<AddressHold> {
    for (const id of this.#holdsByNode.of(nodeId)) yield must(this.addressHolds.get(id));
  }

  /** Whether a gateway other than this one may still answer for the address; without one: any gateway. */
  isHeldByAnother(address: Ipv4, concentratorId: ConcentratorId | undefined): boolean {
    for (const hold of this.holdsAt(address)) if (hold.concentratorId !== concentratorId) return true;
    return false;
  }

  /** Where a port is plugged in: the node of the instance that it belongs to. */
  nodeOfPort(portId: PortId): NodeId | undefined {
    return this.instanceOfPort(portId)?.nodeId;
  }

  /** All gateways of a segment, in the order of {@link segmentGateways}. */
  gatewaysOf(network: Network): readonly SegmentGateway[] {
    return segmentGateways(this, network);
  }

  /** The first of a segment's gateways: the hub of topology `concentrator`. */
  gatewayOf(network: Network): Concentrator | undefined {
    return this.gatewaysOf(network)[0]?.concentrator;
  }

  /** The concentrator that answers for a subnet: with its gateway address, DHCP and names. */
  gatewayOfSubnet(subnetId: SubnetId): Concentrator | undefined {
    const network = this.networks.get(this.subnets.get(subnetId)?.networkId ?? ('' as NetworkId));
    return network === undefined ? undefined : servingGateway(this.gatewaysOf(network), subnetId)?.concentrator;
  }

  /** How much a tenant has of what quotas bound. */
  ownedCount(tenantId: TenantId, resource: QuotaResource): number {
    return this.#owned.count(tenantId, resource);
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

  /** All rules, of whatever group, that name this group as remote. */
  *rulesNaming(groupId: SecurityGroupId): Generator<SecurityGroupRule> {
    for (const id of this.#rulesByRemote.of(groupId)) yield must(this.securityGroupRules.get(id));
  }

  /** The groups that this group's rules name as remote. */
  remotesOf(groupId: SecurityGroupId): Iterable<SecurityGroupId> {
    return this.#remotes.of(groupId);
  }

  /** The groups with a rule that names this group as remote. */
  namedBy(groupId: SecurityGroupId): Iterable<SecurityGroupId> {
    return this.#namedBy.of(groupId);
  }

  membersOf(groupId: SecurityGroupId): Iterable<IpAddress> {
    return this.#portIndex.membersOf(groupId);
  }

  isMember(groupId: SecurityGroupId, address: IpAddress): boolean {
    return this.#portIndex.isMember(groupId, address);
  }

  #present(resource: Resource): Resource {
    const present = this.get(resource.kind, resource.id);
    if (present === undefined) throw new Error(`${resource.kind} ${resource.id} is not in the state`);
    return present;
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
      for (const { concentrator } of this.gatewaysOf(network)) {
        if (concentrator.nodeId === undefined) continue;
        this.#endpoints[verb](network.id, concentrator.nodeId);
        this.#segments[verb](concentrator.nodeId, network.id);
      }
    }
  }

  #insert(resource: Resource): void {
    this.#tables[resource.kind].set(resource.id, resource);
    this.#index(resource, 'add');
  }

  #remove(resource: Resource): void {
    this.#index(resource, 'remove');
    this.#tables[resource.kind].delete(resource.id);
  }

  #index(resource: Resource, verb: 'add' | 'remove'): void {
    const counted = quotaResourceOf(resource);
    if (counted !== undefined && 'tenantId' in resource && resource.tenantId !== undefined) this.#owned[verb](resource.tenantId, counted);
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
        if (isSubnet4(resource) && resource.subnetPoolId !== undefined) this.#subnetsByPool[verb](resource.subnetPoolId, resource.id);
        break;
      case 'port':
        this.#portIndex.index(resource, verb);
        if (isRouterInterface(resource)) {
          this.#interfacesByNetwork[verb](resource.networkId, resource.id);
          this.#interfacesByRouter[verb](resource.deviceId as RouterId, resource.id);
        }
        if (isDhcpPort(resource)) setOrDelete(this.#dhcpPortByNetwork, resource.networkId, resource.id, verb);
        break;
      case 'router':
        this.#routersByTenant[verb](resource.tenantId, resource.id);
        break;
      case 'securityGroup':
        this.#groupsByTenant[verb](resource.tenantId, resource.id);
        break;
      case 'securityGroupRule':
        this.#rulesByGroup[verb](resource.groupId, resource.id);
        if (resource.remoteGroupId !== undefined) this.#rulesByRemote[verb](resource.remoteGroupId, resource.id);
        if (resource.remoteGroupId !== undefined) {
          this.#namedBy[verb](resource.remoteGroupId, resource.groupId);
          this.#remotes[verb](resource.groupId, resource.remoteGroupId);
        }
        break;
      case 'node':
        if (resource.vtep !== undefined) setOrDelete(this.#nodesByVtep, resource.vtep, resource.id, verb);
        break;
      case 'concentrator':
        this.#concentratorsByTenant[verb](resource.tenantId, resource.id);
        if (resource.routerId !== undefined) setOrDelete(this.#concentratorByRouter, resource.routerId, resource.id, verb);
        else if (resource.networkId !== undefined) setOrDelete(this.#concentratorByNetwork, resource.networkId, resource.id, verb);
        else setOrDelete(this.#concentratorByTenant, resource.tenantId, resource.id, verb);
        if (resource.uplink !== undefined) setOrDelete(this.#concentratorByUplink, resource.uplink.address, resource.id, verb);
        if (resource.nodeId !== undefined) this.#concentratorsByNode[verb](resource.nodeId, resource.id);
        break;
      case 'instance':
        setOrDelete(this.#instanceByPort, resource.portId, resource.id, verb);
        if (resource.nodeId !== undefined) this.#instancesByNode[verb](resource.nodeId, resource.id);
        this.#publicSide.indexInstance(resource, verb);
        break;
      case 'floatingIp':
      case 'portForwarding':
      case 'firewallRule':
      case 'natRule':
        this.#publicSide.index(resource, verb);
        break;
      case 'user':
      case 'roleAssignment':
      case 'applicationCredential':
      case 'tokenKey':
      case 'tokenRevocation':
        this.identity.index(resource, verb);
        break;
      case 'addressHold':
        this.#holdsByAddress[verb](resource.address, resource.id);
        this.#holdsByNode[verb](resource.nodeId, resource.id);
        break;
      case 'rbacPolicy':
        this.#policiesByNetwork[verb](resource.objectId, resource.id);
        break;
      case 'quota':
      case 'subnetPool':
        // Found by its id, which is its tenant's of a quota.
        break;
    }
  }
}

/** For an id that an index just gave: absent would be a bug of this file. */
function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('an index names a record that is not there');
  return value;
}
