import type { SegmentBody } from '@weft/core/plan/segment';
import type { ElementObject, KernelObject } from '../kernel-object.ts';
import { alias, bridgeMac, bridgeName, tunnelName } from '../names.ts';
import { fabricElement, zoneElement } from './element.ts';
import type { LayoutContext } from './layout.ts';

/** One bridge and one tunnel port; the rules know the tunnel before it exists (datapath.md §2, "Per segment"). */
export function layoutSegment({ facts, numbers }: LayoutContext, body: SegmentBody): readonly KernelObject[] {
  const bridge = bridgeName(body.vni);
  const tunnel = tunnelName(body.vni);
  const number = numbers.trusted(tunnel);
  const elements: ElementObject[] = [
    fabricElement('number', [tunnel], String(number)),
    zoneElement(number, numbers.zone(body.vni)),
    fabricElement('ports', [tunnel]),
    fabricElement('tracked', [tunnel]),
    fabricElement('tunnels', [tunnel]),
    fabricElement('ingress', [tunnel], 'accept'),
    fabricElement('from', [tunnel], 'goto from_tunnel'),
    ...(body.floods === true ? [fabricElement('flooding', [tunnel])] : []),
  ];
  return [
    ...elements,
    {
      kind: 'link',
      place: 'fabric',
      type: 'bridge',
      name: bridge,
      alias: alias('segment', body.vni),
      mac: bridgeMac(body.vni),
      mtu: body.mtu,
    },
    {
      kind: 'link',
      place: 'fabric',
      type: 'vxlan',
      name: tunnel,
      alias: alias('tunnel', body.vni),
      mtu: body.mtu,
      master: bridge,
      vni: body.vni,
      local: facts.vtep,
      port: facts.vxlanPort,
      // A suppressing port lets no gratuitous ARP through (datapath.md §2), so nobody would hear of an address that moves.
      flags: { neighSuppress: body.floods !== true, bcastFlood: true, hairpin: body.hub },
    },
  ];
}
