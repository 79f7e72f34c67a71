import type { Cidr } from '@weft/core/cidr';
import { parseCidr } from '@weft/core/cidr';
import type { Ipv4 } from '@weft/core/ipv4';
import { ipv4FromNumber, ipv4ToNumber, parseIpv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import { parseMac } from '@weft/core/mac';
import { Plan } from '@weft/core/plan/plan';
import type { PlanRef } from '@weft/core/plan/plan';
import type { ConcentratorId, InstanceId, PortId, SecurityGroupId, TenantId } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';

export const VTEP = parseIpv4('172.30.0.1');
const PEER = parseIpv4('172.30.0.2');

const id = <T extends string>(kind: number, n: number): T => `${kind}${n.toString(16).padStart(7, '0')}-0000-4000-8000-000000000000` as T;
export const concentratorId = (n: number): ConcentratorId => id(4, n);
const portId = (n: number): PortId => id(1, n);
const instanceId = (n: number): InstanceId => id(2, n);
const groupId = (n: number): SecurityGroupId => id(3, n);
const tenantVni = (n: number): Vni => (20_000 + n) as Vni;
const segmentVni = (n: number): Vni => (10_000 + n) as Vni;
const address = (n: number): Ipv4 => ipv4FromNumber(ipv4ToNumber(parseIpv4('10.0.0.2')) + n);
const mac = (kind: number, n: number): Mac =>
  parseMac(`02:${[kind, n >>> 24, n >>> 16, n >>> 8, n].map((byte) => (byte & 255).toString(16).padStart(2, '0')).join(':')}`);

/** A change of the plan: made when it is called; returns what it touched. */
type Change = () => readonly PlanRef[];

/** The plan of a node with very much on it, made by hand. */
export class ScalePlan {
  readonly plan = new Plan();

  constructor() {
    this.plan.set('vtepfilter', PEER, { address: PEER });
  }

  /** A tenant whose gateway is here and whose only workload is on another node. */
  tenant(n: number): Change {
    return () => {
      const vni = tenantVni(n);
      const subnets = [{ cidr: parseCidr('10.0.0.0/24'), gatewayIp: parseIpv4('10.0.0.1'), dhcp: true, dnsNameservers: [] }];
      const uplink = {
        address: ipv4FromNumber(ipv4ToNumber(parseIpv4('198.18.0.2')) + n),
        prefixLength: 15,
        gateway: parseIpv4('198.18.0.1'),
      };
      this.plan.set('segment', String(vni), { vni, tunnel: 'vxlan', topology: 'concentrator', hub: true, mtu: 1450 });
      this.plan.set('gateway', concentratorId(n), {
        concentratorId: concentratorId(n),
        tenantId: id<TenantId>(5, n),
        generation: 1,
        uplink,
        infrastructure: ['172.30.0.0/16' as Cidr],
        segments: [{ vni, mac: mac(1, n), mtu: 1450, subnets }],
      });
      this.plan.set('vtep', `${vni}/${PEER}`, { vni, address: PEER });
      this.plan.set('peer', `${vni}/${mac(2, n)}`, { vni, mac: mac(2, n), ips: [address(0)], vtep: PEER });
      return tenantRefs(n);
    };
  }

  noTenant(n: number): Change {
    return () => {
      for (const { kind, key } of tenantRefs(n)) this.plan.delete(kind, key);
      return tenantRefs(n);
    };
  }

  /** A workload's port; the segment's first one brings the segment and its group along. */
  port(segment: number, port: number): Change {
    return () => {
      const vni = segmentVni(segment);
      const n = segment * 256 + port;
      const group = groupId(segment);
      if (port === 0) {
        this.plan.set('segment', String(vni), { vni, tunnel: 'vxlan', topology: 'mesh', hub: false, mtu: 1450 });
        this.plan.set('vtep', `${vni}/${PEER}`, { vni, address: PEER });
        const any = { protocol: undefined, portMin: undefined, portMax: undefined, remoteCidr: undefined, remoteGroup: undefined };
        const rules = [{ ...any, direction: 'egress' } as const, { ...any, direction: 'ingress', remoteGroup: group } as const];
        this.plan.set('group', group, { groupId: group, rules });
      }
      const [ip, hardware] = [address(port), mac(3, n)];
      const common = { instanceId: instanceId(n), portId: portId(n), mac: hardware };
      this.plan.set('member', `${group}/${ip}`, { groupId: group, address: ip });
      this.plan.set('port', portId(n), { ...common, vni, ips: [ip], adminStateUp: true, portSecurity: true, groups: [group] });
      this.plan.set('instance', instanceId(n), {
        ...common,
        name: `w${n}`,
        generation: 1,
        runner: 'namespace',
        command: ['true'],
        mtu: 1450,
        addressing: 'static',
        addresses: [{ address: ip, prefixLength: 24 }],
        gateway: parseIpv4('10.0.0.1'),
      });
      return portRefs(segment, port, port === 0);
    };
  }

  /** The `last` takes the segment and its group along. */
  noPort(segment: number, port: number, last: boolean): Change {
    return () => {
      const refs = portRefs(segment, port, last);
      for (const { kind, key } of refs) this.plan.delete(kind, key);
      return refs;
    };
  }
}

function tenantRefs(n: number): PlanRef[] {
  const vni = tenantVni(n);
  return [
    { kind: 'segment', key: String(vni) },
    { kind: 'gateway', key: concentratorId(n) },
    { kind: 'vtep', key: `${vni}/${PEER}` },
    { kind: 'peer', key: `${vni}/${mac(2, n)}` },
  ];
}

function portRefs(segment: number, port: number, withSegment: boolean): PlanRef[] {
  const n = segment * 256 + port;
  const vni = segmentVni(segment);
  const own: PlanRef[] = [
    { kind: 'member', key: `${groupId(segment)}/${address(port)}` },
    { kind: 'port', key: portId(n) },
    { kind: 'instance', key: instanceId(n) },
  ];
  if (!withSegment) return own;
  const shared: PlanRef[] = [
    { kind: 'segment', key: String(vni) },
    { kind: 'vtep', key: `${vni}/${PEER}` },
    { kind: 'group', key: groupId(segment) },
  ];
  return [...shared, ...own];
}
