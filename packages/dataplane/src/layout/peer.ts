import { BROADCAST_MAC } from '@weft/core/mac';
import type { PeerBody } from '@weft/core/plan/peer';
import type { Plan } from '@weft/core/plan/plan';
import { segmentKey } from '@weft/core/plan/segment';
import type { VtepBody } from '@weft/core/plan/vtep';
import type { VtepFilterBody } from '@weft/core/plan/vtepfilter';
import type { KernelObject } from '../kernel-object.ts';
import { linkLocalOf } from '../link-local.ts';
import { bridgeName, tunnelName } from '../names.ts';
import { EVERY_OTHER_MAC, IPV6_GROUP_MACS } from '../ruleset/fabric-ipv6.ts';

/** An endpoint elsewhere: where its frames go, and what answers ARP and neighbour discovery for it. */
export function layoutPeer(body: PeerBody): readonly KernelObject[] {
  const bridge = bridgeName(body.vni);
  return [
    { kind: 'fdb', place: 'fabric', link: tunnelName(body.vni), mac: body.mac, role: 'remote', vtep: body.vtep },
    ...[...body.ips, ...linkLocalOf(body.mac, body.ips)].map(
      (address) => ({ kind: 'neigh', place: 'fabric', link: bridge, address, mac: body.mac }) as const,
    ),
  ];
}

/** One more place that broadcasts go to, and what looks for routers and DHCPv6 servers or comes from them; the rules let nothing else through. */
export function layoutVtep({ plan }: Readonly<{ plan: Plan }>, body: VtepBody): readonly KernelObject[] {
  // Each address asks its own group who has it. Where ARP goes everywhere, these questions do too.
  const groups = plan.get('segment', segmentKey(body.vni))?.floods === true ? [EVERY_OTHER_MAC] : [];
  return [BROADCAST_MAC, ...IPV6_GROUP_MACS, ...groups].map((mac) => ({
    kind: 'fdb',
    place: 'fabric',
    link: tunnelName(body.vni),
    mac,
    role: 'broadcast',
    vtep: body.address,
  }));
}

/** A VTEP from which this node admits tunnel packets. */
export function layoutVtepFilter(body: VtepFilterBody): readonly KernelObject[] {
  return [{ kind: 'element', place: 'node', family: 'inet', set: 'vteps', key: [body.address], value: undefined }];
}
