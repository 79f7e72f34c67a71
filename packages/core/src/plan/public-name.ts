import type { ClusterState } from '../cluster-state.ts';
import type { Ipv4 } from '../ipv4.ts';
import { answererOf } from '../public-gateway.ts';
import type { NodeId } from '../uuid.ts';
import type { DnsNameBody } from './dnsname.ts';

/** What a public address is called, told by the gateway that answers for it. */
export function renderPublicName(state: ClusterState, nodeId: NodeId, address: Ipv4): DnsNameBody | undefined {
  const floating = state.floatingIpByAddress(address);
  const answerer = floating === undefined ? undefined : answererOf(state, floating);
  if (floating?.dnsName === undefined || answerer?.nodeId !== nodeId) return undefined;
  return {
    concentratorId: answerer.id,
    vni: undefined,
    address,
    name: `${floating.dnsName}.${floating.dnsDomain ?? ''}`,
    domain: undefined,
  };
}
