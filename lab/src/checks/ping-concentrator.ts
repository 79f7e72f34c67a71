import { expect } from '../check.ts';
import { ping } from '../probe/ping.ts';
import type { LabCheck } from './lab-check.ts';
import { median, pingText } from './ping-mesh.ts';

const COUNT = 10;

/** Tenant blue, with red's addresses: everything between nodes passes its concentrator, which the tunnel counters there show. */
export const PING_CONCENTRATOR: LabCheck = {
  id: 'ping-concentrator',
  needs: ['nodes-joined'],
  disturbs: false,
  run: async (context) => {
    const { blue } = context.scenario;
    const [alpha, charlie] = ['alpha', 'charlie'].map((name) => context.workload(blue, name));
    const hub = context.gatewayNode(blue);
    const before = context.tunnelPackets(hub, blue);
    const where = `${context.logOf(hub)}, ${context.logOf('compute1')}, ${context.logOf('compute2')}`;
    const result = await ping(context.place(alpha!), charlie!.ip, {
      count: COUNT,
      intervalMs: 20,
      timeoutMs: 2000,
      signal: context.signal,
    });
    expect(result.received === COUNT, `${COUNT} answers to blue alpha from charlie on the other node`, pingText(result), where);
    const after = context.tunnelPackets(hub, blue);
    const [received, sent] = [after.received - before.received, after.sent - before.sent];
    // Requests and answers, each in and out.
    const enough = received >= 2 * COUNT && sent >= 2 * COUNT;
    expect(enough, `at least ${2 * COUNT} packets in and out of the concentrator's tunnel`, `${received} in, ${sent} out`, where);
    return `${COUNT} of ${COUNT}, median ${median(result.rttMs).toFixed(2)} ms; ${received} packets in and ${sent} out at the concentrator`;
  },
};
