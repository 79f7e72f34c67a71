import type { InstanceBody } from '@weft/core/plan/instance';
import type { KernelObject } from '../kernel-object.ts';
import { WORKLOAD_LINK, workloadPlace } from '../names.ts';

/** A workload's namespace and, unless it asks by DHCP, its addresses. Its link comes with its port. */
export function layoutInstance(body: InstanceBody): readonly KernelObject[] {
  const place = workloadPlace(body.instanceId);
  const objects: KernelObject[] = [
    // IPv6 is dropped at workload ports, so it is not offered either.
    { kind: 'netns', place, loopback: true, sysctls: { 'net.ipv6.conf.default.disable_ipv6': '1', 'net.ipv6.conf.all.disable_ipv6': '1' } },
  ];
  if (body.addressing === 'dhcp') return objects;
  for (const { address, prefixLength } of body.addresses)
    objects.push({ kind: 'address', place, link: WORKLOAD_LINK, address, prefixLength });
  if (body.gateway !== undefined) objects.push({ kind: 'route', place, link: WORKLOAD_LINK, gateway: body.gateway });
  return objects;
}
