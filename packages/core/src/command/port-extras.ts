import type { ClusterState } from '../cluster-state.ts';
import { changedDhcpOptions } from '../dhcp-option.ts';
import type { DhcpOptionChange } from '../dhcp-option.ts';
import type { Port } from '../resource.ts';
import { changedBinding } from './bind-port.ts';
import type { BindingChange } from './bind-port.ts';
import { checkDnsName } from './dns.ts';
import type { CommandContext } from './context.ts';

/** What a port may be told beside its addresses. Absent: as it is. An empty text is none. */
export type PortExtras = Readonly<{
  dnsName?: string;
  dnsDomain?: string;
  dhcpOptions?: readonly DhcpOptionChange[];
  binding?: BindingChange;
}>;

type Extras = Pick<Port, 'dnsName' | 'dnsDomain' | 'dhcpOptions' | 'binding'>;
/** Of a port that nobody says such things of. */
export const NO_EXTRAS: Extras = {
  dnsName: undefined,
  dnsDomain: undefined,
  dhcpOptions: undefined,
  binding: undefined,
};

/** These attributes of a new port, or of one as it was, after the request. Throws WeftError. */
export function changedExtras(
  state: ClusterState,
  context: CommandContext,
  at: Pick<Port, 'networkId' | 'tenantId'>,
  port: Port | undefined,
  request: PortExtras,
): Extras {
  const old = port ?? NO_EXTRAS;
  const dnsDomain = request.dnsDomain === undefined ? old.dnsDomain : request.dnsDomain || undefined;
  const dnsName = request.dnsName === undefined ? old.dnsName : request.dnsName || undefined;
  if (request.dnsName !== undefined || request.dnsDomain !== undefined) checkDnsName(state, context, dnsName, { ...at, dnsDomain });
  const dhcpOptions = changedDhcpOptions(old.dhcpOptions, request.dhcpOptions ?? []);
  const binding = request.binding === undefined ? old.binding : changedBinding(state, port, request.binding);
  return { dnsName, dnsDomain, dhcpOptions, binding };
}
