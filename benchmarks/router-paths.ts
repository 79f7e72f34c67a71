/**
 * Two ways from a client to a server in another subnet, and to one outside: through a gateway that the data path makes, and through a
 * namespace that routes by hand, with the very rules of that gateway.
 *
 *     Weft      client ── fabric (bridge, security groups) ── gateway ── fabric ── server        by hand    client ── router ── server
 *                                                               └── macvlan ── outside                                  └── macvlan ── outside
 */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { parseCidr } from '@weft/core/cidr';
import type { Ipv4 } from '@weft/core/ipv4';
import { parseIpv4 } from '@weft/core/ipv4';
import { parseMac } from '@weft/core/mac';
import type { GatewayBody } from '@weft/core/plan/gateway';
import { Plan } from '@weft/core/plan/plan';
import { parseUuid } from '@weft/core/uuid';
import type { ConcentratorId, InstanceId, PortId, SecurityGroupId, TenantId, Uuid } from '@weft/core/uuid';
import { parseVni } from '@weft/core/vni';
import { openLinuxDataplane } from '@weft/dataplane/linux-dataplane';
import { gatewayLegName, uplinkName, workloadPlace } from '@weft/dataplane/names';
import { nftTransaction } from '@weft/dataplane/nft-text';
import { gatewayTable } from '@weft/dataplane/ruleset/gateway';
import { addrReplace } from '@weft/netlink/addr';
import { linkAdd, linkGet, linkSet } from '@weft/netlink/link';
import { routeReplace } from '@weft/netlink/route';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsCreateUnpinned, netnsOpen } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';
import { NftContext } from '@weft/sys/nft';
import { sysctlWrite } from '@weft/sys/sysctl';
import type { TcpPath } from './tcp-throughput.ts';

const RUN_DIR = '/run/weft-router';
const MTU = 1450;
const VTEP = parseIpv4('172.30.0.1');
const OUTSIDE = parseIpv4('203.0.113.254');
const SUBNETS = [10, 11].map((second, n) => ({
  vni: parseVni(10_001 + n),
  cidr: parseCidr(`10.${second}.0.0/24`),
  gatewayIp: parseIpv4(`10.${second}.0.1`),
  host: parseIpv4(`10.${second}.0.11`),
  mac: parseMac(`02:00:00:00:01:0${n}`),
  hostMac: parseMac(`02:00:00:00:02:0${n}`),
}));

/** `routed`: to the other subnet. `translated`: to the outside, with the gateway's address as source. */
export type RouterPaths = Readonly<Record<'routed' | 'translated', TcpPath>>;

/** Both ways, in this process's network namespace, which is a node with nothing in it. Disposing of `stack` closes what is open. */
export function buildRouterPaths(stack: DisposableStack): Readonly<{ weft: RouterPaths; hand: RouterPaths }> {
  const node = stack.use(Rtnl.open());
  const outside = stack.use(netnsCreateUnpinned());
  wire(node, 'under', undefined);
  addrReplace(node, { index: linkGet(node, 'under')!.index, address: VTEP, prefix: 24 });
  wire(node, 'uplink0', outside);
  using out = Rtnl.open(outside);
  address(out, 'uplink0-peer', OUTSIDE);
  return { weft: byWeft(stack, outside), hand: byHand(stack, node, outside) };
}

function byWeft(stack: DisposableStack, outside: Netns): RouterPaths {
  mkdirSync(`${RUN_DIR}/netns`, { recursive: true });
  const facts = {
    vtep: VTEP,
    underlayInterface: 'under',
    vxlanPort: 4789,
    mtu: MTU,
    uplinkInterface: 'uplink0',
    connectionsPerPort: 1_000_000,
  };
  const log = { info: () => {}, warn: (fields: object, message: string) => console.error(message, fields) };
  const { dataplane, close } = openLinuxDataplane({ ...facts, runDir: RUN_DIR }, { log });
  stack.defer(close);
  const failed = dataplane.apply(planWithGateway(), 'all');
  for (const [what, error] of failed) throw new Error(`${what}: ${error.message}`);
  const [from, to] = SUBNETS.map((_, n) => stack.use(netnsOpen(`${RUN_DIR}/netns/${workloadPlace(id<InstanceId>(2, n))}`)));
  return pathsOf(from!, to!, outside);
}

