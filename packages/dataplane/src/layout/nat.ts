import { canonicalJson } from '@weft/core/canonical-json';
import type { Ipv4 } from '@weft/core/ipv4';
import { gatewayKey } from '@weft/core/plan/gateway';
import type { CompiledNatRule, NatBody } from '@weft/core/plan/nat';
import type { Plan } from '@weft/core/plan/plan';
import type { ChainObject, ElementObject, KernelObject } from '../kernel-object.ts';
import { gatewayPlace, uplinkName } from '../names.ts';

/**
 * A tenant's NAT rules: a chain a direction. What arrives at an address that a rule names is led to `nat_rules_in` by the map `translated_in`,
 * what leaves by the uplink to `nat_rules_out` by `translated_out`; who has no rule walks none.
 *
 * Each translation marks the connections that it makes, with a number that follows from what it does and nothing else. The numbers in force
 * stand in the set `translating`: one that leaves it ends its connections, in this process or the next, and a rule that only changes its
 * place keeps them.
 *
 * Nothing without its gateway, or where that has no uplink.
 */
export function layoutNat({ plan }: Readonly<{ plan: Plan }>, body: NatBody): readonly KernelObject[] {
  const gateway = plan.get('gateway', gatewayKey(body.concentratorId));
  if (gateway?.uplink === undefined) return [];
  const { address: own } = gateway.uplink;
  const at = { place: gatewayPlace(body.concentratorId), family: 'ip' } as const;
  const chain = (name: string, rules: readonly string[]): ChainObject => ({ kind: 'chain', ...at, name, rules: [...rules, 'return'] });
  const element = (set: string, key: string, value?: string): ElementObject => ({ kind: 'element', ...at, set, key: [key], value });
  const translations = body.rules.flatMap((rule) => translationsOf(rule, rule.address ?? own));
  const inbound = translations.filter(({ arrivesAt }) => arrivesAt !== undefined);
  const outbound = translations.filter(({ arrivesAt }) => arrivesAt === undefined);
  const objects: KernelObject[] = translations.map(({ mark }) => element('translating', String(mark)));
  if (inbound.length > 0) {
    const addresses = new Set(inbound.flatMap(({ arrivesAt }) => arrivesAt ?? []));
    objects.push(chain('nat_rules_in', inbound.map(ruleText)));
    for (const address of addresses) objects.push(element('translated_in', address, 'jump nat_rules_in'));
  }
  if (outbound.length > 0) {
    // What the gateway itself asks outside is not the tenant's.
    objects.push(chain('nat_rules_out', ['ip saddr != @subnets return', ...outbound.map(ruleText)]));
    objects.push(element('translated_out', uplinkName(body.concentratorId), 'jump nat_rules_out'));
  }
  return objects;
}

type Translation = Readonly<{ mark: number; conditions: readonly string[]; verdict: string; /** Inbound. */ arrivesAt: Ipv4 | undefined }>;

const ruleText = ({ conditions, mark, verdict }: Translation): string => [...conditions, `ct mark set ${mark}`, verdict].join(' ');

/** One for each workload's address, so that one that goes takes no other's connections along. */
function translationsOf(rule: CompiledNatRule, address: Ipv4): Translation[] {
  if (rule.direction === 'inbound') return inboundOf(rule, address);
  const far = rule.remoteCidr === undefined ? [] : [`ip daddr ${rule.remoteCidr}`];
  return (rule.local ?? [undefined]).map((local) => {
    const near = local === undefined ? [] : [`ip saddr ${local}`];
    return translation([...near, ...far, ...protocolText(rule)], `snat to ${address}`, undefined);
  });
}

function inboundOf(rule: CompiledNatRule, arrivesAt: Ipv4): Translation[] {
  const { protocol, remoteCidr, portMin, portMax, to } = rule;
  if (to === undefined || protocol === undefined || portMin === undefined || portMax === undefined) return [];
  const far = remoteCidr === undefined ? [] : [`ip saddr ${remoteCidr}`];
  return [translation([`ip daddr ${arrivesAt}`, ...far, ...protocolText(rule)], leadTo(protocol, portMin, portMax, to), arrivesAt)];
}

/** A range with other numbers inside is a map: of a mere range the kernel would choose any port. */
function leadTo(protocol: string, first: number, last: number, to: NonNullable<CompiledNatRule['to']>): string {
  if (to.port === first) return `dnat to ${to.address}`;
  if (first === last) return `dnat to ${to.address}:${to.port}`;
  const pairs = Array.from({ length: last - first + 1 }, (_, at) => `${first + at} : ${to.address} . ${to.port + at}`);
  return `dnat ip to ${protocol} dport map { ${pairs.join(', ')} }`;
}

function protocolText({ protocol, portMin, portMax }: CompiledNatRule): string[] {
  if (protocol === undefined) return [];
  return [portMin === undefined ? `meta l4proto ${protocol}` : `${protocol} dport ${portMin}-${portMax ?? portMin}`];
}

function translation(conditions: readonly string[], verdict: string, arrivesAt: Ipv4 | undefined): Translation {
  return { mark: markOf(canonicalJson([conditions, verdict])), conditions, verdict, arrivesAt };
}

/** FNV-1a of 31 bits, and never 0, which is no mark. Two translations of one tenant that share a number would merely end together. */
function markOf(text: string): number {
  let hash = 0x81_1c_9d_c5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01_00_01_93) >>> 0;
  return (hash >>> 1) + 1;
}
