import type { GatewayBody, GatewaySegment } from '@weft/core/plan/gateway';
import { ipCidrContains, ipCidrPrefixLength } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import { WeftError } from '@weft/core/weft-error';
import type { KernelObject } from '../kernel-object.ts';
import { linkLocalOf } from '../link-local.ts';
import { alias, bridgeName, gatewayLegName, gatewayPlace, gatewayPortName, limitName, uplinkMac, uplinkName } from '../names.ts';
import { gatewayTable } from '../ruleset/gateway.ts';
import { gatewayTable6, hasIpv6 } from '../ruleset/gateway-ipv6.ts';
import { fabricElement, zoneElement } from './element.ts';
import type { LayoutContext } from './layout.ts';
import { limitObjects } from './limit.ts';

/**
 * What NAT needs off and routing needs on (datapath.md §3). `arp_ignore`: a leg answers for its own addresses only. IPv6 makes no addresses by
 * itself, not on the uplink above all, and is switched on last, when it is known what an interface may do.
 */
const SYSCTLS = {
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
  'net.ipv6.conf.all.addr_gen_mode': '1',
  'net.ipv6.conf.default.accept_ra': '0',
};

const ipv6Sysctls = (on: boolean): Readonly<Record<string, string>> => ({
  'net.ipv6.conf.all.forwarding': on ? '1' : '0',
  'net.ipv6.conf.default.disable_ipv6': on ? '0' : '1',
  'net.ipv6.conf.all.disable_ipv6': on ? '0' : '1',
});

/** How large frames are outside is not ours to say; jumbo frames are the largest in use. */
const OUTSIDE_FRAME_BYTES = 9022;

/** A gateway: a namespace with one leg in each segment of its tenant, and one on the uplink. Its rules stand before its legs. */
export function layoutGateway({ facts, numbers }: LayoutContext, body: GatewayBody): readonly KernelObject[] {
  const place = gatewayPlace(body.concentratorId);
  const with6 = hasIpv6(body);
  const objects: KernelObject[] = [
    { kind: 'netns', place, loopback: true, sysctls: { ...SYSCTLS, ...ipv6Sysctls(with6) } },
    gatewayTable(body),
    ...(with6 ? [gatewayTable6(body)] : []),
  ];
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
    for (const { address, prefixLength } of addressesOf(segment)) {
      objects.push(
        { kind: 'address', place, link: leg, address, prefixLength },
        { kind: 'neigh', place: 'fabric', link: bridge, address, mac: segment.mac },
      );
    }
  }
  for (const { destination, nexthop } of body.routes ?? []) {
    const near = body.segments.find(({ subnets, subnets6 = [] }) =>
      [...subnets, ...subnets6].some(({ cidr }) => ipCidrContains(cidr, nexthop)),
    );
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

/** Of a leg. The link-local one is that of its MAC, wherever the gateway is. */
function addressesOf({ mac, subnets, subnets6 = [] }: GatewaySegment): Readonly<{ address: IpAddress; prefixLength: number }>[] {
  const given = [...subnets, ...subnets6].map(({ gatewayIp, cidr }) => ({ address: gatewayIp, prefixLength: ipCidrPrefixLength(cidr) }));
  const linkLocal = linkLocalOf(
    mac,
    subnets6.map(({ cidr }) => cidr),
  );
  return [...given, ...linkLocal.map((address) => ({ address, prefixLength: 64 }))];
}
