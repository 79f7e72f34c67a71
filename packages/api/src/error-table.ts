import { STATUS_CODES } from 'node:http';
import { WeftError } from '@weft/core/weft-error';

/**
 * How each condition crosses the REST border: as an exception of Neutron under /v2.0, whose clients branch on status and type
 * (neutron-api.md §1.3), and as a problem under /v1. A code that is not here is a bug to the outside: `internal`.
 */
type ErrorRow = Readonly<{ neutron: readonly [status: number, type: string]; v1: readonly [status: number, title: string] }>;

const ROWS: Readonly<Record<string, ErrorRow>> = {
  // The request.
  bad_request: { neutron: [400, 'HTTPBadRequest'], v1: [400, 'Bad request'] },
  bad_part: { neutron: [400, 'BadRequest'], v1: [400, 'Bad request'] },
  invalid_input: { neutron: [400, 'InvalidInput'], v1: [400, 'Invalid input'] },
  invalid_value: { neutron: [400, 'InvalidInput'], v1: [400, 'Invalid value'] },
  body_too_large: { neutron: [413, 'HTTPRequestEntityTooLarge'], v1: [413, 'Body too large'] },
  method_not_allowed: { neutron: [405, 'HTTPMethodNotAllowed'], v1: [405, 'Method not allowed'] },
  unknown_path: { neutron: [404, 'HTTPNotFound'], v1: [404, 'No such resource'] },
  unauthenticated: { neutron: [401, 'Unauthorized'], v1: [401, 'Authentication required'] },
  forbidden: { neutron: [403, 'PolicyNotAuthorized'], v1: [403, 'Not permitted'] },
  not_found: { neutron: [404, 'NotFound'], v1: [404, 'Not found'] },
  tag_not_found: { neutron: [404, 'TagNotFound'], v1: [404, 'No such tag'] },
  tag_resource_not_found: { neutron: [404, 'TagResourceNotFound'], v1: [404, 'Not found'] },
  revision_number_constraint_failed: { neutron: [412, 'RevisionNumberConstraintFailed'], v1: [412, 'Changed meanwhile'] },
  over_quota: { neutron: [409, 'OverQuota'], v1: [409, 'Quota exceeded'] },
  // Networks.
  network_in_use: { neutron: [409, 'NetworkInUse'], v1: [409, 'Network in use'] },
  no_network_available: { neutron: [503, 'NoNetworkAvailable'], v1: [503, 'No segment id left'] },
  tunnel_id_in_use: { neutron: [409, 'TunnelIdInUse'], v1: [409, 'Segment id taken'] },
  segmentation_id_out_of_range: { neutron: [400, 'InvalidInput'], v1: [422, 'Segment id out of range'] },
  segmentation_id_fixed: { neutron: [400, 'InvalidInput'], v1: [422, 'Segment id cannot change'] },
  default_external_network_exists: { neutron: [409, 'DefaultExternalNetworkExists'], v1: [409, 'Default external network exists'] },
  default_network_not_external: { neutron: [400, 'BadRequest'], v1: [422, 'Not an external network'] },
  invalid_shared_setting: { neutron: [409, 'InvalidSharedSetting'], v1: [409, 'Used by other tenants'] },
  shared_addresses_overlap: { neutron: [409, 'Conflict'], v1: [409, 'Addresses overlap a shared network'] },
  network_not_shared: { neutron: [400, 'BadRequest'], v1: [422, 'Network not shared'] },
  duplicate_rbac_policy: { neutron: [409, 'DuplicateRbacPolicy'], v1: [409, 'RBAC policy exists'] },
  rbac_policy_in_use: { neutron: [409, 'RbacPolicyInUse'], v1: [409, 'RBAC policy in use'] },
  mtu_too_big: { neutron: [400, 'InvalidInput'], v1: [422, 'MTU too big'] },
  mtu_too_small: { neutron: [400, 'InvalidInput'], v1: [422, 'MTU too small'] },
  // Subnets.
  subnet_in_use: { neutron: [409, 'SubnetInUse'], v1: [409, 'Subnet in use'] },
  subnet_overlap: { neutron: [400, 'InvalidInput'], v1: [422, 'Subnets overlap'] },
  cidr_required: { neutron: [400, 'BadRequest'], v1: [400, 'CIDR required'] },
  subnet_allocation_error: { neutron: [409, 'SubnetAllocationError'], v1: [409, 'No such prefix free'] },
  subnet_pool_quota_exceeded: { neutron: [409, 'SubnetPoolQuotaExceeded'], v1: [409, 'Subnet pool quota exceeded'] },
  subnet_pool_in_use: { neutron: [400, 'SubnetPoolDeleteError'], v1: [409, 'Subnet pool in use'] },
  subnet_pool_prefix_update: { neutron: [400, 'IllegalSubnetPoolPrefixUpdate'], v1: [422, 'Prefixes cannot be taken away'] },
  subnet_pool_prefix_bounds: { neutron: [400, 'IllegalSubnetPoolPrefixBounds'], v1: [422, 'Unusable prefix lengths'] },
  empty_subnet_pool_prefixes: { neutron: [400, 'EmptySubnetPoolPrefixList'], v1: [422, 'No prefixes'] },
  default_subnet_pool_exists: { neutron: [400, 'InvalidInput'], v1: [409, 'Default subnet pool exists'] },
  min_prefix_subnet_allocation: { neutron: [400, 'MinPrefixSubnetAllocationError'], v1: [422, 'Prefix too short'] },
  max_prefix_subnet_allocation: { neutron: [400, 'MaxPrefixSubnetAllocationError'], v1: [422, 'Prefix too long'] },
  network_subnet_pool_affinity: { neutron: [400, 'NetworkSubnetPoolAffinityError'], v1: [422, 'Another subnet pool'] },
  auto_allocation_failure: { neutron: [409, 'AutoAllocationFailure'], v1: [409, 'No automatic topology'] },
  not_authorized: { neutron: [403, 'NotAuthorized'], v1: [403, 'Not permitted'] },
  invalid_cidr: { neutron: [400, 'InvalidInput'], v1: [422, 'Unusable CIDR'] },
  invalid_gateway: { neutron: [400, 'InvalidInput'], v1: [422, 'Unusable gateway'] },
  invalid_ipv6_mode: { neutron: [400, 'InvalidInput'], v1: [422, 'Unusable IPv6 mode'] },
  invalid_name_server: { neutron: [400, 'InvalidInput'], v1: [422, 'Name server of the other address family'] },
  host_routes_of_ipv6: { neutron: [400, 'InvalidInput'], v1: [422, 'Host routes of IPv6'] },
  invalid_allocation_pool: { neutron: [400, 'InvalidAllocationPool'], v1: [422, 'Invalid allocation pool'] },
  out_of_bounds_allocation_pool: { neutron: [400, 'OutOfBoundsAllocationPool'], v1: [422, 'Allocation pool outside its subnet'] },
  overlapping_allocation_pools: { neutron: [409, 'OverlappingAllocationPools'], v1: [409, 'Allocation pools overlap'] },
  gateway_conflict_with_allocation_pools: {
    neutron: [409, 'GatewayConflictWithAllocationPools'],
    v1: [409, 'Gateway inside an allocation pool'],
  },
  gateway_ip_in_use: { neutron: [409, 'GatewayIpInUse'], v1: [409, 'Gateway address in use'] },
  host_routes_exhausted: { neutron: [400, 'HostRoutesExhausted'], v1: [422, 'Too many host routes'] },
  invalid_service_type: { neutron: [400, 'InvalidSubnetServiceType'], v1: [422, 'Unusable service type'] },
  dns_name_servers_exhausted: { neutron: [400, 'DNSNameServersExhausted'], v1: [422, 'Too many name servers'] },
  uplink_exhausted: { neutron: [503, 'ServiceUnavailable'], v1: [503, 'No address left on the uplink'] },
  // Ports.
  port_in_use: { neutron: [409, 'PortInUse'], v1: [409, 'Port in use'] },
  port_bound: { neutron: [409, 'PortBound'], v1: [409, 'Port plugged in'] },
  invalid_mac: { neutron: [400, 'InvalidInput'], v1: [422, 'Unusable MAC address'] },
  mac_address_in_use: { neutron: [409, 'MacAddressInUse'], v1: [409, 'MAC address in use'] },
  mac_generation_failure: { neutron: [503, 'HostMacAddressGenerationFailure'], v1: [503, 'No MAC address found'] },
  invalid_ip_for_network: { neutron: [400, 'InvalidIpForNetwork'], v1: [422, 'Address outside the network'] },
  invalid_ip_for_subnet: { neutron: [400, 'InvalidIpForSubnet'], v1: [422, 'Address outside the subnet'] },
  address_of_other_mac: { neutron: [400, 'InvalidInput'], v1: [422, 'Address made by another MAC'] },
  ip_address_already_allocated: { neutron: [409, 'IpAddressAlreadyAllocated'], v1: [409, 'Address taken'] },
  ip_address_in_use: { neutron: [409, 'IpAddressInUse'], v1: [409, 'Address in use'] },
  ip_address_held: { neutron: [409, 'IpAddressAlreadyAllocated'], v1: [409, 'Address not given up yet'] },
  ip_address_generation_failure: { neutron: [409, 'IpAddressGenerationFailure'], v1: [409, 'No address left'] },
  no_matching_subnet: { neutron: [409, 'IpAddressGenerationFailureNoMatchingSubnet'], v1: [409, 'No subnet for such ports'] },
  invalid_dns_name: { neutron: [400, 'BadRequest'], v1: [422, 'Unusable DNS name'] },
  extra_dhcp_opt_bad_data: { neutron: [400, 'ExtraDhcpOptBadData'], v1: [422, 'Unusable DHCP option'] },
  port_security_required: {
    neutron: [400, 'PortSecurityAndIPRequiredForSecurityGroups'],
    v1: [422, 'Port security required'],
  },
  allowed_address_pair_exhausted: { neutron: [400, 'AllowedAddressPairExhausted'], v1: [422, 'Too many address pairs'] },
  allowed_address_pairs_missing_ip: { neutron: [400, 'AllowedAddressPairsMissingIP'], v1: [422, 'Address pair without address'] },
  duplicate_address_pair: { neutron: [400, 'DuplicateAddressPairInRequest'], v1: [422, 'Address pair twice'] },
  address_pair_and_port_security_required: {
    neutron: [409, 'AddressPairAndPortSecurityRequired'],
    v1: [409, 'Address pairs need port security'],
  },
  port_security_has_groups: { neutron: [409, 'PortSecurityPortHasSecurityGroup'], v1: [409, 'Port has security groups'] },
  // Security groups.
  security_group_conflict: { neutron: [409, 'SecurityGroupConflict'], v1: [409, 'Stateful and stateless groups'] },
  security_group_in_use: { neutron: [409, 'SecurityGroupInUse'], v1: [409, 'Security group in use'] },
  security_group_cannot_update_default: { neutron: [409, 'SecurityGroupCannotUpdateDefault'], v1: [409, 'Default security group'] },
  security_group_cannot_remove_default: { neutron: [409, 'SecurityGroupCannotRemoveDefault'], v1: [409, 'Default security group'] },
  security_group_default_already_exists: {
    neutron: [409, 'SecurityGroupDefaultAlreadyExists'],
    v1: [409, 'Default security group exists'],
  },
  security_group_rule_exists: { neutron: [409, 'SecurityGroupRuleExists'], v1: [409, 'Security group rule exists'] },
  security_group_multiple_remotes: { neutron: [400, 'SecurityGroupMultipleRemoteEntites'], v1: [422, 'More than one remote'] },
  security_group_remote_family: { neutron: [400, 'SecurityGroupRuleParameterConflict'], v1: [422, 'Other address family'] },
  security_group_protocol_family: {
    neutron: [400, 'SecurityGroupEthertypeConflictWithProtocol'],
    v1: [422, 'Protocol of the other address family'],
  },
  security_group_invalid_ether_type: { neutron: [400, 'SecurityGroupRuleInvalidEtherType'], v1: [422, 'Unusable ethertype'] },
  security_group_invalid_protocol: { neutron: [400, 'SecurityGroupRuleInvalidProtocol'], v1: [422, 'Unusable protocol'] },
  security_group_protocol_required_with_ports: {
    neutron: [400, 'SecurityGroupProtocolRequiredWithPorts'],
    v1: [422, 'Protocol required'],
  },
  security_group_invalid_port_range: { neutron: [400, 'SecurityGroupInvalidPortRange'], v1: [422, 'Unusable port range'] },
  security_group_invalid_port_value: { neutron: [400, 'SecurityGroupInvalidPortValue'], v1: [422, 'Unusable port'] },
  security_group_invalid_icmp_value: { neutron: [400, 'SecurityGroupInvalidIcmpValue'], v1: [422, 'Unusable ICMP type or code'] },
  security_group_missing_icmp_type: { neutron: [400, 'SecurityGroupMissingIcmpType'], v1: [422, 'ICMP type missing'] },
  security_group_invalid_protocol_for_port: {
    neutron: [400, 'SecurityGroupInvalidProtocolForPort'],
    v1: [422, 'Protocol without ports'],
  },
  security_group_no_address_groups: { neutron: [404, 'AddressGroupNotFound'], v1: [404, 'No address groups'] },
  security_group_not_single_group_rules: { neutron: [400, 'SecurityGroupNotSingleGroupRules'], v1: [422, 'Rules of several groups'] },
  security_group_rules_not_single_tenant: { neutron: [400, 'SecurityGroupRulesNotSingleTenant'], v1: [422, 'Rules of several projects'] },
  invalid_remote_prefix: { neutron: [400, 'InvalidCIDR'], v1: [422, 'Unusable prefix'] },
  // The public side.
  service_port_in_use: { neutron: [409, 'ServicePortInUse'], v1: [409, 'Port of a router'] },
  not_a_router_interface: { neutron: [400, 'BadRequest'], v1: [422, 'Not a router interface'] },
  router_port_ip_change: { neutron: [400, 'BadRequest'], v1: [422, 'Router interface'] },
  bad_router_request: { neutron: [400, 'BadRequest'], v1: [422, 'Bad router request'] },
  foreign_network: { neutron: [400, 'BadRequest'], v1: [422, 'Network of another tenant'] },
  external_fixed_ips: { neutron: [400, 'BadRequest'], v1: [422, 'Too many external addresses'] },
  external_subnet_without_gateway: { neutron: [400, 'BadRequest'], v1: [422, 'No gateway outside'] },
  external_ip_address_exhausted: { neutron: [400, 'ExternalIpAddressExhausted'], v1: [409, 'No address left outside'] },
  routes_exhausted: { neutron: [400, 'RoutesExhausted'], v1: [422, 'Too many routes'] },
  invalid_routes: { neutron: [400, 'InvalidRoutes'], v1: [422, 'Unusable route'] },
  router_in_use: { neutron: [409, 'RouterInUse'], v1: [409, 'Router in use'] },
  router_interface_overlap: { neutron: [409, 'Conflict'], v1: [409, 'Subnets would overlap'] },
  router_interface_in_use_by_floating_ip: { neutron: [409, 'RouterInterfaceInUseByFloatingIP'], v1: [409, 'Interface in use'] },
  router_interface_in_use_by_route: { neutron: [409, 'RouterInterfaceInUseByRoute'], v1: [409, 'Interface in use'] },
  router_external_gateway_in_use: { neutron: [409, 'RouterExternalGatewayInUseByFloatingIp'], v1: [409, 'External gateway in use'] },
  router_interface_not_found: { neutron: [404, 'RouterInterfaceNotFound'], v1: [404, 'No such interface'] },
  router_interface_not_found_for_subnet: { neutron: [404, 'RouterInterfaceNotFoundForSubnet'], v1: [404, 'No such interface'] },
  subnet_mismatch_for_port: { neutron: [400, 'SubnetMismatchForPort'], v1: [422, 'Another subnet'] },
  port_on_external_network: { neutron: [403, 'HTTPForbidden'], v1: [403, 'External network'] },
  external_network_in_use: { neutron: [409, 'ExternalNetworkInUse'], v1: [409, 'External network in use'] },
  not_external_network: { neutron: [400, 'BadRequest'], v1: [422, 'No external network'] },
  invalid_fixed_ip: { neutron: [400, 'BadRequest'], v1: [422, 'Unusable fixed IP'] },
  invalid_floating_dns: { neutron: [400, 'BadRequest'], v1: [422, 'Half a DNS name'] },
  external_gateway_not_found: { neutron: [404, 'ExternalGatewayForFloatingIPNotFound'], v1: [422, 'No gateway'] },
  floating_ip_port_already_associated: { neutron: [409, 'FloatingIPPortAlreadyAssociated'], v1: [409, 'Floating IP associated'] },
  fip_in_use_by_port_forwarding: { neutron: [409, 'FipInUseByPortForwarding'], v1: [409, 'Floating IP has port forwardings'] },
  port_has_port_forwarding: { neutron: [409, 'PortHasPortForwarding'], v1: [409, 'Port has port forwardings'] },
  port_has_binding_floating_ip: { neutron: [409, 'PortHasBindingFloatingIP'], v1: [409, 'Port has a floating IP'] },
  invalid_port_forwarding: { neutron: [400, 'BadRequest'], v1: [422, 'Unusable port forwarding'] },
  // Weft's own.
  invalid_firewall_rule: { neutron: [400, 'BadRequest'], v1: [422, 'Unusable firewall rule'] },
  firewall_rule_exists: { neutron: [409, 'Conflict'], v1: [409, 'Firewall rule exists'] },
  invalid_nat_rule: { neutron: [400, 'BadRequest'], v1: [422, 'Unusable NAT rule'] },
  nat_rule_exists: { neutron: [409, 'Conflict'], v1: [409, 'NAT rule exists'] },
  fip_in_use_by_nat_rule: { neutron: [409, 'Conflict'], v1: [409, 'Floating IP has NAT rules'] },
  no_ssh_ports: { neutron: [409, 'Conflict'], v1: [409, 'No ports for SSH'] },
  same_node: { neutron: [409, 'Conflict'], v1: [409, 'There already'] },
  no_network_node: { neutron: [409, 'Conflict'], v1: [409, 'No network node'] },
  not_a_network_node: { neutron: [409, 'Conflict'], v1: [409, 'Not a network node'] },
  invalid_name: { neutron: [400, 'InvalidInput'], v1: [422, 'Unusable name'] },
  tenant_exists: { neutron: [409, 'Conflict'], v1: [409, 'Tenant exists'] },
  user_exists: { neutron: [409, 'Conflict'], v1: [409, 'User exists'] },
  credential_exists: { neutron: [409, 'Conflict'], v1: [409, 'Application credential exists'] },
  role_not_held: { neutron: [400, 'BadRequest'], v1: [400, 'Role not held'] },
  too_many_logins: { neutron: [429, 'TooManyRequests'], v1: [429, 'Too many log-ins'] },
  tenant_in_use: { neutron: [409, 'Conflict'], v1: [409, 'Tenant in use'] },
  invalid_command: { neutron: [400, 'InvalidInput'], v1: [422, 'Unusable command'] },
  node_in_use: { neutron: [409, 'Conflict'], v1: [409, 'Node in use'] },
  node_connected: { neutron: [409, 'Conflict'], v1: [409, 'Node connected'] },
  node_not_connected: { neutron: [409, 'Conflict'], v1: [409, 'Node not connected'] },
  nothing_held: { neutron: [409, 'Conflict'], v1: [409, 'Nothing to accept'] },
  // The cluster.
  too_many_streams: { neutron: [503, 'ServiceUnavailable'], v1: [503, 'Too many event streams'] },
  identity_unavailable: { neutron: [503, 'ServiceUnavailable'], v1: [503, 'Identity service unavailable'] },
  unavailable: { neutron: [503, 'ServiceUnavailable'], v1: [503, 'Temporarily unavailable'] },
};

