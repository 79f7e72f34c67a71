import { isIpv4 } from '@weft/core/ip';
import type { InstanceBody } from '@weft/core/plan/instance';
import type { KernelObject } from '../kernel-object.ts';
import { WORKLOAD_LINK, workloadPlace } from '../names.ts';

const SYSCTLS = {
  // IPv6 is dropped at workload ports, so it is not offered either.
  'net.ipv6.conf.default.disable_ipv6': '1',
  'net.ipv6.conf.all.disable_ipv6': '1',
  // Without it the first address of a subnet takes the others along when it goes.
  'net.ipv4.conf.all.promote_secondaries': '1',
};

/** A workload's namespace and, unless it asks by DHCP, its addresses. Its link comes with its port. */
export function layoutInstance(body: InstanceBody): readonly KernelObject[] {
  const place = workloadPlace(body.instanceId);
  const objects: KernelObject[] = [{ kind: 'netns', place, loopback: true, sysctls: SYSCTLS }];
  if (body.addressing === 'dhcp') return objects;
  for (const { address, prefixLength } of body.addresses)
    if (isIpv4(address)) objects.push({ kind: 'address', place, link: WORKLOAD_LINK, address, prefixLength });
  if (body.gateway !== undefined) objects.push({ kind: 'route', place, link: WORKLOAD_LINK, gateway: body.gateway });
  for (const { destination, nexthop } of body.routes ?? [])
    objects.push({ kind: 'route', place, link: WORKLOAD_LINK, gateway: nexthop, destination });
  return objects;
}
