import { isCidr4, isIpv4 } from '@weft/core/ip';
import type { GroupBody, GroupRule } from '@weft/core/plan/group';
import type { Plan } from '@weft/core/plan/plan';
import type { PortBody, PortPair } from '@weft/core/plan/port';
import type { ChainObject, KernelObject } from '../kernel-object.ts';
import {
  alias,
  bridgeName,
  gatewayPortName,
  groupEgressName,
  groupIngressName,
  limitName,
  portEgressName,
  portIngressName,
  portName,
  portNeighbourName,
  portPairsName,
  tunnelName,
  WORKLOAD_LINK,
  workloadPlace,
} from '../names.ts';
import { dropChain } from '../ruleset/drops.ts';
import { MARK_EGRESS_ALLOWED, MARK_STATELESS } from '../ruleset/fabric.ts';
import { fabricElement, zoneElement } from './element.ts';
import type { LayoutContext } from './layout.ts';
import { limitObjects } from './limit.ts';
import { layoutMetadata } from './metadata.ts';
import { ipv6Of, neighbourChain, prefixed } from './neighbour.ts';

/** Ethernet, two VLAN tags and the four bytes more that a pair takes. */
const HEADER_BYTES = 26;

/**
 * A workload's port: its link, and in front of it its rules. A port without `from` forwards nothing; one that is administratively down has
 * no rules but a `from` that counts what it sends (datapath.md §4, "Per port").
 */
export function layoutPort(context: LayoutContext, body: PortBody): readonly KernelObject[] {
  const { plan, numbers } = context;
  const link = portName(body.portId);
  const bridge = bridgeName(body.vni);
  const mtu = plan.get('segment', String(body.vni))?.mtu;
  // Nothing is plugged before its segment is known; the segment's arrival lays the port out again.
  if (mtu === undefined) return [];
  const objects: KernelObject[] = [
    {
      kind: 'link',
      place: 'fabric',
      type: 'veth',
      name: link,
      alias: alias('port', body.portId),
      mtu,
      master: bridge,
      end: { place: workloadPlace(body.instanceId), name: WORKLOAD_LINK },
      flags: { neighSuppress: false, bcastFlood: true, hairpin: false },
    },
    { kind: 'link', place: workloadPlace(body.instanceId), type: 'end', name: WORKLOAD_LINK, mac: body.mac, mtu },
  ];
  objects.push(
    ...limitObjects({
      place: 'fabric',
      link,
      ifb: limitName(body.portId),
      alias: alias('limit', body.portId),
      // What leaves the fabric by a port comes to its workload.
      leavingKbps: body.rateLimit?.ingressKbps,
      arrivingKbps: body.rateLimit?.egressKbps,
      frameBytes: mtu + HEADER_BYTES,
    }),
  );
  if (!body.adminStateUp) return [fabricElement('from', [link], `goto ${dropChain('port closed sent')}`), ...objects];
  for (const mac of [body.mac, ...(body.macs ?? [])]) objects.push({ kind: 'fdb', place: 'fabric', link, mac, role: 'local' });
  for (const address of [...body.ips.filter(isIpv4), ...ipv6Of(body)])
    objects.push({ kind: 'neigh', place: 'fabric', link: bridge, address, mac: body.mac });
  return [...rules(context, body, link, numbers.port(link), numbers.zone(body.vni)), ...objects, ...layoutMetadata(body, mtu)];
}