/** What an object is called in a /v2.0 answer: its exception class, and the text with its id. */
const NOT_FOUND: Readonly<Record<string, readonly [type: string, text: (id: string) => string]>> = {
  network: ['NetworkNotFound', (id) => `Network ${id} could not be found.`],
  subnet: ['SubnetNotFound', (id) => `Subnet ${id} could not be found.`],
  subnetPool: ['SubnetPoolNotFound', (id) => `Subnet pool ${id} could not be found.`],
  port: ['PortNotFound', (id) => `Port ${id} could not be found.`],
  securityGroup: ['SecurityGroupNotFound', (id) => `Security group ${id} does not exist`],
  securityGroupRule: ['SecurityGroupRuleNotFound', (id) => `Security group rule ${id} does not exist`],
  rbacPolicy: ['RbacPolicyNotFound', (id) => `RBAC policy of type policy with ID ${id} not found`],
  router: ['RouterNotFound', (id) => `Router ${id} could not be found`],
  floatingIp: ['FloatingIPNotFound', (id) => `Floating IP ${id} could not be found`],
  portForwarding: ['PortForwardingNotFound', (id) => `Port Forwarding ${id} could not be found.`],
  node: ['AgentNotFound', (id) => `Agent ${id} could not be found`],
  tenant: ['ProjectNotFound', (id) => `Project ${id} could not be found.`],
  user: ['UserNotFound', (id) => `Could not find user: ${id}.`],
  role: ['RoleNotFound', (id) => `Could not find role: ${id}.`],
  roleAssignment: ['RoleAssignmentNotFound', (id) => `Could not find role assignment with role: ${id}.`],
  applicationCredential: ['ApplicationCredentialNotFound', (id) => `Could not find Application Credential: ${id}.`],
  domain: ['DomainNotFound', (id) => `Could not find domain: ${id}.`],
  token: ['TokenNotFound', () => 'Could not find token.'],
};

