import type { ClusterState } from '../cluster-state.ts';
import { changedDhcpOptions } from '../dhcp-option.ts';
import type { DhcpOptionChange } from '../dhcp-option.ts';
import type { Port } from '../resource.ts';
import { checkDnsName } from './dns.ts';
import type { CommandContext } from './context.ts';

/** What a port may be told beside its addresses. Absent: as it is. An empty text is none. */
export type PortExtras = Readonly<{
  dnsName?: string;
  dnsDomain?: string;
  dhcpOptions?: readonly DhcpOptionChange[];
}>;

type Extras = Pick<Port, 'dnsName' | 'dnsDomain' | 'dhcpOptions'>;
/** Of a port that nobody says such things of. */
export const NO_EXTRAS: Extras = { dnsName: undefined, dnsDomain: undefined, dhcpOptions: undefined };

type Known = Pick<Port, 'networkId'> & Partial<Extras>;

/** These attributes of a new port, or of one as it was, after the request. Throws WeftError. */
export function changedExtras(state: ClusterState, context: CommandContext, old: Known, request: PortExtras): Extras {
  const dnsDomain = request.dnsDomain === undefined ? old.dnsDomain : request.dnsDomain || undefined;
  const dnsName = request.dnsName === undefined ? old.dnsName : request.dnsName || undefined;
  if (request.dnsName !== undefined || request.dnsDomain !== undefined)
    checkDnsName(state, context, dnsName, { dnsDomain, networkId: old.networkId });
  return { dnsName, dnsDomain, dhcpOptions: changedDhcpOptions(old.dhcpOptions, request.dhcpOptions ?? []) };
}
