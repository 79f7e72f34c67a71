import { expect } from '../check.ts';
import { ping } from '../probe/ping.ts';
import type { PingResult } from '../probe/ping.ts';
import type { LabCheck } from './lab-check.ts';

const COUNT = 10;

/** Tenant red: its nodes talk to each other directly, so the network node's tunnel stays out of it. */
export const PING_MESH: LabCheck = {
  id: 'ping-mesh',
  needs: ['nodes-joined'],
  disturbs: false,
  run: async (context) => {
    const { red } = context.scenario;
    const [alpha, bravo, charlie] = ['alpha', 'bravo', 'charlie'].map((name) => context.workload(red, name));
    const hubNode = context.gatewayNode(red);
    const [before, hubBefore] = [context.tunnelPackets('compute1', red), context.tunnelPackets(hubNode, red)];
    const where = `${context.logOf('compute1')}, ${context.logOf('compute2')}`;
    const options = { count: COUNT, intervalMs: 20, timeoutMs: 2000, signal: context.signal };
    const across = await ping(context.place(alpha!), charlie!.ip, options);
    expect(across.received === COUNT, `${COUNT} answers to red alpha from charlie on the other node`, pingText(across), where);
    const sent = context.tunnelPackets('compute1', red).sent - before.sent;
    expect(sent >= COUNT, `at least ${COUNT} packets through compute1's tunnel`, String(sent), where);
    const hub = context.tunnelPackets(hubNode, red).received - hubBefore.received;
    expect(hub < COUNT, 'hardly a packet through the network node, since the topology is mesh', String(hub), where);
    const local = await ping(context.place(alpha!), bravo!.ip, options);
    expect(local.received === COUNT, `${COUNT} answers to red alpha from bravo on the same node`, pingText(local), where);
    return `${COUNT} of ${COUNT} across nodes, median ${median(across.rttMs).toFixed(2)} ms; ${COUNT} of ${COUNT} on one node`;
  },
};

export function pingText({ sent, received, sendError }: PingResult): string {
  return `${received} of ${sent} answered${sendError === undefined ? '' : `, the sender's own stack says ${sendError}`}`;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
