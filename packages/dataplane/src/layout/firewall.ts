import type { CompiledFirewallRule, FirewallBody } from '@weft/core/plan/firewall';
import { gatewayKey } from '@weft/core/plan/gateway';
import type { Plan } from '@weft/core/plan/plan';
import type { ChainObject, ElementObject, KernelObject } from '../kernel-object.ts';
import { gatewayPlace, uplinkName } from '../names.ts';
import { dropChain } from '../ruleset/drops.ts';

/**
 * A tenant's firewall: a chain a direction, which the gateway's `forward` asks for the first packet of a connection. `return` is how a rule
 * allows, for what it lets pass still has to be translated to lead anywhere: no rule opens an address that is not public.
 *
 * Connection tracking takes up a TCP connection in its middle (so connections outlive a gateway's move), and believes that whoever is heard
 * first began it. One that was denied would come back as its own opposite with the next packet of the other side; so what does not begin with
 * a SYN is held against the rules of the other direction, too, turned round (`…_answers`).
 *
 * Nothing without its gateway, or where that has no uplink.
 */
export function layoutFirewall({ plan }: Readonly<{ plan: Plan }>, body: FirewallBody): readonly KernelObject[] {
  const gateway = plan.get('gateway', gatewayKey(body.concentratorId));
  if (gateway?.uplink === undefined) return [];
  const at = { place: gatewayPlace(body.concentratorId), family: 'ip' } as const;
  const chain = (name: string, rules: readonly string[]): ChainObject => ({ kind: 'chain', ...at, name, rules: [...rules, 'return'] });
  const hook = (set: string, name: string): ElementObject => ({
    kind: 'element',
    ...at,
    set,
    key: [uplinkName(body.concentratorId)],
    value: `jump ${name}`,
  });
  const of = (direction: CompiledFirewallRule['direction'], turned: boolean): string[] =>
    body.rules.filter((rule) => rule.direction === direction).flatMap((rule) => ruleText(rule, turned));
  return [
    chain('inbound_answers', of('inbound', true)),
    chain('outbound_answers', of('outbound', true)),
    chain('inbound', [`${IN_THE_MIDDLE} jump outbound_answers`, ...of('inbound', false)]),
    chain('outbound', [`${IN_THE_MIDDLE} jump inbound_answers`, ...of('outbound', false)]),
    hook('from_uplink', 'inbound'),
    hook('to_uplink', 'outbound'),
  ];
}

const IN_THE_MIDDLE = 'tcp flags & (syn | ack) != syn';

/** `turned`: for the packets of the other way. Addresses and ports are those inside: behind `nat_in`, before `nat_out`. */
function ruleText({ direction, action, protocol, remoteCidr, portMin, portMax, local }: CompiledFirewallRule, turned: boolean): string[] {
  if (turned && protocol !== undefined && protocol !== 'tcp') return [];
  const [here, there] = (direction === 'inbound') === turned ? ['saddr', 'daddr'] : ['daddr', 'saddr'];
  const parts: string[] = [];
  if (local !== undefined) parts.push(`ip ${here} { ${local.join(', ')} }`);
  if (remoteCidr !== undefined && remoteCidr !== '0.0.0.0/0') parts.push(`ip ${there} ${remoteCidr}`);
  if (portMin !== undefined && protocol !== undefined)
    parts.push(`${protocol} ${turned ? 'sport' : 'dport'} ${portMin}-${portMax ?? portMin}`);
  else if (protocol !== undefined) parts.push(`meta l4proto ${protocol}`);
  const denied = dropChain((direction === 'outbound') === turned ? 'gateway firewall received' : 'gateway firewall sent');
  return [[...parts, action === 'deny' ? `goto ${denied}` : 'return'].join(' ')];
}
