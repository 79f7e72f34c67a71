import type { ClusterState } from '../cluster-state.ts';
import { ownDomain, withoutDot } from '../dns-name.ts';
import type { FloatingIp, Port } from '../resource.ts';
import { Refused } from './context.ts';
import type { ClusterConfig, CommandContext } from './context.ts';

/** What names of tenants end with unless they, or the operator, say otherwise. */
const DEFAULT_DOMAIN = 'weft.internal';
const MAX_LENGTH = 255;

/** The cluster's domain, with a dot at its end. */
export const clusterDomain = ({ dnsDomain }: ClusterConfig): string => `${withoutDot(dnsDomain ?? DEFAULT_DOMAIN)}.`;

/** A whole name must be in the domain that it would get otherwise, and any name must fit with it (neutron-api.md §5.1). */
export function checkDnsName(
  state: ClusterState,
  context: CommandContext,
  name: string | undefined,
  port: Pick<Port, 'dnsDomain' | 'networkId' | 'tenantId'>,
): void {
  if (name === undefined) return;
  const domain = ownDomain(state, port) ?? clusterDomain(context.cluster);
  if (name.endsWith('.') && !name.endsWith(`.${domain}`)) {
    throw new Refused(
      'invalid_dns_name',
      `Invalid input for dns_name. Reason: '${name}' is a FQDN; its higher level labels must be equal to the dns_domain, '${domain}'.`,
      { remedy: 'Give the name without its domain, or with that one.' },
    );
  }
  if (!name.endsWith('.') && name.length + 1 + domain.length > MAX_LENGTH) {
    throw new Refused('invalid_dns_name', `Invalid input for dns_name. Reason: '${name}' with '${domain}' is longer than ${MAX_LENGTH}.`);
  }
}

/** A public address has a name in a domain, or neither (neutron-api.md §6.2). Empty is none. */
export function publicName(dnsName: string, dnsDomain: string): Pick<FloatingIp, 'dnsName' | 'dnsDomain'> {
  if ((dnsName === '') !== (dnsDomain === '')) {
    const [has, lacks] = dnsName === '' ? ['dns_domain', 'dns_name'] : ['dns_name', 'dns_domain'];
    throw new Refused('invalid_floating_dns', `Bad floatingip request: ${has} cannot be specified without a ${lacks}.`, {
      remedy: `Say ${lacks}, too.`,
    });
  }
  return dnsName === '' ? { dnsName: undefined, dnsDomain: undefined } : { dnsName, dnsDomain };
}
