import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { cidrNetmask, cidrNetwork } from '@weft/core/cidr';
import type { GatewayBody, GatewaySegment, GatewaySubnet } from '@weft/core/plan/gateway';
import { WeftError } from '@weft/core/weft-error';

/** dnsmasq is a distribution package, and this machine lacks it. */
export class DnsmasqMissing extends WeftError {
  constructor(path: string) {
    super('dnsmasq_missing', 'serving DHCP: the program dnsmasq is not installed', {
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

/**
 * The command of a gateway's DHCP server: one process for all of its segments, only with addresses that the plan gives (`static` ranges),
 * without DNS. `-d` keeps it in the foreground, and it needs no second user then. Source: dnsmasq(8); tried in datapath.md §5.
 * Undefined if the gateway serves no DHCP.
 */
export function dnsmasqCommand(
  body: GatewayBody,
  paths: Readonly<{ hostsDirectory: string; leaseFile: string }>,
): readonly string[] | undefined {
  const served = body.segments.filter((segment) => segment.subnets.some((subnet) => subnet.dhcp));
  if (served.length === 0) return undefined;
  return [
    'dnsmasq',
    '-d',
    '--conf-file=/dev/null',
    '--user=root',
    '--group=root',
    '--log-facility=-',
    '--quiet-dhcp',
    '--port=0',
    '--bind-interfaces',
    '--except-interface=lo',
    '--no-ping',
    '--dhcp-authoritative',
    `--dhcp-lease-max=${MAX_LEASES}`,
    `--dhcp-hostsdir=${paths.hostsDirectory}`,
    `--dhcp-leasefile=${paths.leaseFile}`,
    ...served.flatMap(segmentOptions),
  ];
}

function segmentOptions(segment: GatewaySegment): string[] {
  const subnets = segment.subnets.filter((subnet) => subnet.dhcp);
  return [
    `--interface=seg${segment.vni}`,
    ...subnets.flatMap((subnet, index) => subnetOptions(segment, subnet, `v${segment.vni}n${index}`)),
  ];
}

function subnetOptions({ mtu }: GatewaySegment, { cidr, gatewayIp, dnsNameservers }: GatewaySubnet, tag: string): string[] {
  const dns = dnsNameservers.length === 0 ? [] : [`--dhcp-option=tag:${tag},6,${dnsNameservers.join(',')}`];
  return [
    `--dhcp-range=set:${tag},${cidrNetwork(cidr)},static,${cidrNetmask(cidr)},1h`,
    `--dhcp-option=tag:${tag},3,${gatewayIp}`,
    `--dhcp-option=tag:${tag},26,${mtu}`,
    ...dns,
  ];
}
