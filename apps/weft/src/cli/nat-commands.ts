/** NAT rules: which addresses and ports the outside sees. */
import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';
import type { CliContext } from './cli-context.ts';
import { WRITE_FLAGS, docs, optionalText, target } from './flags.ts';
import type { WriteFlags } from './flags.ts';
import { findId } from './resolve.ts';
import { FLOATING_IP, PORT, TENANT, findable } from './resources.ts';
import { printMade } from './resource-output.ts';
import { CHANGED_RULE_FLAGS, DIRECTION, orAny, RULE_FLAGS, saidByFlags, somethingOf } from './rule-flags.ts';
import type { Direction, Protocol, RuleFlags } from './rule-flags.ts';
import { NAT_RULE } from './rule-resources.ts';
import { write } from './write.ts';

type NatFlags = WriteFlags & RuleFlags & Readonly<{ floatingIp?: string; to?: number | 'same' }>;
type CreateFlags = NatFlags & Readonly<{ port?: string; protocol?: Protocol; tenant?: string }>;
type UpdateFlags = NatFlags & Readonly<{ protocol?: Protocol | 'any' }>;

const GATEWAY = 'gateway';

/** A port, or `same`: the ports that the rule is about. */
function parseTo(text: string): number | 'same' {
  if (text === 'same') return text;
  if (!/^\d{1,5}$/.test(text)) throw new SyntaxError('expected a port, or same');
  return Number(text);
}

const to = { kind: 'parsed', parse: parseTo, optional: true, placeholder: 'port' } as const;

export const CREATE_NAT_RULE: Command<CliContext> = buildCommand<CreateFlags, [Direction], CliContext>({
  docs: docs('Make a NAT rule', {
    more: 'outbound: what the tenant sends outside, or with --port one workload, leaves with that floating IP as its source, or with the gateway’s own\naddress. inbound: what arrives there at --ports is led to the workload of --port, by tcp or udp.\nRules are asked before port forwardings and floating IPs that are associated.',
    examples: [
      'weft nat-rule create outbound --floating-ip 203.0.113.20 --protocol tcp --ports 25 --as red',
      'weft nat-rule create outbound --port web --remote 198.51.100.0/24 --priority 10 --as red',
      'weft nat-rule create inbound --port web --protocol tcp --ports 8080 --to 80 --floating-ip 203.0.113.20 --as red',
    ],
  }),
  parameters: {
    flags: {
      ...WRITE_FLAGS,
      port: optionalText('outbound: the workload’s port, by default all of the tenant’s; inbound: where it leads', 'port'),
      protocol: { kind: 'enum', values: ['tcp', 'udp', 'icmp'], optional: true, brief: 'Its protocol; by default any' },
      ...RULE_FLAGS,
      floatingIp: optionalText('Its public address; by default the gateway’s own', 'floating-ip'),
      to: { ...to, brief: 'inbound: the workload’s port, the first of as many; by default the same' },
      tenant: optionalText('Whose it is to be, without a port (administrators only)', 'tenant'),
    },
    positional: { kind: 'tuple', parameters: [DIRECTION] },
  },
  async func(flags, direction) {
    const said = saidByFlags(flags);
    const connection = await this.connect(flags.as);
    const { api } = connection;
    await write(
      this,
      flags,
      api,
      async (to) =>
        to.natRules.create({
          direction,
          ...(flags.port === undefined ? {} : { port_id: await findId(findable(PORT, api), flags.port) }),
          ...(flags.protocol === undefined ? {} : { protocol: flags.protocol }),
          ...said,
          ...(await translated(flags, (text) => findId(findable(FLOATING_IP, api), text))),
          ...(flags.tenant === undefined ? {} : { tenant_id: await findId(findable(TENANT, api), flags.tenant) }),
        }),
      (made) => printMade(this, flags, connection, NAT_RULE, made),
    );
  },
});

export const UPDATE_NAT_RULE: Command<CliContext> = buildCommand<UpdateFlags, [string], CliContext>({
  docs: docs('Change a NAT rule', {
    more: 'What is not said stays. Running connections that it translated end, unless only its priority or description changes.',
    examples: ['weft nat-rule update 3f2a --remote 198.51.100.0/24 --as red', 'weft nat-rule update 3f2a --floating-ip gateway --as red'],
  }),
  parameters: {
    flags: {
      ...WRITE_FLAGS,
      ...CHANGED_RULE_FLAGS,
      floatingIp: optionalText('Its public address, or gateway for the gateway’s own', 'floating-ip'),
      to: { ...to, brief: 'The workload’s port, the first of as many, or same' },
    },
    positional: { kind: 'tuple', parameters: [target('nat-rule')] },
  },
  async func(flags, what) {
    const { protocol } = flags;
    const said = { ...(protocol === undefined ? {} : { protocol: orAny(protocol) }), ...saidByFlags(flags) };
    if (flags.floatingIp === undefined && flags.to === undefined) somethingOf(said);
    const connection = await this.connect(flags.as);
    const { api } = connection;
    const body = { ...said, ...(await translated(flags, (text) => findId(findable(FLOATING_IP, api), text))) };
    const id = await findId(findable(NAT_RULE, api), what);
    await write(
      this,
      flags,
      api,
      (to) => to.natRules.update(id, body),
      (changed) => printMade(this, flags, connection, NAT_RULE, changed),
    );
  },
});

type Translated = Readonly<{ floating_ip_id?: string | null; to_port?: number | null }>;

async function translated({ floatingIp, to: port }: NatFlags, find: (text: string) => Promise<string>): Promise<Translated> {
  return {
    ...(floatingIp === undefined ? {} : { floating_ip_id: floatingIp === GATEWAY ? null : await find(floatingIp) }),
    ...(port === undefined ? {} : { to_port: port === 'same' ? null : port }),
  };
}
