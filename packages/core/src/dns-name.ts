import type { ClusterState } from './cluster-state.ts';
import type { IpAddress } from './ip.ts';
import { hostName } from './plan/host-name.ts';
import type { Port } from './resource.ts';
import { isGuest } from './sharing.ts';

/**
 * What addresses of ports are called in their tenant's own DNS: the port's `dns_name`, else its workload's name, else one made of the
 * address. A name with a dot at its end is whole; any other is followed by the domain of its port, of its network or of the cluster
 * (neutron-api.md §5.1, `dns_assignment`). Domains end with a dot, as the API has them.
 */

const LABEL = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
const NAME = new RegExp(`^${LABEL}(\\.${LABEL})*$`);

/** RFC 1035 §2.3.4, without the last dot. */
const MAX_LENGTH = 253;

/** Of one or more labels (RFC 1123 §2.1), in lower case, with or without a dot at its end. */
export function isDnsName(text: string): boolean {
  const name = withoutDot(text);
  return name.length <= MAX_LENGTH && NAME.test(name);
}

export const withoutDot = (name: string): string => (name.endsWith('.') ? name.slice(0, -1) : name);

/**
 * The domain that a port's names are in: its own, or its network's. Undefined: the cluster's. A guest of the network has no say in it: by a name of
 * its choice it would be taken for somebody of the network's project.
 */
export function ownDomain(state: ClusterState, port: Pick<Port, 'dnsDomain' | 'networkId' | 'tenantId'>): string | undefined {
  const network = state.networks.get(port.networkId)?.dnsDomain;
  return isGuest(state, port) ? network : (port.dnsDomain ?? network);
}

/** What one of a port's addresses is called, without a domain unless the name is whole; one of a guest by itself. */
export function nameOfAddress(state: ClusterState, port: Port, address: IpAddress): string {
  if (isGuest(state, port)) return hostName(undefined, address);
  return port.dnsName ?? hostName(state.instanceOfPort(port.id)?.name, address);
}

/** A name in the first of its domains: `{ hostname: 'web', fqdn: 'web.weft.internal.' }`. A whole name loses the domain that it ends with. */
export function inDomain(name: string, domains: readonly string[]): Readonly<{ hostname: string; fqdn: string }> {
  const within = name.endsWith('.') ? domains.find((domain) => name.endsWith(`.${domain}`)) : undefined;
  if (within !== undefined) return { hostname: name.slice(0, -within.length - 1), fqdn: name };
  if (name.endsWith('.')) return { hostname: withoutDot(name), fqdn: name };
  return { hostname: name, fqdn: `${name}.${domains[0] ?? ''}` };
}
