import { cidrContains, cidrOf } from '@weft/core/cidr';
import { isIpv4, isIpv6 } from '@weft/core/ip';
import { METADATA_ADDRESS } from '@weft/core/metadata-address';
import type { InstanceBody } from '@weft/core/plan/instance';
import type { KernelObject } from '../kernel-object.ts';
import { linkLocalOf } from '../link-local.ts';
import { WORKLOAD_LINK, workloadPlace } from '../names.ts';

/** A port without IPv6 addresses passes no IPv6, so it is not offered either; switched on last, when it is known what an interface may do. */
function sysctlsOf({ addressing, addresses }: InstanceBody): Readonly<Record<string, string>> {
  const off = addresses.some(({ address }) => isIpv6(address)) ? '0' : '1';
  return {
    // Without it the first address of a subnet takes the others along when it goes.
    'net.ipv4.conf.all.promote_secondaries': '1',
    // What is set here makes no addresses, of links neither, and listens to no router.
    ...(addressing === 'static' ? { 'net.ipv6.conf.default.accept_ra': '0', 'net.ipv6.conf.default.addr_gen_mode': '1' } : {}),
    'net.ipv6.conf.default.disable_ipv6': off,
    'net.ipv6.conf.all.disable_ipv6': off,
  };
}

/** A workload's namespace and, unless it asks by DHCP, its addresses and its way out, or else only that to the metadata service. Its link comes with its port. */
export function layoutInstance(body: InstanceBody): readonly KernelObject[] {
  const place = workloadPlace(body.instanceId);
  const objects: KernelObject[] = [{ kind: 'netns', place, loopback: true, sysctls: sysctlsOf(body) }];
  if (body.addressing === 'dhcp') return objects;
  const own = linkLocalOf(
    body.mac,
    body.addresses.map(({ address }) => address),
  ).map((address) => ({ address, prefixLength: 64 }));
  for (const { address, prefixLength } of [...body.addresses, ...own])
    objects.push({ kind: 'address', place, link: WORKLOAD_LINK, address, prefixLength });
  for (const gateway of [body.gateway, body.gateway6])
    if (gateway !== undefined) objects.push({ kind: 'route', place, link: WORKLOAD_LINK, gateway });
  const routes = body.routes ?? [];
  for (const { destination, nexthop } of routes) objects.push({ kind: 'route', place, link: WORKLOAD_LINK, gateway: nexthop, destination });
  // Its node answers for the address, whatever way it is sent; but without any way nothing is sent.
  const lost = body.gateway === undefined && body.addresses.some(({ address }) => isIpv4(address));
  if (lost && !routes.some(({ destination }) => cidrContains(destination, METADATA_ADDRESS)))
    objects.push({ kind: 'route', place, link: WORKLOAD_LINK, destination: cidrOf(METADATA_ADDRESS, 32) });
  return objects;
}
