import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { TENANT_CIDR, createWorkload, deleteWorkload, workloadActive, workloadSpec } from '../scenario.ts';
import { snapshotDifference, snapshotLab } from '../snapshot.ts';
import { waitFor } from '../wait.ts';
import { parseUuid } from '@weft/core/uuid';
import type { NetworkId, SubnetId } from '@weft/core/uuid';
import type { LabCheck } from './lab-check.ts';

const GONE_MS = 15_000;
/** A difference of more lines than this is shown by its beginning. */
const SHOWN = 12;

/**
 * A third tenant comes, has a workload on each node and a gateway, and goes. Then every namespace, link, filter rule, process and file is as
 * it was before all checks.
 */
export const LEFTOVERS: LabCheck = {
  id: 'leftovers',
  needs: ['nodes-joined'],
  disturbs: false,
  run: async (context) => {
    await comeAndGo(context);
    const { size } = context.before;
    return waitFor(
      {
        expected: 'everything to be as before the checks',
        withinMs: GONE_MS,
        where: `${context.lab.paths.root}/*/log`,
        everyMs: 200,
        signal: context.signal,
      },
      () => {
        const difference = snapshotDifference(context.before, snapshotLab(context.lab.paths, context.lab.id));
        const shown = difference.slice(0, SHOWN).join('\n');
        const rest = difference.length > SHOWN ? `\n… and ${difference.length - SHOWN} more` : '';
        return difference.length === 0
          ? { done: `a tenant came and went: ${size} links, rules, processes and files are as before` }
          : { seen: `\n${shown}${rest}\n` };
      },
    );
  },
};

async function comeAndGo(context: CheckContext): Promise<void> {
  const { lab } = context;
  const admin = lab.client();
  const { id, token } = await admin.tenants.create({ name: 'passing' });
  const client = lab.client(token);
  const network = await client.networks.create({ name: 'net' });
  const subnet = await client.subnets.create({ name: 'subnet', network_id: network.id, cidr: TENANT_CIDR, ip_version: 4 });
  const fabric = { networkId: parseUuid<NetworkId>(network.id), subnetId: parseUuid<SubnetId>(subnet.id) };
  const workloads = await Promise.all([
    createWorkload(lab, client, 'red', fabric, workloadSpec('here', 'compute1', 11)),
    createWorkload(lab, client, 'red', fabric, workloadSpec('there', 'compute2', 12)),
  ]);
  for (const workload of workloads) await workloadActive(lab, client, workload);
  for (const workload of workloads) await deleteWorkload(lab, client, workload);
  await client.subnets.delete(subnet.id);
  await client.networks.delete(network.id);
  await admin.tenants.delete(id);
  const tenants = await admin.tenants.list();
  expect(
    tenants.every((tenant) => tenant.id !== id),
    'the deleted tenant to be gone',
    'it is listed still',
  );
}
