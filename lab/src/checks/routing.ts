import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { tcpConnect } from '../probe/tcp-connect.ts';
import { tcpServer } from '../probe/tcp-server.ts';
import { BACK_NAMES } from '../scenario.ts';
import type { LabTenant } from '../scenario.ts';
import { outcomeText } from './default-security-group.ts';
import type { LabCheck } from './lab-check.ts';
import { median } from './ping-mesh.ts';

const PORT = 8080;
const CONNECT_MS = 5000;

/**
 * From the first subnet to the second one of the same network, and to the second network: the gateway routes, in both topologies and in both
 * directions, and nobody's address is translated on the way.
 */
export const ROUTING: LabCheck = {
  id: 'routing',
  needs: ['nodes-joined'],
  disturbs: false,
  run: async (context) => {
    const { red, blue } = context.scenario;
    const connections = await Promise.all([red, blue].map((tenant) => routedInside(context, tenant)));
    const times = connections.flat();
    return `${times.length} connections between subnets and networks of each tenant's own, median ${median(times).toFixed(1)} ms, sources untouched`;
  },
};

async function routedInside(context: CheckContext, tenant: LabTenant): Promise<number[]> {
  const times: number[] = [];
  for (const there of ['annex', BACK_NAMES[tenant.name]]) {
    for (const [from, to] of [
      ['alpha', there],
      [there, 'alpha'],
    ] as const) {
      const [client, target] = [context.place(context.workload(tenant, from)), context.place(context.workload(tenant, to))];
      using server = tcpServer(target, PORT);
      const outcome = await tcpConnect(client, target.ip, server.port, { timeoutMs: CONNECT_MS, signal: context.signal });
      const right = outcome.kind === 'connected' && outcome.seenAs === client.ip;
      const wanted = `${tenant.name} ${from} (${client.ip}) to reach ${to} (${target.ip}) through its gateway, as itself`;
      expect(right, wanted, outcomeText(outcome), context.gatewayLog(tenant));
      times.push(outcome.tookMs);
    }
  }
  return times;
}