const INTERNAL: ErrorRow = {
  neutron: [500, 'HTTPInternalServerError'],
  v1: [500, 'Internal error'],
};

/** An answer that is an error. */
export type ErrorAnswer = Readonly<{ status: number; headers: Readonly<Record<string, string>>; body: unknown }>;

/** RFC 9457 problem details, with Weft's `code`, `remedy` and `requestId`. */
export type Problem = Readonly<{ status: number; code: string; title: string; detail: string; remedy?: string; requestId: string }>;

/** Every exception that an answer under /v2.0 can name. */
export function neutronTypes(): readonly string[] {
  const rows = [...Object.values(ROWS), INTERNAL].map(({ neutron }) => neutron[1]);
  return [...new Set([...rows, ...Object.values(NOT_FOUND).map(([type]) => type)])];
}

/** True when the table knows what to tell the caller; anything else is answered `internal` and belongs into the log. */
export function isAnswerable(error: unknown): error is WeftError {
  return error instanceof WeftError && Object.hasOwn(ROWS, error.code);
}

/** The answer under /v2.0. `authUrl` goes into the challenge of a 401, which has Keystone's form. */
export function neutronAnswer(error: unknown, authUrl: string): ErrorAnswer {
  const [row, known] = rowOf(error);
  const [status, type] = row.neutron;
  if (status === 401) {
    const body = { error: { code: 401, title: 'Unauthorized', message: known?.message } };
    return { status, headers: { 'www-authenticate': `Keystone uri="${authUrl}"` }, body };
  }
  const [objectType, text] = notFoundOf(known) ?? [];
  const message = text ?? known?.message ?? 'Request Failed: internal server error while processing your request.';
  return { status, headers: retryHeaders(status), body: { NeutronError: { type: objectType ?? type, message, detail: '' } } };
}

