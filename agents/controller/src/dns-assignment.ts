import type { DnsAssignment } from '@weft/api/ports';
import type { ClusterState } from '@weft/core/cluster-state';
import type { ClusterConfig } from '@weft/core/command/context';
import { clusterDomain } from '@weft/core/command/dns';
import { inDomain, nameOfAddress, ownDomain } from '@weft/core/dns-name';
import type { Port } from '@weft/core/resource';

/** What the tenant's gateways tell of a port's addresses, one for each. */
export function dnsAssignment(state: ClusterState, config: ClusterConfig, port: Port): readonly DnsAssignment[] {
  const own = ownDomain(state, port);
  const domains = [...(own === undefined ? [] : [own]), clusterDomain(config)];
  return port.fixedIps.map(({ address }) => ({ ip_address: address, ...inDomain(nameOfAddress(state, port, address), domains) }));
}
