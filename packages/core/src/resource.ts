import { parseAddressPair } from './address-pair.ts';
import type { AddressPair } from './address-pair.ts';
import { parseAddressHold } from './address-hold.ts';
import type { AddressHold } from './address-hold.ts';
import { parseDhcpOption } from './dhcp-option.ts';
import type { DhcpOption } from './dhcp-option.ts';
import { Fields, integerIn, listOf, oneOf, parseBoolean, parseCount, parseString } from './fields.ts';
import type { Parse } from './fields.ts';
import { parseFirewallRule } from './firewall-rule.ts';
import type { FirewallRule } from './firewall-rule.ts';
import { parseApplicationCredential, parseRoleAssignment, parseTokenKey, parseTokenRevocation, parseUser } from './identity.ts';
import type { IdentityRecord } from './identity.ts';
import { parseIp } from './ip.ts';
import type { IpAddress } from './ip.ts';
import { parseIpv4 } from './ipv4.ts';
import type { Ipv4 } from './ipv4.ts';
import { parseMac } from './mac.ts';
import type { Mac } from './mac.ts';
import { parseSecurityGroup, parseSecurityGroupRule } from './security-group.ts';
import type { SecurityGroup, SecurityGroupRule } from './security-group.ts';
import { parseNatRule } from './nat-rule.ts';
import type { NatRule } from './nat-rule.ts';
import { parsePortBinding } from './port-binding.ts';
import type { PortBinding } from './port-binding.ts';
import { parseQuota } from './quota.ts';
import type { Quota } from './quota.ts';
import { parseRateLimit } from './rate-limit.ts';
import type { RateLimit } from './rate-limit.ts';
import { parseRbacPolicy } from './rbac-policy.ts';
import type { RbacPolicy } from './rbac-policy.ts';
import { parseRouter } from './router.ts';
import type { Router } from './router.ts';
import { parseStamps } from './stamps.ts';
import type { Stamps } from './stamps.ts';
import { parseSubnet } from './subnet.ts';
import type { Subnet } from './subnet.ts';
import { parseSubnetPool } from './subnet-pool.ts';
import type { SubnetPool } from './subnet-pool.ts';
import { parseUserData } from './user-data.ts';
import { parseUuid } from './uuid.ts';
import type {
  ConcentratorId,
  FloatingIpId,
  InstanceId,
  NetworkId,
  NodeId,
  PortForwardingId,
  PortId,
  RouterId,
  SecurityGroupId,
  SubnetId,
  TenantId,
  Uuid,
} from './uuid.ts';
import { parseVni } from './vni.ts';
import type { Vni } from './vni.ts';

/**
 * What the cluster's state consists of: the Neutron objects and ours, as flat records that name one another by id. A record is
 * immutable; a change puts a new one with a higher `revision` (the `revision_number` of the API) in its place.
 */

export type Tenant = Stamps &
  Readonly<{
    kind: 'tenant';
    id: TenantId;
    /** What the external identity service calls it, where it is that service's project. */
    externalId?: string;
    name: string;
    description: string;
    /** A project that is switched off lets nobody in; what it has goes on. */
    enabled: boolean;
    /** SHA-256 of its API token, hex. */
    tokenHash: string;
    /** Subnets with a gateway that are on no router are served by the tenant's automatic gateway (design §8). */
    automaticGateway: boolean;
    /** Every workload's port 22 is reachable at its gateway's address, on the workload's `sshPort`. */
    sshReach: boolean;
    /** Of all its traffic with the outside, at its gateway's uplink. */
    rateLimit?: RateLimit | undefined;
  }>;

/** `mesh`: nodes talk directly. `concentrator`: all traffic between nodes passes the tenant's concentrator. */
export type Topology = 'mesh' | 'concentrator';

export type Network = Stamps &
  Readonly<{
    kind: 'network';
    id: NetworkId;
    tenantId: TenantId;
    name: string;
    description: string;
    adminStateUp: boolean;
    portSecurityEnabled: boolean;
    /** A network outside: its subnets hold the public addresses. It is on no node, and its VNI carries nothing. */
    external: boolean;
    /** Of the networks outside, the one that topologies made of themselves lead to. */
    isDefault?: true | undefined;
    /** It was made without being described, together with this router. */
    autoRouterId?: RouterId | undefined;
    vni: Vni;
    topology: Topology;
    /** Of the tenant's packets: the underlay's less the encapsulation. Bytes. */
    mtu: number;
    /** The gateway keeps this address for life, wherever it lives: neighbours' caches hold it (datapath.md §2). */
    gatewayMac: Mac;
    /** Of its ports' names, with a dot at its end. Absent: the cluster's. */
    dnsDomain?: string | undefined;
  }>;

