import { BROADCAST_MAC } from '@weft/core/mac';
import { parseIpv4 } from '@weft/core/ipv4';
import { arpRequest } from '../packet/arp.ts';
import type { CheckContext } from '../check-context.ts';
import { arpFrame, udpFrame } from '../probe/frames.ts';
import { sendFrame } from '../probe/send-frame.ts';
import { token } from '../probe/token.ts';
import { localMac } from '@weft/core/mac';
import type { LabTenant } from '../scenario.ts';
import type { LabCheck } from './lab-check.ts';
import { expectReach } from './reach.ts';
import type { Listener } from './reach.ts';

/** Nobody has it. */
const UNKNOWN = parseIpv4('10.0.0.250');

/**
 * Both tenants have the same addresses and the same MACs, so every frame for a neighbour would fit the other tenant's just as well. Each is
 * seen to arrive where it should, and by nobody of the other tenant.
 */
export const TENANT_ISOLATION: LabCheck = {
  id: 'tenant-isolation',
  needs: ['ping-mesh', 'ping-concentrator'],
  disturbs: false,
  run: async (context) => {
    const { red, blue } = context.scenario;
    const probes = [
      ...(await neighbourProbes(context, red, blue)),
      ...(await neighbourProbes(context, blue, red)),
      ...(await forgedProbes(context, red, blue)),
    ];
    return `${probes.length} probes arrived in their own tenant and nowhere in the other: ${[...new Set(probes)].join(', ')}`;
  },
};

async function neighbourProbes(context: CheckContext, own: LabTenant, other: LabTenant): Promise<string[]> {
  const alpha = context.place(context.workload(own, 'alpha'));
  const charlie = context.workload(own, 'charlie');
  const strangers = everybody(context, other);
  const datagram = token();
  await expectReach(context, {
    what: `a datagram of ${own.name} alpha to charlie`,
    token: datagram,
    send: () => sendFrame(alpha, udpFrame({ source: alpha, destination: charlie, payload: datagram })),
    at: [listener(context, own, 'charlie')],
    notAt: strangers,
  });
  const broadcast = token();
  await expectReach(context, {
    what: `a broadcast ARP request of ${own.name} alpha`,
    token: broadcast,
    send: () => sendFrame(alpha, arpFrame({ source: alpha.mac, message: arpRequest(alpha, UNKNOWN), mark: broadcast })),
    // Requests for unknown addresses stay on their node.
    at: [listener(context, own, 'bravo')],
    notAt: strangers,
  });
  const everywhere = token();
  await expectReach(context, {
    what: `a broadcast datagram of ${own.name} alpha`,
    token: everywhere,
    send: () => sendFrame(alpha, udpFrame({ source: alpha, destination: { mac: BROADCAST_MAC, ip: UNKNOWN }, payload: everywhere })),
    at: [{ name: `${own.name} alpha's port`, place: context.portPlace(context.workload(own, 'alpha')) }],
    notAt: strangers,
  });
  return ['UDP', 'ARP', 'broadcast'];
}

/** From a port without port security, so that nothing but the segments themselves keeps the tenants apart. */
async function forgedProbes(context: CheckContext, own: LabTenant, other: LabTenant): Promise<string[]> {
  const open = context.place(context.workload(own, 'open1'));
  const bravo = context.workload(own, 'bravo');
  const charlie = context.workload(own, 'charlie');
  const strangers = everybody(context, other);
  const forged = token();
  await expectReach(context, {
    what: `a datagram of ${own.name} open1 with forged sources`,
    token: forged,
    send: () => sendFrame(open, udpFrame({ source: { mac: localMac(forged), ip: bravo.ip }, destination: charlie, payload: forged })),
    at: [listener(context, own, 'charlie')],
    notAt: strangers,
  });
  return ['forged sources'];
}

function listener(context: CheckContext, tenant: LabTenant, name: string): Listener {
  return { name: `${tenant.name} ${name}`, place: context.place(context.workload(tenant, name)) };
}

function everybody(context: CheckContext, tenant: LabTenant): Listener[] {
  const workloads = Array.from(tenant.workloads.keys(), (name) => listener(context, tenant, name));
  return [...workloads, { name: `${tenant.name}'s gateway`, place: context.gatewayPlace(tenant) }];
}
