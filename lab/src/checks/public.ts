/** What the checks of the public side have in common. */
import { parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import type { CheckContext } from '../check-context.ts';
import type { Place } from '../probe/place.ts';
import { tcpConnect } from '../probe/tcp-connect.ts';
import type { LabTenant, Workload } from '../scenario.ts';
import { expect } from '../check.ts';
import { waitFor } from '../wait.ts';
import { outcomeText } from './default-security-group.ts';

const ACTIVE_MS = 10_000;
const CONNECT_MS = 5000;
/** A SYN that was merely lost is sent again after a second, and would get through. */
const SILENT_MS = 1500;
/** One look at something that may not be there yet. */
const LOOK_MS = 300;

export type PublicAddress = AsyncDisposable & Readonly<{ id: string; address: Ipv4 }>;

/** A public address of the tenant's, for a workload's port or for none; given back when disposed of. Throws ApiError. */
export async function publicAddress(context: CheckContext, tenant: LabTenant, workload?: Workload): Promise<PublicAddress> {
  const made = await tenant.client.floatingIps.create({
    floating_network_id: context.scenario.outsideNetworkId,
    ...(workload === undefined ? {} : { port_id: workload.portId }),
  });
  return {
    id: made.id,
    address: parseIpv4(made.floating_ip_address),
    // One that is forwarded is not given back.
    [Symbol.asyncDispose]: async () => {
      const forwardings = tenant.client.portForwardings(made.id);
      for (const { id } of await forwardings.list()) await forwardings.delete(id);
      await tenant.client.floatingIps.delete(made.id);
    },
  };
}

/** A rule that goes when it is removed, or disposed of. */
export type Removable = AsyncDisposable & Readonly<{ id: string; remove: () => Promise<void> }>;

/** Makes a rule. Throws ApiError. */
export async function removable<B>(
  rules: Readonly<{ create: (body: B) => Promise<Readonly<{ id: string }>>; delete: (id: string) => Promise<void> }>,
  body: B,
): Promise<Removable> {
  const { id } = await rules.create(body);
  let there = true;
  const remove = async (): Promise<void> => {
    if (!there) return;
    await rules.delete(id);
    there = false;
  };
  return { id, remove, [Symbol.asyncDispose]: remove };
}

/** Waits until the tenant's gateway answers for the address, or no more. Throws DeadlinePassed. */
export async function addressIs(context: CheckContext, tenant: LabTenant, { id, address }: PublicAddress, status: 'ACTIVE' | 'DOWN') {
  const where = context.gatewayLog(tenant);
  await waitFor(
    { expected: `${tenant.name}’s public address ${address} to be ${status}`, withinMs: ACTIVE_MS, where, signal: context.signal },
    async () => {
      const seen = await tenant.client.floatingIps.show(id);
      return seen.status === status ? { done: undefined } : { seen: seen.status };
    },
  );
}

/** A TCP service that somebody wants to reach. */
export type Service = Readonly<{ what: string; address: Ipv4; port: number; where: string }>;

/** Connects, and fails unless the server sees `seenAs`. With `retry` it may take a while until the way is there. Returns the time it took. */
export async function reaches(
  context: Pick<CheckContext, 'signal'>,
  from: Readonly<{ name: string; place: Place }>,
  to: Service,
  seenAs: Ipv4,
  retry = false,
): Promise<number> {
  const expected = `${from.name} to reach ${to.what} at ${to.address}:${to.port} and be seen there as ${seenAs}`;
  const attempt = (timeoutMs: number) => tcpConnect(from.place, to.address, to.port, { timeoutMs, signal: context.signal });
  if (retry) {
    await waitFor({ expected, withinMs: CONNECT_MS, where: to.where, signal: context.signal }, async () => {
      const outcome = await attempt(LOOK_MS);
      return outcome.kind === 'connected' ? { done: undefined } : { seen: outcomeText(outcome) };
    });
  }
  const outcome = await attempt(CONNECT_MS);
  expect(outcome.kind === 'connected' && outcome.seenAs === seenAs, expected, outcomeText(outcome), to.where);
  return outcome.tookMs;
}

/** Waits until the server sees another source than before. */
export async function comesToBeSeenAs(
  context: CheckContext,
  from: Readonly<{ name: string; place: Place }>,
  to: Service,
  seenAs: Ipv4,
): Promise<void> {
  const expected = `${from.name} to reach ${to.what} at ${to.address}:${to.port} and be seen there as ${seenAs}`;
  await waitFor({ expected, withinMs: CONNECT_MS, where: to.where, signal: context.signal }, async () => {
    const outcome = await tcpConnect(from.place, to.address, to.port, { timeoutMs: LOOK_MS, signal: context.signal });
    return outcome.kind === 'connected' && outcome.seenAs === seenAs ? { done: undefined } : { seen: outcomeText(outcome) };
  });
}

/** Waits until a way is gone on which connections were just made, and sees that it stays so for as long as a lost SYN would need. */
export async function nothingAt(
  context: Pick<CheckContext, 'signal'>,
  from: Readonly<{ name: string; place: Place }>,
  to: Service,
): Promise<void> {
  const expected = `${from.name} not to reach ${to.what} at ${to.address}:${to.port}`;
  const attempt = (timeoutMs: number) => tcpConnect(from.place, to.address, to.port, { timeoutMs, signal: context.signal });
  await waitFor({ expected, withinMs: CONNECT_MS, where: to.where, signal: context.signal }, async () => {
    const outcome = await attempt(LOOK_MS);
    return outcome.kind === 'connected' ? { seen: outcomeText(outcome) } : { done: undefined };
  });
  const outcome = await attempt(SILENT_MS);
  expect(outcome.kind !== 'connected' && outcome.kind !== 'silent', expected, outcomeText(outcome), to.where);
}
