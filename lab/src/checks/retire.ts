import type { WeftClient } from '@weft/api/client';
import { parseUuid } from '@weft/core/uuid';
import type { ConcentratorId, NetworkId, SubnetId } from '@weft/core/uuid';
import { netnsIsPinned } from '@weft/sys/netns';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { CONCENTRATOR_IDLE_SECONDS } from '../lab-files.ts';
import { ping } from '../probe/ping.ts';
import { TENANT_CIDR, TENANT_GATEWAY, createWorkload, deleteWorkload, workloadActive, workloadSpec } from '../scenario.ts';
import type { Workload } from '../scenario.ts';
import { waitFor } from '../wait.ts';
import type { LabCheck } from './lab-check.ts';
import { pingText } from './ping-mesh.ts';

/** The tenant that comes and goes. */
export const IDLE_TENANT = 'idle';
const GATEWAY_MS = 10_000;
const GONE_MS = CONCENTRATOR_IDLE_SECONDS * 1000 + 5000;
const COUNT = 3;

/** An idle tenant costs nothing: seconds after its last workload went its gateway goes too, and the next workload brings it back. */
export const RETIRE: LabCheck = {
  id: 'retire',
  needs: ['ping-mesh'],
  disturbs: true,
  run: async (context) => {
    const admin = context.lab.client();
    const { id: tenantId, token } = await admin.tenants.create({ name: IDLE_TENANT });
    const client = context.lab.client(token);
    const network = await client.networks.create({ name: 'net' });
    const subnet = await client.subnets.create({ name: 'subnet', network_id: network.id, cidr: TENANT_CIDR, ip_version: 4 });
    const fabric = { networkId: parseUuid<NetworkId>(network.id), subnetId: parseUuid<SubnetId>(subnet.id) };
    const come = (): Promise<Workload> => createWorkload(context.lab, client, 'red', fabric, workloadSpec('only', 'compute1', 11));
    try {
      const first = await come();
      const { pin, id } = await answers(context, tenantId, client, first);
      const startMs = performance.now();
      await deleteWorkload(context.lab, client, first);
      await gone(context, tenantId, pin);
      const idleMs = performance.now() - startMs;
      const longEnough = idleMs >= CONCENTRATOR_IDLE_SECONDS * 1000;
      expect(longEnough, `the gateway to be kept for ${CONCENTRATOR_IDLE_SECONDS} s`, `gone after ${idleMs.toFixed(0)} ms`);
      const second = await come();
      const again = await answers(context, tenantId, client, second);
      expect(again.id !== id, 'another concentrator than the retired one', id);
      await deleteWorkload(context.lab, client, second);
      return `gone ${(idleMs / 1000).toFixed(1)} s after the last workload; the next one had a gateway again after ${again.tookMs.toFixed(0)} ms`;
    } finally {
      await removeTenant(context, tenantId, client);
    }
  },
};

/** Waits until the workload runs and its gateway answers it; where that is. */
async function answers(
  context: CheckContext,
  tenantId: string,
  client: WeftClient,
  workload: Workload,
): Promise<Readonly<{ id: ConcentratorId; pin: string; tookMs: number }>> {
  const startMs = performance.now();
  await workloadActive(context.lab, client, workload);
  const where = context.networkNodes().map((node) => context.logOf(node));
  const watch = { where: where.join(', '), signal: context.signal, withinMs: GATEWAY_MS };
  const found = await waitFor({ ...watch, expected: 'the idle tenant’s gateway' }, async () => {
    const one = (await context.lab.client().concentrators.list()).find((each) => each.tenant_id === tenantId);
    if (one === undefined) return { seen: 'no concentrator' };
    const id = parseUuid<ConcentratorId>(one.id);
    const pin = context
      .networkNodes()
      .flatMap((node) => context.gatewayPin(node, id))
      .find(netnsIsPinned);
    return pin === undefined ? { seen: `${one.status}, no namespace` } : { done: { id, pin } };
  });
  const result = await ping(context.place(workload), TENANT_GATEWAY, { count: COUNT, timeoutMs: 2000, signal: context.signal });
  expect(result.received === COUNT, `${COUNT} answers of the gateway to the tenant's workload`, pingText(result), watch.where);
  return { ...found, tookMs: performance.now() - startMs };
}

async function gone(context: CheckContext, tenantId: string, pin: string): Promise<void> {
  const where = context.networkNodes().map((node) => context.logOf(node));
  const watch = { where: where.join(', '), signal: context.signal, withinMs: GONE_MS };
  await waitFor({ ...watch, expected: 'the unused gateway to be gone' }, async () => {
    const found = (await context.lab.client().concentrators.list()).find((each) => each.tenant_id === tenantId);
    if (found !== undefined) return { seen: `concentrator ${found.status}` };
    return netnsIsPinned(pin) ? { seen: `retired, but its namespace ${pin} is there` } : { done: undefined };
  });
}

/** Whatever of it is there. */
async function removeTenant(context: CheckContext, tenantId: string, client: WeftClient): Promise<void> {
  for (const { id } of await client.instances.list()) await client.instances.delete(id);
  for (const { id } of await client.ports.list()) await client.ports.delete(id);
  for (const { id } of await client.networks.list({ tenant_id: tenantId })) await client.networks.delete(id);
  await context.lab.client().tenants.delete(tenantId);
}
