import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { sendDatagram } from '../probe/send-frame.ts';
import { tcpServer } from '../probe/tcp-server.ts';
import { TcpStream } from '../probe/tcp-stream.ts';
import { token } from '../probe/token.ts';
import { TENANT_GATEWAY } from '../scenario.ts';
import type { LabTenant } from '../scenario.ts';
import { OUTSIDE_IFNAME } from '../topology.ts';
import { waitFor } from '../wait.ts';
import type { LabCheck } from './lab-check.ts';
import { addressIs, publicAddress, reaches } from './public.ts';
import type { PublicAddress, Service } from './public.ts';
import { expectReach } from './reach.ts';

const PORT = 8081;
const CONNECT_MS = 5000;
const STREAM_BYTES_PER_SECOND = 50_000;
const REVOKED_MS = 5000;
const TOLD_MS = 5000;
/** At that rate bytes come every few milliseconds; this is far beyond what a busy machine delays them. */
const STOPPED_MS = 1000;

/**
 * A public address is its workload's, both ways: reached from outside, by the workload itself and by a neighbour on the other node, and what
 * the workload sends has it as source. Taken off the workload it leads nowhere, and a connection that was open does not outlive it. Its
 * tenant is told both, once.
 */
export const PUBLIC_IP: LabCheck = {
  id: 'public-ip',
  needs: ['outbound-nat'],
  disturbs: false,
  run: async (context) => {
    const { red, blue } = context.scenario;
    const details = await Promise.all([red, blue].map((tenant) => ownAddress(context, tenant)));
    return `${details.join('; ')}; nothing arrives after it was taken away`;
  },
};

async function ownAddress(context: CheckContext, tenant: LabTenant): Promise<string> {
  const workload = context.workload(tenant, 'open2');
  const { last } = await tenant.client.events.list({ limit: 1 });
  await using own = await publicAddress(context, tenant, workload);
  await addressIs(context, tenant, own, 'ACTIVE');
  await isTold(context, tenant, own, last, [`Mapped ${own.address} to ${workload.ip}`]);
  const where = context.gatewayLog(tenant);
  const [outside, place] = [context.outsidePlace(), context.place(workload)];
  const { outsideHost } = context.lab.topology;
  const stranger = { name: 'the outside host', place: outside };
  using server = tcpServer(place, PORT, { afterGreeting: 'echo' });
  const service: Service = { what: `${tenant.name} open2`, address: own.address, port: server.port, where };
  const tookMs = await reaches(context, stranger, service, outsideHost);
  for (const name of ['open2', 'alpha']) {
    const from = { name: `${tenant.name} ${name}`, place: context.place(context.workload(tenant, name)) };
    await reaches(context, from, service, TENANT_GATEWAY);
  }
  await seenOutsideAs(context, tenant, own);
  await endsWithAddress(context, tenant, own, service);
  const all = [`Mapped ${own.address} to ${workload.ip}`, `Unmapped ${own.address} from ${workload.ip}`];
  await isTold(context, tenant, own, last, all);
  return `${tenant.name} open2 is ${own.address} to all (outside connects in ${tookMs.toFixed(1)} ms), told once`;
}

/** Waits for what the tenant is told of its address since an event; more, or anything else, fails. */
async function isTold(
  context: CheckContext,
  { name, client }: LabTenant,
  { address }: PublicAddress,
  after: number,
  expected: readonly string[],
): Promise<void> {
  const where = context.logOf('control');
  const told = async (): Promise<string[]> => {
    const { events } = await client.events.list({ after, limit: 1000 });
    return events.filter(({ resources }) => resources['public_ip'] === address).map(({ message }) => message);
  };
  const what = `${name} to be told: ${expected.join(', ')}`;
  await waitFor({ expected: what, withinMs: TOLD_MS, where, signal: context.signal }, async () => {
    const seen = await told();
    return seen.length >= expected.length ? { done: undefined } : { seen: seen.join(', ') };
  });
  const seen = await told();
  expect(seen.join() === expected.join(), what, seen.join(', '), where);
}

/** Its own workload has the address as source, and no other has. */
async function seenOutsideAs(context: CheckContext, tenant: LabTenant, { address }: PublicAddress): Promise<void> {
  using server = tcpServer(context.outsidePlace(), 0);
  const service: Service = {
    what: 'the outside host',
    address: context.lab.topology.outsideHost,
    port: server.port,
    where: context.gatewayLog(tenant),
  };
  for (const [name, source] of [
    ['open2', address],
    ['alpha', tenant.uplinkAddress],
  ] as const) {
    await reaches(context, { name: `${tenant.name} ${name}`, place: context.place(context.workload(tenant, name)) }, service, source);
  }
}

async function endsWithAddress(context: CheckContext, tenant: LabTenant, own: PublicAddress, service: Service): Promise<void> {
  const outside = context.outsidePlace();
  const workload = { name: service.what, place: context.place(context.workload(tenant, 'open2')) };
  const router = { name: "the provider's router", place: context.nodePlace('gateway', OUTSIDE_IFNAME) };
  const datagram = async (at: (typeof router)[], notAt: (typeof router)[]): Promise<void> => {
    const mark = token();
    await expectReach(context, {
      what: `a datagram from outside to ${own.address}`,
      token: mark,
      send: () => sendDatagram(outside, { target: own.address, port: PORT, payload: mark }),
      at,
      notAt,
      where: service.where,
    });
  };
  using stream = new TcpStream({ place: outside, target: own.address, port: service.port, bytesPerSecond: STREAM_BYTES_PER_SECOND });
  const started = await stream.start({ timeoutMs: CONNECT_MS, signal: context.signal });
  expect(started.kind === 'connected', `a stream from outside to ${own.address}`, JSON.stringify(started), service.where);
  const watch = { where: service.where, signal: context.signal, withinMs: REVOKED_MS };
  await waitFor({ ...watch, expected: `bytes to come back from ${own.address}` }, () => {
    const { bytes } = stream.result().received;
    return bytes > STREAM_BYTES_PER_SECOND / 10 ? { done: undefined } : { seen: `${bytes} bytes` };
  });
  await datagram([router, workload], []);
  await tenant.client.floatingIps.update(own.id, { port_id: null });
  await addressIs(context, tenant, own, 'DOWN');
  await waitFor({ ...watch, expected: `the stream to ${own.address} to stop` }, () => {
    const { ended, received } = stream.result();
    const stopped = ended !== undefined || received.idleMs >= STOPPED_MS;
    return stopped ? { done: undefined } : { seen: `${received.bytes} bytes, the last ${received.idleMs.toFixed(0)} ms ago` };
  });
  await datagram([router], [workload]);
}
