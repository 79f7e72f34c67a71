import { expect } from '../check.ts';
import { dhcpClient } from '../probe/dhcp-client.ts';
import type { DhcpOutcome } from '../probe/dhcp-client.ts';
import { TENANT_GATEWAY } from '../scenario.ts';
import type { LabCheck } from './lab-check.ts';

const LEASE_MS = 5000;
const MTU = 1450;

/** A workload that asks gets its port's address, whether it can be answered by unicast or, like firmware, only by broadcast. */
export const DHCP_LEASE: LabCheck = {
  id: 'dhcp-lease',
  needs: ['nodes-joined'],
  disturbs: false,
  run: async (context) => {
    const workload = context.workload(context.scenario.red, 'dhcp');
    const { ip, ...place } = context.place(workload);
    const where = context.gatewayLog(context.scenario.red);
    const times: string[] = [];
    for (const broadcastFlag of [false, true]) {
      const outcome = await dhcpClient(place, { broadcastFlag, timeoutMs: LEASE_MS, signal: context.signal });
      const wanted = `a lease of ${ip} by way of ${TENANT_GATEWAY}, MTU ${MTU}${broadcastFlag ? ', answered by broadcast' : ''}`;
      const right =
        outcome.kind === 'bound' &&
        outcome.address === ip &&
        outcome.router === TENANT_GATEWAY &&
        outcome.netmask === '255.255.255.0' &&
        outcome.mtu === MTU &&
        outcome.broadcast === broadcastFlag;
      expect(right, wanted, leaseText(outcome), where);
      times.push(`${outcome.tookMs.toFixed(0)} ms`);
    }
    return `${ip} with router and MTU ${MTU} in ${times[0]}, by broadcast in ${times[1]}`;
  },
};

export function leaseText(outcome: DhcpOutcome): string {
  switch (outcome.kind) {
    case 'bound':
      return `${outcome.address}/${outcome.netmask}, router ${outcome.router}, MTU ${outcome.mtu}${outcome.broadcast ? ', by broadcast' : ''}`;
    case 'timeout':
      return `no ${outcome.waitingFor} within ${outcome.tookMs.toFixed(0)} ms`;
    case 'refused':
      return `refused by ${outcome.server}: ${outcome.message}`;
  }
}