/** An address on a subnet, of the subnet's family. */
export type FixedIp = Readonly<{ subnetId: SubnetId; address: IpAddress }>;

export type Port = Stamps &
  Readonly<{
    kind: 'port';
    id: PortId;
    tenantId: TenantId;
    networkId: NetworkId;
    name: string;
    description: string;
    adminStateUp: boolean;
    mac: Mac;
    fixedIps: readonly FixedIp[];
    securityGroups: readonly SecurityGroupId[];
    portSecurityEnabled: boolean;
    deviceId: string;
    deviceOwner: string;
    /** Absent: none. */
    addressPairs?: readonly AddressPair[] | undefined;
    /** Of the workload that is plugged in. */
    rateLimit?: RateLimit | undefined;
    /** Absent: its workload's name, or one made of its address. */
    dnsName?: string | undefined;
    dnsDomain?: string | undefined;
    /** Absent: its subnets' alone. */
    dhcpOptions?: readonly DhcpOption[] | undefined;
    /** Absent: bound nowhere, or where its instance is. */
    binding?: PortBinding | undefined;
  }>;

/** `network`: hosts concentrators that the scheduler places. `concentrator`: hosts those that an operator moves there. */
export const NODE_ROLES = ['compute', 'network', 'concentrator'] as const;
export type NodeRole = (typeof NODE_ROLES)[number];

export type Node = Stamps &
  Readonly<{
    kind: 'node';
    id: NodeId;
    hostname: string;
    roles: readonly NodeRole[];
    /** Where its tunnels end. Absent until the node has reported an address in the compute network. */
    vtep: Ipv4 | undefined;
    /** The address that it was given from the cluster's range, if it asked for one. */
    givenAddress?: Ipv4 | undefined;
  }>;

/** Where a gateway meets the outside: an address of its own on the network node's uplink, never a VTEP's. */
export type Uplink = Readonly<{ address: Ipv4; prefixLength: number; gateway: Ipv4 }>;

export type Concentrator = Stamps &
  Readonly<{
    kind: 'concentrator';
    id: ConcentratorId;
    tenantId: TenantId;
    /** Whose routing it does; without it and `networkId` it is the tenant's automatic gateway. */
    routerId?: RouterId | undefined;
    /** Whose DHCP and names it serves from its `network:dhcp` port, forwarding nothing. */
    networkId?: NetworkId | undefined;
    /** Absent until the scheduler has placed it. */
    nodeId: NodeId | undefined;
    /** Rises at every placement; peers and uplinks follow only the highest. */
    generation: number;
    uplink: Uplink | undefined;
  }>;

export type Instance = Stamps &
  Readonly<{
    kind: 'instance';
    id: InstanceId;
    tenantId: TenantId;
    name: string;
    command: readonly string[];
    portId: PortId;
    /** `static`: the runner sets addresses, routes and MTU. `dhcp`: the workload asks. */
    addressing: 'static' | 'dhcp';
    /** The node that was asked for, if one was. */
    requestedNodeId: NodeId | undefined;
    nodeId: NodeId | undefined;
    generation: number;
    /** Where the gateway listens for its SSH server, unique in the tenant; absent where the cluster has no range for it. */
    sshPort: number | undefined;
    /** In base64; told by the metadata service of its node and by nobody else. */
    userData?: string | undefined;
  }>;

/** A public address of a tenant: 1:1 for one address of a port, or a holder of port forwardings. */
export type FloatingIp = Stamps &
  Readonly<{
    kind: 'floatingIp';
    id: FloatingIpId;
    tenantId: TenantId;
    description: string;
    floatingNetworkId: NetworkId;
    subnetId: SubnetId;
    address: Ipv4;
    portId: PortId | undefined;
    /** Which of the port's addresses; present with `portId`. */
    fixedIp: Ipv4 | undefined;
    /** What it is called in its tenant's DNS: both or none. */
    dnsName?: string | undefined;
    dnsDomain?: string | undefined;
  }>;

