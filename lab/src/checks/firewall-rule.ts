import type { CreateFirewallRuleBody } from '@weft/api/v1';
import type { Ipv4 } from '@weft/core/ipv4';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import type { Place } from '../probe/place.ts';
import { tcpServer } from '../probe/tcp-server.ts';
import { TcpStream } from '../probe/tcp-stream.ts';
import type { LabTenant } from '../scenario.ts';
import { waitFor } from '../wait.ts';
import type { LabCheck } from './lab-check.ts';
import { addressIs, nothingAt, publicAddress, reaches, removable } from './public.ts';
import type { Removable, Service } from './public.ts';

/** Of a workload, and denied from outside. */
export const DENIED_PORT = 8083;
const CONNECT_MS = 5000;
const STREAM_BYTES_PER_SECOND = 50_000;
const ENDED_MS = 5000;
/** At that rate bytes come every few milliseconds; this is far beyond what a busy machine delays them. */
const STOPPED_MS = 1000;

/**
 * A tenant's firewall rules, at its gateway: one workload may not reach a port outside that its neighbour reaches; nobody of the tenant
 * reaches another one, until a rule that is asked earlier allows it; and nobody outside reaches a port of a public address, nor goes on
 * with a connection that was open. With the rules go their effects.
 */
export const FIREWALL_RULE: LabCheck = {
  id: 'firewall-rule',
  needs: ['public-ip'],
  disturbs: false,
  run: async (context) => {
    const { red, blue } = context.scenario;
    const details = await Promise.all([red, blue].map((tenant) => judged(context, tenant)));
    return details.join('; ');
  },
};

type Station = Readonly<{ name: string; place: Place }>;
type Way = Readonly<{ from: Station; to: Service; seenAs: Ipv4 }>;

async function judged(context: CheckContext, tenant: LabTenant): Promise<string> {
  const where = context.gatewayLog(tenant);
  const { outsideHost } = context.lab.topology;
  const workload = context.workload(tenant, 'open2');
  await using own = await publicAddress(context, tenant, workload);
  await addressIs(context, tenant, own, 'ACTIVE');
  const outside: Station = { name: 'the outside host', place: context.outsidePlace() };
  const station = (name: string): Station => ({ name: `${tenant.name} ${name}`, place: context.place(context.workload(tenant, name)) });
  using mail = tcpServer(outside.place, 0);
  using web = tcpServer(outside.place, 0);
  using _denied = tcpServer(context.place(workload), DENIED_PORT, { afterGreeting: 'echo' });
  const out = (name: string, port: number): Way => {
    const to = { what: `the outside host:${port}`, address: outsideHost, port, where };
    return { from: station(name), to, seenAs: tenant.uplinkAddress };
  };
  const [alphaMail, bravoMail, alphaWeb, bravoWeb] = [
    out('alpha', mail.port),
    out('bravo', mail.port),
    out('alpha', web.port),
    out('bravo', web.port),
  ];
  const inward: Way = {
    from: outside,
    to: { what: `${tenant.name} open2:${DENIED_PORT}`, address: own.address, port: DENIED_PORT, where },
    seenAs: outsideHost,
  };
  const pass = (...ways: readonly Way[]) => Promise.all(ways.map(({ from, to, seenAs }) => reaches(context, from, to, seenAs, true)));
  const denied = (...ways: readonly Way[]) => Promise.all(ways.map(({ from, to }) => nothingAt(context, from, to)));

  await pass(alphaMail, bravoMail, alphaWeb, bravoWeb, inward);
  using stream = await openStream(context, inward.to);
  const rule = (body: CreateFirewallRuleBody): Promise<Removable> => removable(tenant.client.firewallRules, body);
  const tcp = (port: number) => ({ protocol: 'tcp', port_min: port, port_max: port }) as const;
  const portId = context.workload(tenant, 'alpha').portId;
  await using noMail = await rule({ direction: 'outbound', action: 'deny', ...tcp(mail.port), port_id: portId });
  await using noWeb = await rule({ direction: 'outbound', action: 'deny', ...tcp(web.port), priority: 200 });
  await using noEntry = await rule({ direction: 'inbound', action: 'deny', ...tcp(DENIED_PORT), remote_cidr: `${outsideHost}/32` });
  await Promise.all([denied(alphaMail, alphaWeb, bravoWeb, inward), ends(context, stream, inward.to)]);
  await pass(bravoMail);

  await using _web = await rule({ direction: 'outbound', action: 'allow', ...tcp(web.port), priority: 100 });
  await Promise.all([noMail.remove(), noEntry.remove()]);
  await pass(alphaMail, alphaWeb, bravoWeb, inward);
  // What denies goes before what is excepted from it, or it would deny once more and end what the next check has begun.
  await noWeb.remove();
  await pass(alphaWeb);
  return `${tenant.name}: alpha denied what bravo may, all of them until a rule before allows it, ${own.address} closed and open again`;
}

/** From outside, with bytes coming back. */
async function openStream(context: CheckContext, { address, port, where }: Service): Promise<TcpStream> {
  const stream = new TcpStream({ place: context.outsidePlace(), target: address, port, bytesPerSecond: STREAM_BYTES_PER_SECOND });
  const started = await stream.start({ timeoutMs: CONNECT_MS, signal: context.signal });
  expect(started.kind === 'connected', `a stream from outside to ${address}:${port}`, JSON.stringify(started), where);
  const expected = `bytes to come back from ${address}:${port}`;
  await waitFor({ expected, withinMs: CONNECT_MS, where, signal: context.signal }, () => {
    const { bytes } = stream.result().received;
    return bytes > STREAM_BYTES_PER_SECOND / 10 ? { done: undefined } : { seen: `${bytes} bytes` };
  });
  return stream;
}

async function ends(context: CheckContext, stream: TcpStream, { address, port, where }: Service): Promise<void> {
  const expected = `the stream to ${address}:${port} to stop`;
  await waitFor({ expected, withinMs: ENDED_MS, where, signal: context.signal }, () => {
    const { ended, received } = stream.result();
    const stopped = ended !== undefined || received.idleMs >= STOPPED_MS;
    return stopped ? { done: undefined } : { seen: `${received.bytes} bytes, the last ${received.idleMs.toFixed(0)} ms ago` };
  });
}
