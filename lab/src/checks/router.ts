import type { WeftClient } from '@weft/api/client';
import type { RouterView } from '@weft/api/routers';
import { parseCidr } from '@weft/core/cidr';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { parseUuid } from '@weft/core/uuid';
import type { NetworkId, SubnetId } from '@weft/core/uuid';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { tcpConnect } from '../probe/tcp-connect.ts';
import { tcpServer } from '../probe/tcp-server.ts';
import { createWorkload, deleteWorkload, workloadActive, workloadSpec } from '../scenario.ts';
import type { Workload } from '../scenario.ts';
import { waitFor } from '../wait.ts';
import { outcomeText } from './default-security-group.ts';
import type { LabCheck } from './lab-check.ts';
import { reaches } from './public.ts';
import type { Service } from './public.ts';

/** The subnet that goes from one router to the other. */
export const MOVED_CIDR = parseCidr('10.51.0.0/24');
const STAYING_CIDR = parseCidr('10.50.0.0/24');
const PORT = 8090;
const ACTIVE_MS = 10_000;
const APART_MS = 5000;
/** A SYN that was merely lost is sent again after a second, and would get through. */
const SILENT_MS = 1500;

/**
 * Two routers of one tenant. A subnet on the same router is reached, and the outside sees that router's address; a public address leads through
 * it. On the other router the subnet is out of reach, though all of it is the tenant's own, and goes outside as that one.
 */
export const ROUTER: LabCheck = {
  id: 'router',
  needs: ['outbound-nat', 'routing'],
  disturbs: true,
  run: async (context) => {
    const admin = context.lab.client();
    const { id: tenantId, token } = await admin.tenants.create({ name: 'routed' });
    const client = context.lab.client(token);
    try {
      return await twoRouters(context, client);
    } finally {
      await removeTenant(context, tenantId, client);
    }
  },
};

async function twoRouters(context: CheckContext, client: WeftClient): Promise<string> {
  const [staying, moved] = [await net(client, STAYING_CIDR), await net(client, MOVED_CIDR)];
  const external = { external_gateway_info: { network_id: context.scenario.outsideNetworkId } };
  const [first, second] = [
    await client.routers.create({ name: 'first', ...external }),
    await client.routers.create({ name: 'second', ...external }),
  ];
  for (const { subnetId } of [staying, moved]) await client.routers.addInterface(first.id, { subnet_id: subnetId });
  const spec = (name: string, node: 'compute1' | 'compute2', ip: string) => ({ ...workloadSpec(name, node, 31), ip: parseIpv4(ip) });
  const one = await createWorkload(context.lab, client, 'red', staying, spec('one', 'compute1', '10.50.0.31'));
  const two = await createWorkload(context.lab, client, 'red', moved, spec('two', 'compute2', '10.51.0.31'));
  for (const workload of [one, two]) await workloadActive(context.lab, client, workload);
  await isActive(context, client, first.id);
  const where = context
    .networkNodes()
    .map((node) => context.logOf(node))
    .join(', ');
  const [from, to] = [named(context, one), named(context, two)];
  using inside = tcpServer(to.place, PORT);
  using outside = tcpServer(context.outsidePlace(), 0);
  const neighbour: Service = { what: 'the workload on the router’s other subnet', address: two.ip, port: inside.port, where };
  const world: Service = { what: 'the outside host', address: context.lab.topology.outsideHost, port: outside.port, where };
  await reaches(context, from, neighbour, one.ip);
  await reaches(context, from, world, addressOf(first));
  await reaches(context, to, world, addressOf(first));
  await throughPublicAddress(context, client, two, inside.port, where);

  await client.routers.removeInterface(first.id, { subnet_id: moved.subnetId });
  await client.routers.addInterface(second.id, { subnet_id: moved.subnetId });
  await isActive(context, client, second.id);
  const attempt = (timeoutMs: number) => tcpConnect(from.place, two.ip, inside.port, { timeoutMs, signal: context.signal });
  await waitFor({ expected: 'the routers to be apart', withinMs: APART_MS, where, signal: context.signal }, async () => {
    const outcome = await attempt(300);
    return outcome.kind === 'connected' ? { seen: outcomeText(outcome) } : { done: undefined };
  });
  await waitFor({ expected: 'the second router to lead outside', withinMs: APART_MS, where, signal: context.signal }, async () => {
    const outcome = await tcpConnect(to.place, world.address, world.port, { timeoutMs: 300, signal: context.signal });
    const seen = outcome.kind === 'connected' && outcome.seenAs === addressOf(second);
    return seen ? { done: undefined } : { seen: outcomeText(outcome) };
  });
  const apart = await attempt(SILENT_MS);
  expect(apart.kind !== 'connected', 'a subnet on the tenant’s other router to be out of reach', outcomeText(apart), where);
  await reaches(context, from, world, addressOf(first));
  for (const workload of [one, two]) await deleteWorkload(context.lab, client, workload);
  return `${one.ip} reached ${two.ip} through one router and not through two; outside they were ${addressOf(first)} and ${addressOf(second)}`;
}

