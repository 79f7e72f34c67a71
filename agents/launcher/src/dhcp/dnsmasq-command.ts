import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { cidrNetmask, cidrNetwork, cidrPrefixLength } from '@weft/core/cidr';
import { cidr6Network, cidr6PrefixLength } from '@weft/core/cidr6';
import { withoutDot } from '@weft/core/dns-name';
import type { Ipv4 } from '@weft/core/ipv4';
import type { GatewayBody, GatewaySegment, GatewaySubnet, GatewaySubnet6 } from '@weft/core/plan/gateway';
import type { StaticRoute } from '@weft/core/router';
import { WeftError } from '@weft/core/weft-error';
import { isHostName } from './dns-domain.ts';

/** dnsmasq is a distribution package, and this machine lacks it. */
export class DnsmasqMissing extends WeftError {
  constructor(path: string) {
    super('dnsmasq_missing', 'serving DHCP and DNS: the program dnsmasq is not installed', {
      details: { path },
      remedy: 'Install the distribution package dnsmasq-base.',
    });
  }
}

/** Debian keeps it where a user's PATH does not look. */
export const dnsmasqPath = (path: string): string => `${path}:/usr/sbin:/sbin`;

/** Throws DnsmasqMissing unless dnsmasq is in one of the directories of `path`. */
export function requireDnsmasq(path: string): void {
  const found = path.split(':').some((directory) => {
    try {
      accessSync(join(directory, 'dnsmasq'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!found) throw new DnsmasqMissing(path);
}

/** Its own limit is 1000, for all segments together. */
const MAX_LEASES = 1_000_000;

/** Where the server finds what it serves, and what its names end with. */
export type ServerFiles = Readonly<{
  hostsDirectory: string;
  namesDirectory: string;
  configurationFile: string;
  leaseFile: string;
  domain: string;
}>;

/**
 * The command of a gateway's DHCP and DNS server: one process for all of its segments. It leases only addresses that the plan gives (`static`
 * ranges), and knows only names that the plan gives: not the machine's, nor what clients call themselves. About anything else it asks the
 * servers that the subnets name, or nobody. `-d` keeps it in the foreground, and it needs no second user then. Source: dnsmasq(8); tried in
 * datapath.md §5. Undefined if the gateway has no subnet.
 */
export function dnsmasqCommand(body: GatewayBody, files: ServerFiles): readonly string[] | undefined {
  const served = body.segments.filter(({ subnets, subnets6 = [] }) => subnets.length + subnets6.length > 0);
  if (served.length === 0) return undefined;
  const { domain } = files;
  const upstream = new Set(served.flatMap((segment) => segment.subnets.flatMap((subnet) => subnet.dnsNameservers)));
  return [
    'dnsmasq',
    '-d',
    `--conf-file=${files.configurationFile}`,
    '--user=root',
    '--group=root',
    '--log-facility=-',
    '--quiet-dhcp',
    '--bind-interfaces',
    '--except-interface=lo',
    '--port=53',
    '--no-hosts',
    '--no-resolv',
    '--no-poll',
    '--domain-needed',
    '--bogus-priv',
    `--domain=${domain}`,
    `--local=/${domain}/`,
    `--hostsdir=${files.namesDirectory}`,
    ...[...upstream].toSorted().map((server) => `--server=${server}`),
    // Of names in these nobody else could be asked, so what is not known of them is said to be nothing.
    ...(upstream.size > 0 ? [] : [...new Set(served.flatMap(ownDomain))].map((own) => `--local=/${own}/`)),
    '--dhcp-ignore-names',
    '--no-ping',
    '--dhcp-authoritative',
    `--dhcp-lease-max=${MAX_LEASES}`,
    `--dhcp-hostsdir=${files.hostsDirectory}`,
    `--dhcp-leasefile=${files.leaseFile}`,
    // Says of advertised prefixes whose hosts do not make their own addresses that there is DHCPv6 instead.
    ...(served.some(({ subnets6 = [] }) => subnets6.some(({ advertise }) => advertise === 'dhcpv6-stateful')) ? ['--enable-ra'] : []),
    ...served.flatMap(segmentOptions),
  ];
}

function segmentOptions(segment: GatewaySegment): string[] {
  const subnets = segment.subnets.filter((subnet) => subnet.dhcp);
  return [
    `--interface=seg${segment.vni}`,
    ...subnets.flatMap((subnet, index) => subnetOptions(segment, subnet, `v${segment.vni}n${index}`)),
    ...(segment.subnets6 ?? []).flatMap((subnet, index) => subnet6Options(subnet, `v${segment.vni}s${index}`)),
  ];
}

/** None or one. It would change the option's meaning if it were no domain. */
function ownDomain({ dnsDomain = '' }: GatewaySegment): string[] {
  return isHostName(withoutDot(dnsDomain)) ? [withoutDot(dnsDomain)] : [];
}

function subnetOptions(segment: GatewaySegment, subnet: GatewaySubnet, tag: string): string[] {
  const { cidr, gatewayIp, dnsNameservers, hostRoutes, routers = [gatewayIp], leaseMinutes } = subnet;
  const dns = dnsNameservers.length === 0 ? gatewayIp : dnsNameservers.join(',');
  return [
    `--dhcp-range=set:${tag},${cidrNetwork(cidr)},static,${cidrNetmask(cidr)},${leaseMinutes === undefined ? '1h' : `${leaseMinutes}m`}`,
    // Without a value it is not sent, and neither is the server's own address in its place.
    `--dhcp-option=${['tag:' + tag, '3', ...routers].join(',')}`,
    `--dhcp-option=tag:${tag},26,${segment.mtu}`,
    `--dhcp-option=tag:${tag},6,${dns}`,
    ...ownDomain(segment).map((own) => `--dhcp-option=tag:${tag},15,${own}`),
    ...classlessRoutes(hostRoutes ?? [], routers[0]).map((option) => `--dhcp-option=tag:${tag},${option}`),
  ];
}

/** RFC 3442, and the number that older Windows asks for it by. A client that gets it passes over option 3, so the way to everything is in it. */
function classlessRoutes(routes: readonly StaticRoute[], gatewayIp: Ipv4 | undefined): string[] {
  if (routes.length === 0) return [];
  const isNamed = gatewayIp === undefined || routes.some(({ destination }) => cidrPrefixLength(destination) === 0);
  const everything = isNamed ? [] : [`0.0.0.0/0,${gatewayIp}`];
  const list = [...routes.map(({ destination, nexthop }) => `${destination},${nexthop}`), ...everything].join(',');
  return [`121,${list}`, `249,${list}`];
}

/**
 * What is advertised (RFC 4861) and leased (RFC 8415) of an IPv6 subnet; nothing at all if neither. The MTU of advertisements is the leg's own. Who
 * names no servers is told the gateway as its name server. dnsmasq leases of no prefix shorter than /64, and hosts make addresses in /64s only: it would
 * not start at all with another one.
 */
function subnet6Options({ cidr, advertise, dhcp, dnsNameservers }: GatewaySubnet6, tag: string): string[] {
  const prefixLength = cidr6PrefixLength(cidr);
  const mode = advertise === 'slaac' ? 'ra-only' : advertise === 'dhcpv6-stateless' ? 'ra-stateless' : dhcp ? 'static' : undefined;
  if (mode === undefined || prefixLength < 64 || (mode !== 'static' && prefixLength > 64)) return [];
  const lease = mode === 'static' ? ',1h' : '';
  const dns = dnsNameservers.map((server) => `[${server}]`).join(',');
  return [
    `--dhcp-range=set:${tag},${cidr6Network(cidr)},${mode},${prefixLength}${lease}`,
    ...(dns === '' ? [] : [`--dhcp-option=tag:${tag},option6:dns-server,${dns}`]),
  ];
}
