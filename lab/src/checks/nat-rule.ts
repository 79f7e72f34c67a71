import type { Ipv4 } from '@weft/core/ipv4';
import type { CheckContext } from '../check-context.ts';
import type { Place } from '../probe/place.ts';
import { tcpServer } from '../probe/tcp-server.ts';
import { TENANT_GATEWAY } from '../scenario.ts';
import type { LabTenant } from '../scenario.ts';
import { UPLINK_IFNAME } from '../topology.ts';
import type { LabCheck } from './lab-check.ts';
import { addressIs, comesToBeSeenAs, nothingAt, publicAddress, reaches, removable } from './public.ts';
import type { PublicAddress, Service } from './public.ts';

/** What strangers use, and where it leads. */
export const NAT_PORT = 8444;
const INSIDE_PORT = 9444;

/**
 * A tenant's NAT rules: one workload is seen with a public address of the tenant's by one host outside, and nobody else is; and a port of
 * that address leads to a workload from where the rule says, and from nowhere once it is gone.
 */
export const NAT_RULE: LabCheck = {
  id: 'nat-rule',
  needs: ['public-ip'],
  disturbs: false,
  run: async (context) => {
    const { red, blue } = context.scenario;
    const details = await Promise.all([red, blue].map((tenant) => translated(context, tenant)));
    return `${details.join('; ')}; refused once removed`;
  },
};

type Station = Readonly<{ name: string; place: Place }>;

async function translated(context: CheckContext, tenant: LabTenant): Promise<string> {
  await using spare = await publicAddress(context, tenant);
  const stations = {
    outside: { name: 'the outside host', place: context.outsidePlace() },
    router: { name: 'the provider’s router', place: context.nodePlace('gateway', UPLINK_IFNAME) },
    alpha: { name: `${tenant.name} alpha`, place: context.place(context.workload(tenant, 'alpha')) },
    bravo: { name: `${tenant.name} bravo`, place: context.place(context.workload(tenant, 'bravo')) },
  };
  await leaves(context, tenant, spare, stations);
  await arrives(context, tenant, spare, stations);
  return `${tenant.name} alpha leaves as ${spare.address}, where ${NAT_PORT} leads to open2 from one host`;
}

type Stations = Readonly<Record<'outside' | 'router' | 'alpha' | 'bravo', Station>>;

async function leaves(context: CheckContext, tenant: LabTenant, spare: PublicAddress, stations: Stations): Promise<void> {
  const where = context.gatewayLog(tenant);
  const { outsideHost, uplink } = context.lab.topology;
  const { alpha, bravo, outside, router } = stations;
  using far = tcpServer(outside.place, 0);
  using near = tcpServer(router.place, 0);
  const [host, other]: readonly Service[] = [
    { what: outside.name, address: outsideHost, port: far.port, where },
    { what: router.name, address: uplink.gateway, port: near.port, where },
  ];
  const usual = async (...ways: readonly (readonly [Station, Service])[]): Promise<void> => {
    for (const [from, to] of ways) await reaches(context, from, to, tenant.uplinkAddress);
  };
  await usual([alpha, host!], [bravo, host!], [alpha, other!]);
  await using rule = await removable(tenant.client.natRules, {
    direction: 'outbound',
    port_id: context.workload(tenant, 'alpha').portId,
    floating_ip_id: spare.id,
    remote_cidr: `${outsideHost}/32`,
  });
  await addressIs(context, tenant, spare, 'ACTIVE');
  await comesToBeSeenAs(context, alpha, host!, spare.address);
  await usual([bravo, host!], [alpha, other!]);
  await rule.remove();
  await comesToBeSeenAs(context, alpha, host!, tenant.uplinkAddress);
}

async function arrives(context: CheckContext, tenant: LabTenant, spare: PublicAddress, stations: Stations): Promise<void> {
  const where = context.gatewayLog(tenant);
  const { outsideHost, uplink } = context.lab.topology;
  const { alpha, outside, router } = stations;
  const workload = context.workload(tenant, 'open2');
  using _server = tcpServer(context.place(workload), INSIDE_PORT);
  const service: Service = { what: `${tenant.name} open2:${INSIDE_PORT}`, address: spare.address, port: NAT_PORT, where };
  await using rule = await removable(tenant.client.natRules, {
    direction: 'inbound',
    port_id: workload.portId,
    floating_ip_id: spare.id,
    protocol: 'tcp',
    port_min: NAT_PORT,
    port_max: NAT_PORT,
    to_port: INSIDE_PORT,
  });
  await addressIs(context, tenant, spare, 'ACTIVE');
  const everybody: readonly (readonly [Station, Ipv4])[] = [
    [outside, outsideHost],
    [router, uplink.gateway],
    [alpha, TENANT_GATEWAY],
  ];
  for (const [from, seenAs] of everybody) await reaches(context, from, service, seenAs, true);
  await tenant.client.natRules.update(rule.id, { remote_cidr: `${outsideHost}/32` });
  await nothingAt(context, router, service);
  await reaches(context, outside, service, outsideHost);
  await rule.remove();
  await nothingAt(context, outside, service);
}
