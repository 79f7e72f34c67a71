import type { Cidr } from '@weft/core/cidr';
import { isIpv6 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import type { GatewayBody } from '@weft/core/plan/gateway';
import type { GroupRule } from '@weft/core/plan/group';
import { Plan } from '@weft/core/plan/plan';
import type { PortBody } from '@weft/core/plan/port';
import type { ConcentratorId, InstanceId, PortId, SecurityGroupId, TenantId } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';

const id = <T extends string>(kind: number, n: number): T => `${kind}${n.toString(16).padStart(7, '0')}-0000-4000-8000-000000000000` as T;
export const portId = (n: number): PortId => id(1, n);
export const instanceId = (n: number): InstanceId => id(2, n);
export const groupId = (n: number): SecurityGroupId => id(3, n);
export const concentratorId = (n: number): ConcentratorId => id(4, n);
const tenantId = id<TenantId>(5, 1);
export const vni = (n: number): Vni => n as Vni;
export const ipv4 = (text: string): Ipv4 => text as Ipv4;
export const mac = (n: number): Mac => `02:00:0a:00:00:${n.toString(16).padStart(2, '0')}` as Mac;
export const GATEWAY_MAC = '02:00:0a:00:01:01' as Mac;

const ANY = { protocol: undefined, portMin: undefined, portMax: undefined, remoteCidr: undefined, remoteGroup: undefined };
export const ALL_OUT: GroupRule = { ...ANY, direction: 'egress' };
export const ALL_OUT6: GroupRule = { ...ALL_OUT, family: 'ipv6' };
export const ANY_IN6: GroupRule = { ...ANY, direction: 'ingress', family: 'ipv6' };
export const tcpIn = (port: number): GroupRule => ({ ...ANY, direction: 'ingress', protocol: 'tcp', portMin: port, portMax: port });
export const tcpOut = (port: number): GroupRule => ({ ...tcpIn(port), direction: 'egress' });
/** The same rule about packets of IPv6. */
export const inIpv6 = (rule: GroupRule): GroupRule => ({ ...rule, family: 'ipv6' });
export const fromGroup = (n: number): GroupRule => ({ ...ANY, direction: 'ingress', remoteGroup: groupId(n) });

/** An endpoint with the number n, as a tenant sees it: 10.0.0.n, 02:…:n. In another segment it may be another's. */
export type Endpoint = Readonly<{ n: number; vni: number; groups?: readonly number[] }>;

/** Builds a node's plan by hand. What is not said is as a well-behaved workload's with a static address in group 1 would be. */
export class PlanBuilder {
  readonly plan = new Plan();

  segment(number: number, as: Readonly<{ hub?: boolean; topology?: 'mesh' | 'concentrator'; mtu?: number; floods?: true }> = {}): this {
    const { hub = false, topology = hub ? 'concentrator' : 'mesh', mtu = 1450, ...floods } = as;
    this.plan.set('segment', String(number), { vni: vni(number), tunnel: 'vxlan', topology, hub, mtu, ...floods });
    return this;
  }

  group(n: number, rules: readonly GroupRule[] = [ALL_OUT, fromGroup(n)], as: Readonly<{ stateless?: true }> = {}): this {
    this.plan.set('group', groupId(n), { groupId: groupId(n), rules, ...as });
    return this;
  }

  /** The group has this address, wherever it is. */
  member(n: number, address: IpAddress): this {
    this.plan.set('member', `${groupId(n)}/${address}`, { groupId: groupId(n), address });
    return this;
  }

  noMember(n: number, address: IpAddress): this {
    this.plan.delete('member', `${groupId(n)}/${address}`);
    return this;
  }

  /** `as` is what its port is otherwise than usual; `number` tells workloads of a node apart if two tenants have the same endpoint. */
  workload(endpoint: Endpoint, as: Partial<PortBody> & Readonly<{ number?: number; dhcp?: boolean }> = {}): this {
    const { number = endpoint.n, dhcp = false, ...body } = as;
    const port: PortBody = {
      portId: portId(number),
      vni: vni(endpoint.vni),
      mac: mac(endpoint.n),
      ips: [ipv4(`10.0.0.${endpoint.n}`)],
      instanceId: instanceId(number),
      adminStateUp: true,
      portSecurity: true,
      groups: (endpoint.groups ?? [1]).map(groupId),
      ...body,
    };
    this.plan.set('port', port.portId, port);
    this.plan.set('instance', port.instanceId, {
      instanceId: port.instanceId,
      name: `w${number}`,
      generation: 1,
      runner: 'namespace',
      command: ['true'],
      portId: port.portId,
      mac: port.mac,
      mtu: 1450,
      addressing: dhcp ? 'dhcp' : 'static',
      addresses: port.ips.map((address) => ({ address, prefixLength: isIpv6(address) ? 64 : 24 })),
      gateway: ipv4('10.0.0.1'),
    });
    return this;
  }

  noWorkload(number: number): this {
    this.plan.delete('port', portId(number));
    this.plan.delete('instance', instanceId(number));
    return this;
  }

  /** An endpoint on another node, reached by `vtep`. */
  peer({ n, vni: number }: Endpoint, vtep: Ipv4): this {
    return this.peerAt(number, { mac: mac(n), ips: [ipv4(`10.0.0.${n}`)] }, vtep);
  }

  peerAt(number: number, peer: Readonly<{ mac: Mac; ips: readonly IpAddress[] }>, vtep: Ipv4): this {
    this.plan.set('peer', `${number}/${peer.mac}`, { vni: vni(number), ...peer, vtep });
    return this.admit(vtep);
  }

  noPeer({ n, vni: number }: Endpoint): this {
    this.plan.delete('peer', `${number}/${mac(n)}`);
    return this;
  }

  /** Broadcasts of the segment go there. */
  vtep(number: number, address: Ipv4): this {
    this.plan.set('vtep', `${number}/${address}`, { vni: vni(number), address });
    return this.admit(address);
  }

  /** Tunnel packets are taken from there. */
  admit(vtep: Ipv4): this {
    this.plan.set('vtepfilter', vtep, { address: vtep });
    return this;
  }

  /** 10.0.0.1 for each segment. */
  gateway(n: number, vnis: readonly number[], as: Partial<Pick<GatewayBody, 'uplink' | 'infrastructure' | 'rateLimit'>> = {}): this {
    const segments = vnis.map((number) => ({
      vni: vni(number),
      mac: GATEWAY_MAC,
      mtu: 1450,
      subnets: [{ cidr: '10.0.0.0/24' as Cidr, gatewayIp: ipv4('10.0.0.1'), dhcp: true, dnsNameservers: [] }],
    }));
    this.plan.set('gateway', concentratorId(n), {
      concentratorId: concentratorId(n),
      tenantId,
      generation: 1,
      uplink: as.uplink,
      infrastructure: as.infrastructure ?? ['172.30.0.0/24' as Cidr],
      segments,
      rateLimit: as.rateLimit,
    });
    return this;
  }
}