/** The answer under /v1. */
export function problemAnswer(error: unknown, requestId: string): ErrorAnswer {
  const [row, known] = rowOf(error);
  const [status, title] = row.v1;
  const body: Problem = {
    status,
    code: known?.code ?? 'internal',
    title,
    detail: known?.message ?? 'The request failed for a reason that is in the log of the controller.',
    ...(known?.remedy === undefined ? {} : { remedy: known.remedy }),
    requestId,
  };
  return { status, headers: { ...retryHeaders(status), 'content-type': 'application/problem+json' }, body };
}

/** The answer under /v3, in Keystone's form (neutron-api.md §13.3). */
export function keystoneAnswer(error: unknown, authUrl: string): ErrorAnswer {
  const [row, known] = rowOf(error);
  const code = keystoneStatus(row);
  const message = notFoundOf(known)?.[1] ?? known?.message ?? 'An unexpected error prevented the server from fulfilling your request.';
  const wait = known?.details['retryAfterSeconds'];
  return {
    status: code,
    headers: {
      ...retryHeaders(code),
      ...(code === 401 ? { 'www-authenticate': `Keystone uri="${authUrl}"` } : {}),
      ...(typeof wait === 'number' ? { 'retry-after': String(wait) } : {}),
    },
    body: { error: { code, title: STATUS_CODES[code] ?? 'Error', message } },
  };
}

