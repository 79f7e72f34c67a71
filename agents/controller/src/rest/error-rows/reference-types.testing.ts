/** Every exception that the reference's status map names (neutron-api.md §1.3), by the status of its family. */
export const REFERENCE_TYPES: ReadonlyMap<number, readonly string[]> = new Map([
  [
    400,
    words(`BadRequest InvalidInput HTTPBadRequest InvalidIpForNetwork InvalidIpForSubnet InvalidAllocationPool OutOfBoundsAllocationPool
      InvalidCIDR InvalidRoutes StateInvalid SubnetMismatchForPort ExternalIpAddressExhausted DNSNameServersExhausted HostRoutesExhausted
      RoutesExhausted PortSecurityAndIPRequiredForSecurityGroups AllowedAddressPairsMissingIP DuplicateAddressPairInRequest
      AllowedAddressPairExhausted TenantIdProjectIdFilterConflict SecurityGroupRuleInvalidEtherType SecurityGroupMultipleRemoteEntites
      SecurityGroupProtocolRequiredWithPorts SecurityGroupInvalidPortRange SecurityGroupInvalidPortValue SecurityGroupMissingIcmpType
      SecurityGroupInvalidIcmpValue SecurityGroupInvalidProtocolForPort`),
  ],
  [403, words('PolicyNotAuthorized AdminRequired HTTPForbidden')],
  [
    404,
    words(`NetworkNotFound SubnetNotFound PortNotFound RouterNotFound RouterInterfaceNotFound RouterInterfaceNotFoundForSubnet
      FloatingIPNotFound ExternalGatewayForFloatingIPNotFound PortForwardingNotFound SecurityGroupNotFound SecurityGroupRuleNotFound
      AgentNotFound AvailabilityZoneNotFound TagNotFound TagResourceNotFound QuotaResourceUnknown PortBindingNotFound`),
  ],
  [
    409,
    words(`NetworkInUse SubnetInUse PortInUse ServicePortInUse PortBound MacAddressInUse IpAddressInUse IpAddressAlreadyAllocated
      IpAddressGenerationFailure OverlappingAllocationPools GatewayConflictWithAllocationPools GatewayIpInUse RouterInUse
      RouterInterfaceInUseByFloatingIP RouterInterfaceInUseByRoute RouterExternalGatewayInUseByFloatingIp FloatingIPPortAlreadyAssociated
      FipInUseByPortForwarding PortHasBindingFloatingIP PortHasPortForwarding ExternalNetworkInUse InvalidSharedSetting OverQuota
      SecurityGroupInUse SecurityGroupRuleExists SecurityGroupDefaultAlreadyExists SecurityGroupCannotUpdateDefault
      SecurityGroupCannotRemoveDefault AddressPairAndPortSecurityRequired VlanIdInUse TunnelIdInUse FlatNetworkInUse AutoAllocationFailure
      PortBindingAlreadyExists PortBindingAlreadyActive DeviceIDNotOwnedByTenant PortSecurityPortHasSecurityGroup
      DefaultExternalNetworkExists DuplicateRbacPolicy RbacPolicyInUse`),
  ],
  [412, words('RevisionNumberConstraintFailed')],
  [503, words('NoNetworkAvailable HostMacAddressGenerationFailure ServiceUnavailable')],
  [500, words('HTTPInternalServerError')],
]);

/** Types of what is not built yet, and what that is. Whoever builds it takes its line out, and brings a row. */
export const NOT_BUILT: Readonly<Record<string, string>> = {
  AvailabilityZoneNotFound: 'availability zone hints',
  PortBindingAlreadyActive: 'the bindings of a port',
  PortBindingAlreadyExists: 'the bindings of a port',
  PortBindingNotFound: 'the bindings of a port',
};

/** Types that are answered without a row, or never, and why. */
export const WITHOUT_ROW: Readonly<Record<string, string>> = {
  // With tests of their own.
  AutoAllocationFailure: 'auto-topology-routes.test.ts',
  NotAuthorized: 'auto-topology-routes.test.ts',
  SubnetAllocationError: 'subnet-pool-routes.test.ts',
  SubnetPoolQuotaExceeded: 'subnet-pool-routes.test.ts',
  SubnetPoolDeleteError: 'subnet-pool-routes.test.ts',
  IllegalSubnetPoolPrefixUpdate: 'subnet-pool-routes.test.ts',
  IllegalSubnetPoolPrefixBounds: 'subnet-pool-routes.test.ts',
  EmptySubnetPoolPrefixList: 'subnet-pool-routes.test.ts',
  MinPrefixSubnetAllocationError: 'subnet-pool-routes.test.ts',
  MaxPrefixSubnetAllocationError: 'subnet-pool-routes.test.ts',
  NetworkSubnetPoolAffinityError: 'subnet-pool-routes.test.ts',
  SubnetPoolNotFound: 'subnet-pool-routes.test.ts',
  // Never answered.
  AdminRequired: 'PolicyNotAuthorized says which policy, and has the same status',
  DeviceIDNotOwnedByTenant: 'no port becomes a router’s interface by its device_owner',
  FlatNetworkInUse: 'networks are VXLAN only',
  NotFound: 'each object of /v2.0 has a type of its own; this is for those of /v1',
  QuotaResourceUnknown: 'what cannot be limited is an unknown attribute (§8)',
  StateInvalid: 'no object of /v2.0 has a state that forbids a request',
  TenantIdProjectIdFilterConflict: 'both given and different: an empty list, as in v21 (§1.4)',
  VlanIdInUse: 'networks are VXLAN only',
  // Only /v3 answers these, in a form without types: the rows of §13.
  ApplicationCredentialNotFound: 'of /v3',
  DomainNotFound: 'of /v3',
  RoleAssignmentNotFound: 'of /v3',
  RoleNotFound: 'of /v3',
  TokenNotFound: 'of /v3',
  TooManyRequests: 'of /v3',
  UserNotFound: 'of /v3',
};

function words(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
