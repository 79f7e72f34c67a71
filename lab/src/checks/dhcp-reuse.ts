import { parseMac } from '@weft/core/mac';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { dhcpClient } from '../probe/dhcp-client.ts';
import type { DhcpOutcome } from '../probe/dhcp-client.ts';
import { createWorkload, deleteWorkload, workloadActive, workloadSpec } from '../scenario.ts';
import type { WorkloadSpec } from '../scenario.ts';
import type { LabCheck } from './lab-check.ts';
import { leaseText } from './dhcp-lease.ts';

const FIRST_MS = 5000;
const REUSE_MS = 2000;

/** An address that one MAC leased goes to another: the new one has its lease within two seconds, though the old lease had an hour to go. */
export const DHCP_REUSE: LabCheck = {
  id: 'dhcp-reuse',
  needs: ['dhcp-lease'],
  disturbs: false,
  run: async (context) => {
    const first = workloadSpec('reuse', 'compute1', 30, { addressing: 'dhcp' });
    const second: WorkloadSpec = { ...first, node: 'compute2', mac: parseMac('02:00:0a:00:01:30') };
    await leaseWith(context, first, FIRST_MS);
    const outcome = await leaseWith(context, second, REUSE_MS);
    return `${first.ip} passed from ${first.mac} to ${second.mac}, lease in ${outcome.tookMs.toFixed(0)} ms`;
  },
};

/** Makes the workload, lets it lease its address, and deletes it without giving the lease back. */
async function leaseWith(context: CheckContext, spec: WorkloadSpec, withinMs: number): Promise<DhcpOutcome> {
  const { red } = context.scenario;
  const workload = await createWorkload(context.lab, red.client, 'red', red, spec);
  try {
    await workloadActive(context.lab, red.client, workload);
    const { ip, ...place } = context.place(workload);
    const outcome = await dhcpClient(place, { timeoutMs: withinMs, signal: context.signal });
    const right = outcome.kind === 'bound' && outcome.address === ip && outcome.tookMs <= withinMs;
    expect(right, `a lease of ${ip} for ${spec.mac} within ${withinMs} ms`, leaseText(outcome), context.gatewayLog(red));
    return outcome;
  } finally {
    await deleteWorkload(context.lab, red.client, workload);
  }
}
