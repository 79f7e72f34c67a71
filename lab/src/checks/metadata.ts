import { METADATA_ADDRESS, METADATA_PORT } from '@weft/core/metadata-address';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { httpGet } from '../probe/http-get.ts';
import type { HttpOutcome } from '../probe/http-get.ts';
import { createWorkload, deleteWorkload, workloadActive, workloadSpec } from '../scenario.ts';
import type { LabTenant, Workload } from '../scenario.ts';
import type { LabCheck } from './lab-check.ts';

const ANSWER_MS = 5000;
const SECRET = '#cloud-config\nhostname: named\n';
export const INSTANCE_ID = '/latest/meta-data/instance-id';
export const USER_DATA = '/openstack/latest/user_data';

/**
 * Workloads of both tenants, with the same addresses on the same node, ask 169.254.169.254 who they are: each is told of itself and of its own
 * tenant, on both nodes, in the forms of EC2 and of OpenStack. What one was given to read nobody else reads.
 */
export const METADATA: LabCheck = {
  id: 'metadata',
  needs: ['tenant-isolation'],
  disturbs: false,
  run: async (context) => {
    const { lab, scenario } = context;
    const tenants = [scenario.red, scenario.blue];
    for (const tenant of tenants)
      for (const name of ['alpha', 'bravo', 'charlie']) await tellsApart(context, tenant, context.workload(tenant, name));
    const { red, blue } = scenario;
    const spec = { ...workloadSpec('named', 'compute1', 33), userData: btoa(SECRET) };
    const named = await createWorkload(lab, red.client, 'red', red, spec);
    try {
      await workloadActive(lab, red.client, named);
      await isTold(context, named, USER_DATA, `200 ${SECRET}`);
      for (const other of [context.workload(red, 'alpha'), context.workload(blue, 'alpha')])
        await isTold(context, other, USER_DATA, '404 ');
    } finally {
      await deleteWorkload(lab, red.client, named);
    }
    return `${tenants.length * 3} workloads with the same addresses in two tenants are told of themselves alone, and of user data its own`;
  },
};

async function tellsApart(context: CheckContext, tenant: LabTenant, workload: Workload): Promise<void> {
  await isTold(context, workload, INSTANCE_ID, `200 ${workload.instanceId}`);
  const outcome = await askMetadata(context, workload, '/openstack/latest/meta_data.json');
  const text = metadataText(outcome);
  const { uuid, project_id } = (text.startsWith('200 ') ? JSON.parse(text.slice(4)) : {}) as Record<string, unknown>;
  const right = uuid === workload.instanceId && project_id === tenant.id;
  expect(right, `${tenant.name} ${workload.name} to be told its instance and its project`, text, context.logOf(workload.node));
}

/** `expected` is the status and the body. Throws CheckFailed. */
export async function isTold(
  context: CheckContext,
  workload: Workload,
  path: string,
  expected: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const text = metadataText(await askMetadata(context, workload, path, { headers }));
  const what = `${workload.tenant} ${workload.name} to be told ${JSON.stringify(expected)} at ${path}`;
  expect(text === expected, what, JSON.stringify(text), context.logOf(workload.node));
}

export function askMetadata(
  context: CheckContext,
  workload: Workload,
  path: string,
  more: Partial<Parameters<typeof httpGet>[1]> = {},
): Promise<HttpOutcome> {
  const request = { target: METADATA_ADDRESS, port: METADATA_PORT, path, timeoutMs: ANSWER_MS, signal: context.signal };
  return httpGet(context.place(workload), { ...request, ...more });
}

export const metadataText = (outcome: HttpOutcome): string =>
  outcome.kind === 'answered' ? `${outcome.status} ${outcome.body}` : outcome.kind;
