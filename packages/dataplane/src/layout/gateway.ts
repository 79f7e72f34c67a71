import type { GatewayBody } from '@weft/core/plan/gateway';
import { cidrContains, cidrPrefixLength } from '@weft/core/cidr';
import { WeftError } from '@weft/core/weft-error';
import type { KernelObject } from '../kernel-object.ts';
import { alias, bridgeName, gatewayLegName, gatewayPlace, gatewayPortName, limitName, uplinkMac, uplinkName } from '../names.ts';
import { gatewayTable } from '../ruleset/gateway.ts';
import { fabricElement, zoneElement } from './element.ts';
import type { LayoutContext } from './layout.ts';
import { limitObjects } from './limit.ts';

/** What NAT needs off and routing needs on (datapath.md §3). `arp_ignore`: a leg answers for its own addresses only. */
const SYSCTLS = {
  'net.ipv6.conf.default.disable_ipv6': '1',
  'net.ipv6.conf.all.disable_ipv6': '1',
  'net.bridge.bridge-nf-call-iptables': '0',
  'net.bridge.bridge-nf-call-ip6tables': '0',
  'net.bridge.bridge-nf-call-arptables': '0',
  'net.ipv4.conf.all.promote_secondaries': '1',
  'net.ipv4.ip_forward': '1',
  'net.ipv4.conf.all.rp_filter': '1',
  'net.ipv4.conf.default.rp_filter': '1',
  'net.ipv4.conf.all.arp_ignore': '1',
  'net.ipv4.conf.all.send_redirects': '0',
  'net.ipv4.conf.default.send_redirects': '0',
};

/** How large frames are outside is not ours to say; jumbo frames are the largest in use. */
const OUTSIDE_FRAME_BYTES = 9022;

/** A gateway: a namespace with one leg in each segment of its tenant, and one on the uplink. Its rules stand before its legs. */
export function layoutGateway({ facts, numbers }: LayoutContext, body: GatewayBody): readonly KernelObject[] {
  const place = gatewayPlace(body.concentratorId);
  const objects: KernelObject[] = [{ kind: 'netns', place, loopback: true, sysctls: SYSCTLS }, gatewayTable(body)];
  for (const segment of body.segments) {
    const port = gatewayPortName(body.concentratorId, segment.vni);
    const leg = gatewayLegName(segment.vni);
    const bridge = bridgeName(segment.vni);
    const number = numbers.trusted(port);
    objects.push(
      fabricElement('number', [port], String(number)),
      zoneElement(number, numbers.zone(segment.vni)),
      fabricElement('ports', [port]),
      fabricElement('tracked', [port]),
      fabricElement('gateways', [port]),
      fabricElement('ingress', [port], 'accept'),
      fabricElement('from', [port], 'goto trusted'),
      {
        kind: 'link',
        place: 'fabric',
        type: 'veth',
        name: port,
        alias: alias('gateway', `${body.concentratorId}/${segment.vni}`),
        mtu: segment.mtu,
        master: bridge,
        end: { place, name: leg },
        flags: { neighSuppress: false, bcastFlood: true, hairpin: false },
      },
      { kind: 'link', place, type: 'end', name: leg, mac: segment.mac, mtu: segment.mtu },
      { kind: 'fdb', place: 'fabric', link: port, mac: segment.mac, role: 'local' },
    );
    for (const subnet of segment.subnets) {
      objects.push(
        { kind: 'address', place, link: leg, address: subnet.gatewayIp, prefixLength: cidrPrefixLength(subnet.cidr) },
        { kind: 'neigh', place: 'fabric', link: bridge, address: subnet.gatewayIp, mac: segment.mac },
      );
    }
  }
  for (const { destination, nexthop } of body.routes ?? []) {
    const near = body.segments.find(({ subnets }) => subnets.some(({ cidr }) => cidrContains(cidr, nexthop)));
    if (near !== undefined) objects.push({ kind: 'route', place, link: gatewayLegName(near.vni), gateway: nexthop, destination });
  }
  if (body.uplink !== undefined) {
    if (facts.uplinkInterface === undefined) {
      throw new WeftError('no_uplink', `concentrator ${body.concentratorId} has a public address, but this node has no uplink`, {
        remedy: 'Name the interface as `uplink:` in the launcher configuration of this network node.',
      });
    }
    const link = uplinkName(body.concentratorId);
    objects.push(
      {
        kind: 'link',
        place,
        type: 'macvlan',
        name: link,
        alias: alias('uplink', body.concentratorId),
        mac: uplinkMac(body.concentratorId),
        parent: facts.uplinkInterface,
      },
      { kind: 'address', place, link, address: body.uplink.address, prefixLength: body.uplink.prefixLength },
      { kind: 'route', place, link, gateway: body.uplink.gateway },
      ...limitObjects({
        place,
        link,
        ifb: limitName(body.concentratorId),
        alias: alias('limit', body.concentratorId),
        leavingKbps: body.rateLimit?.egressKbps,
        arrivingKbps: body.rateLimit?.ingressKbps,
        frameBytes: OUTSIDE_FRAME_BYTES,
      }),
    );
  }
  return objects;
}