/** A namespace with a leg for each client and the uplink, forwarding, and the gateway's own table. */
function byHand(stack: DisposableStack, node: Rtnl, outside: Netns): RouterPaths {
  const router = stack.use(netnsCreateUnpinned());
  using rtnl = Rtnl.open(router);
  const body = gateway(9, parseIpv4('203.0.113.12'));
  sysctlWrite(router, 'net.ipv4.ip_forward', '1');
  using nft = NftContext.open(router);
  nft.run(nftTransaction({ remove: [], put: [gatewayTable(body)] }, (text) => createHash('sha256').update(text).digest('hex')));
  const hosts = SUBNETS.map(({ vni, gatewayIp, host }) => {
    const netns = stack.use(netnsCreateUnpinned());
    using inside = Rtnl.open(netns);
    const leg = gatewayLegName(vni);
    linkAdd(rtnl, { kind: 'veth', name: leg, mtu: MTU, up: true, peer: { name: 'eth0', netns, mtu: MTU } });
    address(rtnl, leg, gatewayIp);
    address(inside, 'eth0', host);
    routeReplace(inside, { destination: undefined, gateway: gatewayIp, oif: linkGet(inside, 'eth0')!.index });
    return netns;
  });
  const link = uplinkName(body.concentratorId);
  const mac = parseMac('02:00:00:00:03:01');
  linkAdd(node, { kind: 'macvlan', name: link, netns: router, mac, parent: linkGet(node, 'uplink0')!.index, mode: 'bridge', up: true });
  address(rtnl, link, body.uplink!.address);
  return pathsOf(hosts[0]!, hosts[1]!, outside);
}

function pathsOf(from: Netns, to: Netns, outside: Netns): RouterPaths {
  return { routed: { from, to, address: SUBNETS[1]!.host }, translated: { from, to: outside, address: OUTSIDE } };
}

function planWithGateway(): Plan {
  const plan = new Plan();
  const groupId = id<SecurityGroupId>(3, 1);
  const any = { protocol: undefined, portMin: undefined, portMax: undefined, remoteCidr: undefined, remoteGroup: undefined };
  plan.set('group', groupId, {
    groupId,
    rules: [
      { ...any, direction: 'egress' },
      { ...any, direction: 'ingress' },
    ],
  });
  for (const [n, { vni, host, hostMac, gatewayIp }] of SUBNETS.entries()) {
    const common = { instanceId: id<InstanceId>(2, n), portId: id<PortId>(1, n), mac: hostMac };
    plan.set('segment', String(vni), { vni, tunnel: 'vxlan', topology: 'mesh', hub: false, mtu: MTU });
    plan.set('port', common.portId, { ...common, vni, ips: [host], adminStateUp: true, portSecurity: true, groups: [groupId] });
    plan.set('instance', common.instanceId, {
      ...common,
      name: `w${n}`,
      generation: 1,
      runner: 'namespace',
      command: ['true'],
      mtu: MTU,
      addressing: 'static',
      addresses: [{ address: host, prefixLength: 24 }],
      gateway: gatewayIp,
    });
  }
  const body = gateway(1, parseIpv4('203.0.113.11'));
  plan.set('gateway', body.concentratorId, body);
  return plan;
}

function gateway(n: number, uplink: Ipv4): GatewayBody {
  return {
    concentratorId: id<ConcentratorId>(4, n),
    tenantId: id<TenantId>(5, n),
    generation: 1,
    uplink: { address: uplink, prefixLength: 24, gateway: OUTSIDE },
    infrastructure: [parseCidr('172.30.0.0/24')],
    segments: SUBNETS.map(({ vni, mac, cidr, gatewayIp }) => ({
      vni,
      mac,
      mtu: MTU,
      subnets: [{ cidr, gatewayIp, dhcp: false, dnsNameservers: [] }],
    })),
  };
}

function wire(node: Rtnl, name: string, netns: Netns | undefined): void {
  linkAdd(node, { kind: 'veth', name, up: true, peer: { name: `${name}-peer`, ...(netns === undefined ? {} : { netns }) } });
  if (netns === undefined) linkSet(node, linkGet(node, `${name}-peer`)!.index, { up: true });
}

function address(rtnl: Rtnl, name: string, ip: Ipv4): void {
  const { index } = linkGet(rtnl, name)!;
  linkSet(rtnl, index, { up: true });
  addrReplace(rtnl, { index, address: ip, prefix: 24 });
}

function id<T extends Uuid>(kind: number, n: number): T {
  return parseUuid<T>(`${kind}${n.toString(16).padStart(7, '0')}-0000-4000-8000-000000000000`);
}