function rules({ plan, gatewayPorts }: LayoutContext, body: PortBody, link: string, number: number, zone: number): KernelObject[] {
  const ingress: ChainObject = {
    kind: 'chain',
    place: 'fabric',
    family: 'bridge',
    name: portIngressName(link),
    rules: [
      // The connection is charged to the receiving port too.
      `meta mark set meta mark | 0x${(number << 14).toString(16).padStart(8, '0')}`,
      ...(body.portSecurity ? body.groups.map((group) => `jump ${groupIngressName(group)}`) : []),
      body.portSecurity ? `goto ${dropChain('port group received')}` : 'goto ingress_any',
    ],
  };
  const stateless =
    body.portSecurity && body.groups.length > 0 && body.groups.every((group) => plan.get('group', group)?.stateless === true);
  const own6 = ipv6Of(body);
  const families = own6.length === 0 ? [undefined] : [undefined, 'ipv6' as const];
  const allowsOut = (family: GroupRule['family']): boolean => body.groups.some((group) => allowsAllOut(plan.get('group', group), family));
  const open = !stateless && (!body.portSecurity || families.every(allowsOut));
  const mark = stateless ? number | MARK_STATELESS : number;
  const egress: ChainObject = {
    kind: 'chain',
    place: 'fabric',
    family: 'bridge',
    name: portEgressName(link),
    rules: [
      // Now the receiver's number may come there.
      ...(stateless ? [`meta mark set meta mark & 0x${(~MARK_STATELESS >>> 0).toString(16)}`] : []),
      ...body.groups.flatMap((group) => [
        `jump ${groupEgressName(group)}`,
        `meta mark & 0x${MARK_EGRESS_ALLOWED.toString(16)} != 0 return`,
      ]),
      `goto ${dropChain('port group sent')}`,
    ],
  };
  const pairs = body.portSecurity ? (body.pairs ?? []) : [];
  const guarded = pairs.length > 0;
  const from = guarded ? `goto ${portPairsName(link)}` : body.portSecurity ? 'goto from_workload' : 'goto from_unguarded';
  return [
    ingress,
    ...(open ? [] : [egress]),
    ...(guarded ? [pairsChain(link, pairs)] : []),
    ...(own6.length === 0 ? [] : [neighbourChain(link, body), fabricElement('neighbours', [link], `goto ${portNeighbourName(link)}`)]),
    ...[...new Set([body.mac, ...pairs.map(({ mac }) => mac)])].map((mac) => fabricElement('macs', [link, mac])),
    ...body.ips.filter(isIpv4).map((address) => fabricElement('addrs', [link, body.mac, address])),
    ...own6.map((address) => fabricElement('addrs6', [link, body.mac, address])),
    ...[tunnelName(body.vni), ...gatewayPorts(body.vni)].flatMap((trusted) =>
      [body.mac, ...(body.macs ?? [])].map((mac) => fabricElement('local', [trusted, mac])),
    ),
    fabricElement('number', [link], String(mark)),
    zoneElement(mark, zone),
    fabricElement('ports', [link]),
    ...(stateless ? [] : [fabricElement('tracked', [link])]),
    fabricElement('egress', [link], open ? 'jump egress_all' : `jump ${egress.name}`),
    fabricElement('ingress', [link], `goto ${ingress.name}`),
    fabricElement('from', [link], from),
  ];
}

/** Only a port with pairs asks about them; whatever they do not admit goes the way of any other port's. */
function pairsChain(link: string, pairs: readonly PortPair[]): ChainObject {
  const admitted = pairs.flatMap(({ mac, cidr }) =>
    isCidr4(cidr)
      ? [
          `ether saddr ${mac} arp saddr ether ${mac} ${prefixed('arp saddr ip', cidr)}accept`,
          `ether saddr ${mac} ether type ip ${prefixed('ip saddr', cidr)}goto from_pair_ip`,
        ]
      : [`ether saddr ${mac} ether type ip6 ${prefixed('ip6 saddr', cidr)}goto from_pair_ip6`],
  );
  return { kind: 'chain', place: 'fabric', family: 'bridge', name: portPairsName(link), rules: [...admitted, 'goto from_workload'] };
}

function allowsAllOut(group: GroupBody | undefined, family: GroupRule['family']): boolean {
  return (
    group?.rules.some(
      (rule) =>
        rule.direction === 'egress' &&
        rule.family === family &&
        rule.protocol === undefined &&
        rule.remoteCidr === undefined &&
        rule.remoteGroup === undefined,
    ) ?? false
  );
}

export function gatewayPortsByVni(plan: Plan): Map<number, string[]> {
  const ports = new Map<number, string[]>();
  for (const { concentratorId, segments } of plan.of('gateway').values()) {
    for (const { vni } of segments) ports.set(vni, [...(ports.get(vni) ?? []), gatewayPortName(concentratorId, vni)]);
  }
  return ports;
}
