import { parseIpv4 } from '@weft/core/ipv4';
import { netnsIsPinned } from '@weft/sys/netns';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { PingStream } from '../probe/ping-stream.ts';
import { tcpServer } from '../probe/tcp-server.ts';
import type { LabNodeName } from '../topology.ts';
import { waitFor } from '../wait.ts';
import { gatewayServes, nameServer } from './gateway-serves.ts';
import type { LabCheck } from './lab-check.ts';
import { addressIs, publicAddress } from './public.ts';
import type { PublicAddress, Service } from './public.ts';
import { undisturbed } from './traffic.ts';

const PORT = 8080;
const FORWARDED_PORT = 8443;
const SSH_PORT = 22;
const READY_MS = 10_000;
const MOVED_MS = 15_000;
/** An echo that is not answered by then was not delivered; nothing in the lab takes longer. */
const LOSS_AFTER_MS = 1000;

/**
 * Red's gateway goes to the other network node and back: its addresses, forwardings, leases and names go along, nothing stays where it was,
 * and what does not pass it notices nothing.
 */
export const CONCENTRATOR_MOVE: LabCheck = {
  id: 'concentrator-move',
  needs: ['ping-mesh', 'ping-concentrator', 'outbound-nat', 'dhcp-lease', 'dns-name', 'public-ip', 'port-forward', 'ssh-reach'],
  disturbs: true,
  run: async (context) => {
    const { red, blue } = context.scenario;
    const home = context.gatewayNode(red);
    const away = context.networkNodes().find((node) => node !== home);
    if (away === undefined) throw new Error('the lab has one network node only');
    const [open1, open2] = [context.workload(red, 'open1'), context.workload(red, 'open2')];
    await using own = await publicAddress(context, red, open2);
    await using shared = await publicAddress(context, red);
    await red.client.portForwardings(shared.id).create({
      protocol: 'tcp',
      external_port: FORWARDED_PORT,
      internal_port: PORT,
      internal_port_id: open1.portId,
      internal_ip_address: open1.ip,
    });
    await red.client.tenants.update(red.id, { ssh_reach: true });
    try {
      for (const address of [own, shared]) await addressIs(context, red, address, 'ACTIVE');
      using _server = tcpServer(context.place(open2), PORT);
      using _forwarded = tcpServer(context.place(open1), PORT);
      using _ssh = tcpServer(context.place(open2), SSH_PORT);
      const services = await waysIn(context, own, shared);
      await serving(context, services, READY_MS);
      const flows = [
        { tenant: red, from: 'alpha', to: 'charlie' },
        { tenant: blue, from: 'alpha', to: 'charlie' },
        { tenant: blue, from: 'bravo', to: 'outside' },
      ];
      const gaps: string[] = [];
      const detail = await undisturbed(context, flows, async () => {
        for (const to of [away, home]) gaps.push(`${(await move(context, to, own, services)).toFixed(0)} ms`);
      });
      return `to ${away} and back with all that it serves, interrupted for ${gaps.join(' and ')}; elsewhere ${detail}`;
    } finally {
      if (!netnsIsPinned(context.gatewayPin(home, red.concentratorId))) await bringHome(context, home);
      await red.client.tenants.update(red.id, { ssh_reach: false });
    }
  },
};

async function waysIn(context: CheckContext, own: PublicAddress, shared: PublicAddress): Promise<Service[]> {
  const { red } = context.scenario;
  const where = context.gatewayLog(red);
  const { ssh_ip: sshIp, ssh_port: sshPort } = await red.client.instances.show(context.workload(red, 'open2').instanceId);
  expect(sshIp !== null && sshPort !== null, 'red open2 to be reached by SSH', `${sshIp}:${sshPort}`, where);
  return [
    { what: 'its public address', address: own.address, port: PORT, where },
    { what: 'its forwarded port', address: shared.address, port: FORWARDED_PORT, where },
    { what: 'its SSH port', address: parseIpv4(sshIp), port: sshPort, where },
  ];
}

export async function serving(context: CheckContext, services: readonly Service[], withinMs: number, where?: string): Promise<void> {
  const { red } = context.scenario;
  await waitFor({ expected: "red's gateway to serve", withinMs, where, signal: context.signal }, () =>
    gatewayServes(context, red, services),
  );
}

/** Moves red's gateway, and waits until it is there with all it serves, and nowhere else. Returns how long its public address was silent. */
export async function move(context: CheckContext, to: LabNodeName, own: PublicAddress, services: readonly Service[]): Promise<number> {
  const { red } = context.scenario;
  const from = context.gatewayNode(red);
  const where = `${context.logOf(from)}, ${context.logOf(to)}`;
  const admin = context.lab.client().concentrators;
  const before = await admin.show(red.concentratorId);
  using stream = new PingStream({ place: context.outsidePlace(), target: own.address, lossAfterMs: LOSS_AFTER_MS });
  stream.start();
  context.releaseGateway(red);
  await admin.move(red.concentratorId, { node_id: context.lab.nodeId(to) });
  const watch = { where, signal: context.signal, withinMs: MOVED_MS };
  await waitFor({ ...watch, expected: `generation ${before.generation + 1} of red's concentrator to be active on ${to}` }, async () => {
    const { status, generation, node_id: node, error } = await admin.show(red.concentratorId);
    const there = status === 'active' && generation === before.generation + 1 && node === context.lab.nodeId(to);
    return there ? { done: undefined } : { seen: `${status}, generation ${generation} on ${node}: ${error?.message ?? 'no error'}` };
  });
  await waitFor({ ...watch, expected: `nothing of red's gateway to be left on ${from}` }, () => {
    const left = [
      netnsIsPinned(context.gatewayPin(from, red.concentratorId)) ? 'its namespace' : undefined,
      nameServer(context, from, red)?.command,
    ].filter((thing) => thing !== undefined);
    return left.length === 0 ? { done: undefined } : { seen: left.join(', ') };
  });
  await serving(context, services, MOVED_MS, where);
  const { longestGapMs } = await stream.stop();
  return longestGapMs;
}

/** After a failure: what comes next needs red's gateway where it was. */
export async function bringHome(context: CheckContext, home: LabNodeName): Promise<void> {
  const { red } = context.scenario;
  context.releaseGateway(red);
  const admin = context.lab.client().concentrators;
  if ((await admin.show(red.concentratorId)).node_id !== context.lab.nodeId(home)) {
    await admin.move(red.concentratorId, { node_id: context.lab.nodeId(home) });
  }
  await waitFor({ expected: `red's gateway on ${home} again`, withinMs: MOVED_MS, signal: context.signal }, () =>
    netnsIsPinned(context.gatewayPin(home, red.concentratorId)) ? { done: undefined } : { seen: 'it is not there' },
  );
}
