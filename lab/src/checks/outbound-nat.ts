import { expect } from '../check.ts';
import { tcpConnect } from '../probe/tcp-connect.ts';
import { tcpServer } from '../probe/tcp-server.ts';
import { OUTSIDE_IFNAME } from '../topology.ts';
import { outcomeText } from './default-security-group.ts';
import type { LabCheck } from './lab-check.ts';

const PORT = 8080;
const CONNECT_MS = 5000;

/** A host outside sees each tenant by its gateway's address on the uplink, never by the address that both have. */
export const OUTBOUND_NAT: LabCheck = {
  id: 'outbound-nat',
  needs: ['nodes-joined'],
  disturbs: false,
  run: async (context) => {
    const { outsideHost } = context.lab.topology;
    using server = tcpServer(context.nodePlace('outside', OUTSIDE_IFNAME), PORT);
    const seen: string[] = [];
    for (const tenant of [context.scenario.red, context.scenario.blue]) {
      for (const name of ['alpha', 'charlie']) {
        const place = context.place(context.workload(tenant, name));
        const outcome = await tcpConnect(place, outsideHost, server.port, { timeoutMs: CONNECT_MS, signal: context.signal });
        const right = outcome.kind === 'connected' && outcome.seenAs === tenant.uplinkAddress;
        const wanted = `${tenant.name} ${name} to reach ${outsideHost} and be seen there as ${tenant.uplinkAddress}`;
        expect(right, wanted, outcomeText(outcome), context.gatewayLog(tenant));
      }
      seen.push(`${tenant.name} is seen as ${tenant.uplinkAddress}`);
    }
    expect(new Set(seen).size === seen.length, 'each tenant to have an address of its own', seen.join(', '));
    return `${seen.join(', ')} at ${outsideHost}`;
  },
};