/** Ports of a public address that lead to ports of a workload; both ranges are as long. */
export type PortForwarding = Stamps &
  Readonly<{
    kind: 'portForwarding';
    id: PortForwardingId;
    tenantId: TenantId;
    description: string;
    floatingIpId: FloatingIpId;
    protocol: 'tcp' | 'udp';
    externalFirst: number;
    externalLast: number;
    internalPortId: PortId;
    internalAddress: Ipv4;
    internalFirst: number;
  }>;

export type Resource =
  | Tenant
  | Network
  | Subnet
  | Port
  | Router
  | SecurityGroup
  | SecurityGroupRule
  | Node
  | Concentrator
  | Instance
  | FloatingIp
  | PortForwarding
  | FirewallRule
  | NatRule
  | AddressHold
  | Quota
  | SubnetPool
  | RbacPolicy
  | IdentityRecord;
export type ResourceKind = Resource['kind'];
export type ResourceOf<K extends ResourceKind> = Extract<Resource, { kind: K }>;

/** What a command decides: records to write and records to remove, in one step. */
export type Changes = Readonly<{ put: readonly Resource[]; remove: readonly Resource[] }>;

const id = <T extends Uuid>(value: unknown, what: string): T => parseUuid<T>(value, what);
const bit16 = integerIn(0, 65_535);

const parseUplink: Parse<Uplink> = (value, what) => {
  const f = new Fields(value, what);
  return {
    address: f.required('address', parseIpv4),
    prefixLength: f.required('prefixLength', integerIn(0, 32)),
    gateway: f.required('gateway', parseIpv4),
  };
};

/** Absent where it was not said. */
const parseAutoRouter = (f: Fields): Pick<Network, 'autoRouterId'> => {
  const autoRouterId = f.optional('autoRouterId', id<RouterId>);
  return autoRouterId === undefined ? {} : { autoRouterId };
};
function parseExternalId(f: Fields): Pick<Tenant, 'externalId'> {
  const externalId = f.optional('externalId', parseString);
  return externalId === undefined ? {} : { externalId };
}