/** Given back before the workload goes to another router. */
async function throughPublicAddress(context: CheckContext, client: WeftClient, to: Workload, port: number, where: string): Promise<void> {
  const made = await client.floatingIps.create({ floating_network_id: context.scenario.outsideNetworkId, port_id: to.portId });
  try {
    expect(made.router_id !== null, 'the public address to lead through a router', 'router_id is null', where);
    const group = (await client.ports.show(to.portId)).security_groups[0];
    // The tenant's default group lets nobody in from outside.
    const rule = { security_group_id: group, direction: 'ingress', protocol: 'tcp', port_range_min: port, port_range_max: port };
    const call = await client.call<{ security_group_rule: { id: string } }>('POST', '/v2.0/security-group-rules', {
      security_group_rule: rule,
    });
    const service: Service = { what: 'the public address', address: parseIpv4(made.floating_ip_address), port, where };
    const stranger = { name: 'the outside host', place: context.outsidePlace() };
    await reaches(context, stranger, service, context.lab.topology.outsideHost, true);
    await client.call('DELETE', `/v2.0/security-group-rules/${call.security_group_rule.id}`, undefined);
  } finally {
    await client.floatingIps.delete(made.id);
  }
}

async function net(client: WeftClient, cidr: string): Promise<Readonly<{ networkId: NetworkId; subnetId: SubnetId }>> {
  const network = await client.networks.create({ name: cidr });
  const subnet = await client.subnets.create({ network_id: network.id, cidr, ip_version: 4 });
  return { networkId: parseUuid<NetworkId>(network.id), subnetId: parseUuid<SubnetId>(subnet.id) };
}

function named(context: CheckContext, workload: Workload) {
  return { name: workload.name, place: context.place(workload) };
}

function addressOf({ external_gateway_info: gateway }: RouterView): Ipv4 {
  return parseIpv4(gateway?.external_fixed_ips[0]?.ip_address);
}

async function isActive(context: CheckContext, client: WeftClient, id: string): Promise<void> {
  const where = context.logOf('control');
  await waitFor({ expected: 'the router to be ACTIVE', withinMs: ACTIVE_MS, where, signal: context.signal }, async () => {
    const { status } = await client.routers.show(id);
    return status === 'ACTIVE' ? { done: undefined } : { seen: status };
  });
}

/** Whatever of it is there. */
async function removeTenant(context: CheckContext, tenantId: string, client: WeftClient): Promise<void> {
  for (const { id } of await client.floatingIps.list()) await client.floatingIps.delete(id);
  for (const { id } of await client.instances.list()) await client.instances.delete(id);
  for (const port of await client.ports.list()) {
    if (port.device_owner === 'network:router_interface') await client.routers.removeInterface(port.device_id, { port_id: port.id });
    else await client.ports.delete(port.id);
  }
  for (const { id } of await client.routers.list()) await client.routers.delete(id);
  for (const { id } of await client.networks.list({ tenant_id: tenantId })) await client.networks.delete(id);
  await context.lab.client().tenants.delete(tenantId);
}
