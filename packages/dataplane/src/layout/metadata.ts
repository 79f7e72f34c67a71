import { isIpv4 } from '@weft/core/ip';
import { METADATA_ADDRESS } from '@weft/core/metadata-address';
import type { PortBody } from '@weft/core/plan/port';
import type { Vni } from '@weft/core/vni';
import type { KernelObject } from '../kernel-object.ts';
import { alias, bridgeName, metadataLegName, METADATA_MAC, METADATA_PLACE, metadataPortName } from '../names.ts';
import { metadataTable } from '../ruleset/metadata.ts';
import { fabricElement } from './element.ts';

/** No reverse path check: tenants use the same addresses, so no route tells one leg from another. A socket is bound to its leg instead. */
const SYSCTLS = {
  'net.ipv6.conf.default.disable_ipv6': '1',
  'net.ipv6.conf.all.disable_ipv6': '1',
  'net.ipv4.ip_forward': '0',
  'net.ipv4.conf.all.rp_filter': '0',
  'net.ipv4.conf.default.rp_filter': '0',
  'net.ipv4.conf.all.arp_ignore': '0',
  'net.ipv4.conf.default.arp_ignore': '0',
};

/**
 * The segment's leg of the metadata service, wanted by each port of the segment and gone with the last one, and the port's own entry there:
 *
 *     workload ─▶ wp… ─▶ bridge ─▶ wm<vni> ═ seg<vni>, 169.254.169.254 in the namespace `metadata`
 *
 * All legs have one address and one MAC, each in a bridge of its own. What a port sends to the address is turned to that MAC, whatever MAC it
 * named, so it ends here and on no tunnel and no gateway; where there is no leg it ends nowhere. Neighbours are written, never asked for: an
 * answer to an address goes to the MAC that the plan has for it, so nobody gets another's by taking its address.
 */
export function layoutMetadata(body: PortBody, mtu: number): readonly KernelObject[] {
  const leg = metadataLegName(body.vni);
  return [
    ...layoutLeg(body.vni, mtu),
    ...body.ips.filter(isIpv4).map((address) => ({ kind: 'neigh', place: METADATA_PLACE, link: leg, address, mac: body.mac }) as const),
  ];
}

function layoutLeg(vni: Vni, mtu: number): readonly KernelObject[] {
  const port = metadataPortName(vni);
  const leg = metadataLegName(vni);
  const bridge = bridgeName(vni);
  return [
    { kind: 'netns', place: METADATA_PLACE, loopback: false, sysctls: SYSCTLS },
    metadataTable(),
    fabricElement('metadata', [port]),
    fabricElement('from', [port], 'goto from_metadata'),
    fabricElement('ingress', [port], 'goto to_metadata'),
    {
      kind: 'link',
      place: 'fabric',
      type: 'veth',
      name: port,
      alias: alias('metadata', vni),
      mtu,
      master: bridge,
      end: { place: METADATA_PLACE, name: leg },
      // The bridge answers ARP for it, and nobody's question comes here.
      flags: { neighSuppress: true, bcastFlood: false, hairpin: false },
    },
    { kind: 'link', place: METADATA_PLACE, type: 'end', name: leg, mac: METADATA_MAC, mtu },
    { kind: 'fdb', place: 'fabric', link: port, mac: METADATA_MAC, role: 'local' },
    { kind: 'neigh', place: 'fabric', link: bridge, address: METADATA_ADDRESS, mac: METADATA_MAC },
    { kind: 'address', place: METADATA_PLACE, link: leg, address: METADATA_ADDRESS, prefixLength: 32 },
  ];
}
