import { randomInt } from 'node:crypto';
import type { Ipv4 } from '@weft/core/ipv4';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { decodeDnsAnswer, DNS_PORT, encodeDnsQuestion, reverseName } from '../packet/dns.ts';
import type { DnsAnswer, DnsQuestion } from '../packet/dns.ts';
import { udpAsk } from '../probe/udp-echo.ts';
import { BACK_NAMES, TENANT_GATEWAY } from '../scenario.ts';
import type { LabTenant } from '../scenario.ts';
import type { LabCheck } from './lab-check.ts';

/** The product's own, which the lab does not change. */
const DOMAIN = 'weft.internal';
const ANSWER_MS = 3000;
const NO_SUCH_NAME = 3;

/** A workload asks its gateway for the others by name, and for their names; of the other tenant's it knows none, under the same addresses. */
export const DNS_NAME: LabCheck = {
  id: 'dns-name',
  // One server answers both.
  needs: ['dhcp-lease'],
  disturbs: false,
  run: async (context) => {
    const { red, blue } = context.scenario;
    await Promise.all([resolvesOwn(context, red, BACK_NAMES.blue), resolvesOwn(context, blue, BACK_NAMES.red)]);
    return `charlie and ${BACK_NAMES.red} or ${BACK_NAMES.blue}: short, with ${DOMAIN} and in reverse; the other tenant's is unknown`;
  },
};

async function resolvesOwn(context: CheckContext, tenant: LabTenant, foreign: string): Promise<void> {
  for (const name of ['charlie', BACK_NAMES[tenant.name]]) await resolves(context, tenant, name, context.workload(tenant, name).ip);
  for (const name of [foreign, `${foreign}.${DOMAIN}`]) {
    const answer = await ask(context, tenant, { name, type: 'A' });
    const unknown = answer?.code === NO_SUCH_NAME && answer.addresses.length === 0;
    expect(unknown, `${name}, the other tenant's, to be unknown to ${tenant.name}`, dnsText(answer), context.gatewayLog(tenant));
  }
}

/** Alpha asks for a name in every form. Throws CheckFailed. */
export async function resolves(context: CheckContext, tenant: LabTenant, name: string, address: Ipv4, timeoutMs?: number): Promise<void> {
  const where = context.gatewayLog(tenant);
  for (const form of [name, `${name}.${DOMAIN}`]) {
    const answer = await ask(context, tenant, { name: form, type: 'A' }, timeoutMs);
    const right = answer?.code === 0 && answer.addresses.length === 1 && answer.addresses[0] === address;
    expect(right, `${form} to be ${address} to ${tenant.name} alpha`, dnsText(answer), where);
  }
  const answer = await ask(context, tenant, { name: reverseName(address), type: 'PTR' }, timeoutMs);
  const right = answer?.code === 0 && answer.names.length === 1 && answer.names[0] === `${name}.${DOMAIN}`;
  expect(right, `${address} to be ${name}.${DOMAIN} to ${tenant.name} alpha`, dnsText(answer), where);
}

async function ask(
  context: CheckContext,
  tenant: LabTenant,
  question: Omit<DnsQuestion, 'id'>,
  timeoutMs = ANSWER_MS,
): Promise<DnsAnswer | undefined> {
  const id = randomInt(0x1_0000);
  const options = { payload: encodeDnsQuestion({ id, ...question }), timeoutMs, signal: context.signal };
  const answer = await udpAsk(context.place(context.workload(tenant, 'alpha')), TENANT_GATEWAY, DNS_PORT, options);
  const decoded = answer.kind === 'answered' && answer.from === TENANT_GATEWAY ? decodeDnsAnswer(answer.bytes) : undefined;
  return decoded?.id === id ? decoded : undefined;
}

function dnsText(answer: DnsAnswer | undefined): string {
  return answer === undefined ? 'no answer' : `code ${answer.code}, ${[...answer.addresses, ...answer.names].join(', ') || 'nothing'}`;
}
