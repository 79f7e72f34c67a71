import type { CheckContext } from '../check-context.ts';
import { dhcpClient } from '../probe/dhcp-client.ts';
import { tcpConnect } from '../probe/tcp-connect.ts';
import { tcpServer } from '../probe/tcp-server.ts';
import { markedProcesses } from '../marked-processes.ts';
import type { MarkedProcess } from '../marked-processes.ts';
import type { LabTenant } from '../scenario.ts';
import type { LabNodeName } from '../topology.ts';
import type { Look } from '../wait.ts';
import { outcomeText } from './default-security-group.ts';
import { leaseText } from './dhcp-lease.ts';
import { resolves } from './dns-name.ts';
import type { Service } from './public.ts';

/** Of one probe: far more than any needs that is answered at all. */
const PROBE_MS = 500;

/** One look at whether red's gateway does all it is for: leases, names, the way out under its own address, and ways in from outside. */
export async function gatewayServes(context: CheckContext, tenant: LabTenant, waysIn: readonly Service[]): Promise<Look<undefined>> {
  const { outsideHost } = context.lab.topology;
  const { signal } = context;
  const outside = context.outsidePlace();
  using server = tcpServer(outside, 0);
  const options = { timeoutMs: PROBE_MS, signal };
  const out = await tcpConnect(context.place(context.workload(tenant, 'alpha')), outsideHost, server.port, options);
  if (out.kind !== 'connected' || out.seenAs !== tenant.uplinkAddress) return { seen: `the way out: ${outcomeText(out)}` };
  for (const { what, address, port } of waysIn) {
    const outcome = await tcpConnect(outside, address, port, options);
    if (outcome.kind !== 'connected' || outcome.seenAs !== outsideHost) return { seen: `${what} from outside: ${outcomeText(outcome)}` };
  }
  const { ip, ...place } = context.place(context.workload(tenant, 'dhcp'));
  const lease = await dhcpClient(place, options);
  if (lease.kind !== 'bound' || lease.address !== ip) return { seen: `its DHCP server: ${leaseText(lease)}` };
  await resolves(context, tenant, 'charlie', context.workload(tenant, 'charlie').ip, PROBE_MS);
  return { done: undefined };
}

/** The server of a tenant's leases and names on that node, if there is one. */
export function nameServer({ lab }: CheckContext, node: LabNodeName, { concentratorId }: LabTenant): MarkedProcess | undefined {
  const { root } = lab.paths.node(node);
  return markedProcesses().find(
    ({ labId, command }) =>
      labId === lab.id && command.startsWith('dnsmasq') && command.includes(concentratorId) && command.includes(`${root}/`),
  );
}