/** How an error of a code is answered by each of the three APIs. */
type ErrorFacts = Readonly<{
  neutron: readonly [status: number, type: string];
  problem: readonly [status: number, code: string];
  keystone: number;
  title: string;
}>;

/** For the API's document. `code` may be followed by what is not there: `not_found:network`. Throws Error for a code that the table has not. */
export function errorFacts(code: string): ErrorFacts {
  const [name = '', kind] = code.split(':');
  const row = name === 'internal' ? INTERNAL : ROWS[name];
  const object = kind === undefined ? undefined : NOT_FOUND[kind];
  if (row === undefined) throw new Error(`the table of errors has no ${code}`);
  const [status, title] = row.v1;
  return {
    neutron: [row.neutron[0], object?.[0] ?? row.neutron[1]],
    problem: [status, name],
    keystone: keystoneStatus(row),
    title,
  };
}

/** What is not there, in the words of the API that it belongs to. */
function notFoundOf(known: WeftError | undefined): readonly [type: string, message: string] | undefined {
  const object = known?.code === 'not_found' ? NOT_FOUND[String(known.details['kind'])] : undefined;
  return object === undefined ? undefined : [object[0], object[1](String(known?.details['id']))];
}

/** Keystone knows no 422. */
function keystoneStatus({ v1: [status] }: ErrorRow): number {
  return status === 422 ? 400 : status;
}

function rowOf(error: unknown): readonly [row: ErrorRow, known: WeftError | undefined] {
  return isAnswerable(error) ? [ROWS[error.code] ?? INTERNAL, error] : [INTERNAL, undefined];
}

function retryHeaders(status: number): Readonly<Record<string, string>> {
  return status === 503 || status === 429 ? { 'retry-after': '5' } : {};
}
