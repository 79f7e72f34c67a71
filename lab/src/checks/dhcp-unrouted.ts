import { randomInt } from 'node:crypto';
import type { WeftClient } from '@weft/api/client';
import { parseCidr } from '@weft/core/cidr';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { parseUuid } from '@weft/core/uuid';
import type { NetworkId, SubnetId } from '@weft/core/uuid';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { decodeDnsAnswer, DNS_PORT, encodeDnsQuestion } from '../packet/dns.ts';
import { dhcpClient } from '../probe/dhcp-client.ts';
import type { DhcpOutcome } from '../probe/dhcp-client.ts';
import { udpAsk } from '../probe/udp-echo.ts';
import { createWorkload, deleteWorkload, workloadActive, workloadSpec } from '../scenario.ts';
import type { Workload } from '../scenario.ts';
import { waitFor } from '../wait.ts';
import { leaseText } from './dhcp-lease.ts';
import type { LabCheck } from './lab-check.ts';

const CIDR = parseCidr('10.52.0.0/24');
const GATEWAY = parseIpv4('10.52.0.1');
const LEASE_MS = 5000;
/** How long a subnet may take to change sides. */
const MOVED_MS = 10_000;
const ANSWER_MS = 3000;

/**
 * A project of the identity service has no gateway of its own, and yet a workload on its first network gets its address and its neighbour's name,
 * without a router. With one the router answers, and without it the first one does again.
 */
export const DHCP_UNROUTED: LabCheck = {
  id: 'dhcp-unrouted',
  needs: ['nodes-joined'],
  disturbs: true,
  run: async (context) => {
    const admin = context.lab.client();
    const body = { project: { name: 'unrouted' } };
    const { project } = await admin.call<{ project: { id: string } }>('POST', '/v3/projects', body);
    try {
      return await served(context, admin, project.id);
    } finally {
      await removeProject(admin, project.id);
    }
  },
};

async function served(context: CheckContext, admin: WeftClient, projectId: string): Promise<string> {
  const network = await admin.networks.create({ name: 'net', tenant_id: projectId });
  const subnet = await admin.subnets.create({ network_id: network.id, cidr: CIDR, ip_version: 4 });
  const fabric = { networkId: parseUuid<NetworkId>(network.id), subnetId: parseUuid<SubnetId>(subnet.id) };
  const spec = { ...workloadSpec('asker', 'compute1', 41, { addressing: 'dhcp' }), ip: parseIpv4('10.52.0.41') };
  const asker = await createWorkload(context.lab, admin, 'red', fabric, spec);
  const other = { ...workloadSpec('nearby', 'compute2', 42), ip: parseIpv4('10.52.0.42') };
  const nearby = await createWorkload(context.lab, admin, 'red', fabric, other);
  for (const workload of [asker, nearby]) await workloadActive(context.lab, admin, workload);

  const [port, ...more] = await admin.ports.list({ network_id: network.id, device_owner: 'network:dhcp' });
  expect(port !== undefined && more.length === 0, 'one network:dhcp port', `${more.length + (port === undefined ? 0 : 1)}`);
  const server = parseIpv4(port.fixed_ips[0]?.ip_address);
  const first = await answeredBy(context, asker, server);
  await resolves(context, nearby, server, asker);

  const router = await admin.routers.create({ name: 'late', tenant_id: projectId });
  await admin.routers.addInterface(router.id, { subnet_id: subnet.id });
  await answeredBy(context, asker, GATEWAY);
  await resolves(context, nearby, GATEWAY, asker);
  await admin.routers.removeInterface(router.id, { subnet_id: subnet.id });
  const [again] = await admin.ports.list({ network_id: network.id, device_owner: 'network:dhcp' });
  await answeredBy(context, asker, parseIpv4(again?.fixed_ips[0]?.ip_address));
  for (const workload of [asker, nearby]) await deleteWorkload(context.lab, admin, workload);
  return `${asker.ip} from ${server} after ${first.tookMs.toFixed(0)} ms, which nearby knows by name; from ${GATEWAY} while it was on a router`;
}

/** Waits until leases come from this server, with the subnet's own gateway as the way on: it never is the server itself. */
async function answeredBy(context: CheckContext, asker: Workload, server: Ipv4): Promise<Extract<DhcpOutcome, { kind: 'bound' }>> {
  const where = logs(context);
  return waitFor({ expected: `a lease from ${server}`, withinMs: MOVED_MS, where, signal: context.signal }, async () => {
    const outcome = await dhcpClient(context.place(asker), { timeoutMs: LEASE_MS, signal: context.signal });
    const isRight = outcome.kind === 'bound' && outcome.address === asker.ip && outcome.router === GATEWAY && outcome.dns[0] === server;
    return isRight && outcome.server === server ? { done: outcome } : { seen: seenText(outcome) };
  });
}

function seenText(outcome: DhcpOutcome): string {
  return outcome.kind === 'bound' ? `${leaseText(outcome)}, from ${outcome.server}` : leaseText(outcome);
}

/** Whoever asks has set its address itself: the lab's DHCP client only looks at what it is given. */
async function resolves(context: CheckContext, from: Workload, server: Ipv4, { name, ip }: Workload): Promise<void> {
  const expected = `${name} to be ${ip} to who asks ${server}`;
  await waitFor({ expected, withinMs: MOVED_MS, where: logs(context), signal: context.signal }, async () => {
    const id = randomInt(0x1_0000);
    const payload = encodeDnsQuestion({ id, name, type: 'A' });
    const answer = await udpAsk(context.place(from), server, DNS_PORT, { payload, timeoutMs: ANSWER_MS, signal: context.signal });
    const decoded = answer.kind === 'answered' ? decodeDnsAnswer(answer.bytes) : undefined;
    const isRight = decoded?.id === id && decoded.code === 0 && decoded.addresses[0] === ip;
    return isRight ? { done: undefined } : { seen: JSON.stringify(decoded ?? answer.kind) };
  });
}

function logs(context: CheckContext): string {
  return context
    .networkNodes()
    .map((node) => context.logOf(node))
    .join(', ');
}

/** Whatever of it is there. The DHCP port goes with its network. */
async function removeProject(admin: WeftClient, projectId: string): Promise<void> {
  const own = { tenant_id: projectId };
  for (const { id, tenant_id } of await admin.instances.list()) if (plain(tenant_id) === plain(projectId)) await admin.instances.delete(id);
  for (const port of await admin.ports.list(own)) {
    if (port.device_owner === 'network:router_interface') await admin.routers.removeInterface(port.device_id, { port_id: port.id });
    else if (port.device_owner !== 'network:dhcp') await admin.ports.delete(port.id);
  }
  for (const { id } of await admin.routers.list(own)) await admin.routers.delete(id);
  for (const { id } of await admin.networks.list(own)) await admin.networks.delete(id);
  await admin.call('DELETE', `/v3/projects/${projectId}`);
}

/** Projects' ids are the same ones in another writing. */
const plain = (id: string): string => id.replaceAll('-', '');