const parsers: { readonly [K in ResourceKind]: (f: Fields) => ResourceOf<K> } = {
  tenant: (f) => ({
    kind: 'tenant',
    id: f.required('id', id<TenantId>),
    ...parseExternalId(f),
    name: f.required('name', parseString),
    description: f.optional('description', parseString) ?? '',
    enabled: f.optional('enabled', parseBoolean) ?? true,
    tokenHash: f.required('tokenHash', parseString),
    automaticGateway: f.required('automaticGateway', parseBoolean),
    sshReach: f.optional('sshReach', parseBoolean) ?? false,
    rateLimit: f.optional('rateLimit', parseRateLimit),
    ...parseStamps(f),
  }),
  network: (f) => ({
    kind: 'network',
    id: f.required('id', id<NetworkId>),
    tenantId: f.required('tenantId', id<TenantId>),
    name: f.required('name', parseString),
    description: f.required('description', parseString),
    adminStateUp: f.required('adminStateUp', parseBoolean),
    portSecurityEnabled: f.required('portSecurityEnabled', parseBoolean),
    external: f.optional('external', parseBoolean) ?? false,
    ...(f.optional('isDefault', parseBoolean) === true ? { isDefault: true as const } : {}),
    ...parseAutoRouter(f),
    vni: f.required('vni', parseVni),
    topology: f.required('topology', oneOf('mesh', 'concentrator')),
    mtu: f.required('mtu', integerIn(68, 65_535)),
    gatewayMac: f.required('gatewayMac', parseMac),
    dnsDomain: f.optional('dnsDomain', parseString),
    ...parseStamps(f),
  }),
  subnet: parseSubnet,
  port: (f) => ({
    kind: 'port',
    id: f.required('id', id<PortId>),
    tenantId: f.required('tenantId', id<TenantId>),
    networkId: f.required('networkId', id<NetworkId>),
    name: f.required('name', parseString),
    description: f.required('description', parseString),
    adminStateUp: f.required('adminStateUp', parseBoolean),
    mac: f.required('mac', parseMac),
    fixedIps: f.list('fixedIps', (value, what) => {
      const fixed = new Fields(value, what);
      return { subnetId: fixed.required('subnetId', id<SubnetId>), address: fixed.required('address', parseIp) };
    }),
    securityGroups: f.list('securityGroups', id<SecurityGroupId>),
    portSecurityEnabled: f.required('portSecurityEnabled', parseBoolean),
    deviceId: f.required('deviceId', parseString),
    deviceOwner: f.required('deviceOwner', parseString),
    addressPairs: f.optional('addressPairs', listOf(parseAddressPair)),
    rateLimit: f.optional('rateLimit', parseRateLimit),
    dnsName: f.optional('dnsName', parseString),
    dnsDomain: f.optional('dnsDomain', parseString),
    dhcpOptions: f.optional('dhcpOptions', listOf(parseDhcpOption)),
    binding: f.optional('binding', parsePortBinding),
    ...parseStamps(f),
  }),
  router: parseRouter,
  securityGroup: parseSecurityGroup,
  securityGroupRule: parseSecurityGroupRule,
  node: (f) => ({
    kind: 'node',
    id: f.required('id', id<NodeId>),
    hostname: f.required('hostname', parseString),
    roles: f.list('roles', oneOf(...NODE_ROLES)),
    vtep: f.optional('vtep', parseIpv4),
    givenAddress: f.optional('givenAddress', parseIpv4),
    ...parseStamps(f),
  }),
  concentrator: (f) => ({
    kind: 'concentrator',
    id: f.required('id', id<ConcentratorId>),
    tenantId: f.required('tenantId', id<TenantId>),
    routerId: f.optional('routerId', id<RouterId>),
    networkId: f.optional('networkId', id<NetworkId>),
    nodeId: f.optional('nodeId', id<NodeId>),
    generation: f.required('generation', parseCount),
    uplink: f.optional('uplink', parseUplink),
    ...parseStamps(f),
  }),
  instance: (f) => ({
    kind: 'instance',
    id: f.required('id', id<InstanceId>),
    tenantId: f.required('tenantId', id<TenantId>),
    name: f.required('name', parseString),
    command: f.required('command', listOf(parseString)),
    portId: f.required('portId', id<PortId>),
    addressing: f.required('addressing', oneOf('static', 'dhcp')),
    requestedNodeId: f.optional('requestedNodeId', id<NodeId>),
    nodeId: f.optional('nodeId', id<NodeId>),
    generation: f.required('generation', parseCount),
    sshPort: f.optional('sshPort', bit16),
    userData: f.optional('userData', parseUserData),
    ...parseStamps(f),
  }),
  floatingIp: (f) => ({
    kind: 'floatingIp',
    id: f.required('id', id<FloatingIpId>),
    tenantId: f.required('tenantId', id<TenantId>),
    description: f.required('description', parseString),
    floatingNetworkId: f.required('floatingNetworkId', id<NetworkId>),
    subnetId: f.required('subnetId', id<SubnetId>),
    address: f.required('address', parseIpv4),
    portId: f.optional('portId', id<PortId>),
    fixedIp: f.optional('fixedIp', parseIpv4),
    dnsName: f.optional('dnsName', parseString),
    dnsDomain: f.optional('dnsDomain', parseString),
    ...parseStamps(f),
  }),
  portForwarding: (f) => ({
    kind: 'portForwarding',
    id: f.required('id', id<PortForwardingId>),
    tenantId: f.required('tenantId', id<TenantId>),
    description: f.required('description', parseString),
    floatingIpId: f.required('floatingIpId', id<FloatingIpId>),
    protocol: f.required('protocol', oneOf('tcp', 'udp')),
    externalFirst: f.required('externalFirst', bit16),
    externalLast: f.required('externalLast', bit16),
    internalPortId: f.required('internalPortId', id<PortId>),
    internalAddress: f.required('internalAddress', parseIpv4),
    internalFirst: f.required('internalFirst', bit16),
    ...parseStamps(f),
  }),
  firewallRule: parseFirewallRule,
  user: parseUser,
  roleAssignment: parseRoleAssignment,
  applicationCredential: parseApplicationCredential,
  tokenKey: parseTokenKey,
  tokenRevocation: parseTokenRevocation,
  natRule: parseNatRule,
  addressHold: parseAddressHold,
  quota: parseQuota,
  subnetPool: parseSubnetPool,
  rbacPolicy: parseRbacPolicy,
};

const parseKind = oneOf(...(Object.keys(parsers) as readonly ResourceKind[]));

/** Parses a stored record. Throws InvalidValue naming the field; fields that this release does not know are dropped. */
export function parseResource(value: unknown): Resource {
  const kind = new Fields(value, 'record').required('kind', parseKind);
  return parsers[kind](new Fields(value, kind));
}

/** The store's key of a record: `network/<id>`. */
export function resourceKey(resource: Readonly<{ kind: ResourceKind; id: Uuid }>): string {
  return `${resource.kind}/${resource.id}`;
}
