import { isIpv4 } from '@weft/core/ip';
import { BROADCAST_MAC } from '@weft/core/mac';
import type { PeerBody } from '@weft/core/plan/peer';
import type { VtepBody } from '@weft/core/plan/vtep';
import type { VtepFilterBody } from '@weft/core/plan/vtepfilter';
import type { KernelObject } from '../kernel-object.ts';
import { bridgeName, tunnelName } from '../names.ts';

/** An endpoint elsewhere: where its frames go, and what answers ARP for it. */
export function layoutPeer(body: PeerBody): readonly KernelObject[] {
  const bridge = bridgeName(body.vni);
  return [
    { kind: 'fdb', place: 'fabric', link: tunnelName(body.vni), mac: body.mac, role: 'remote', vtep: body.vtep },
    ...body.ips.filter(isIpv4).map((address) => ({ kind: 'neigh', place: 'fabric', link: bridge, address, mac: body.mac }) as const),
  ];
}

/** One more place that broadcasts go to; the rules let only DHCP through. */
export function layoutVtep(body: VtepBody): readonly KernelObject[] {
  return [{ kind: 'fdb', place: 'fabric', link: tunnelName(body.vni), mac: BROADCAST_MAC, role: 'broadcast', vtep: body.address }];
}

/** A VTEP from which this node admits tunnel packets. */
export function layoutVtepFilter(body: VtepFilterBody): readonly KernelObject[] {
  return [{ kind: 'element', place: 'node', family: 'inet', set: 'vteps', key: [body.address], value: undefined }];
}
