/** Firewall rules: what passes between a tenant and the outside. */
import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';
import type { CliContext } from './cli-context.ts';
import { WRITE_FLAGS, docs, optionalText, target } from './flags.ts';
import type { WriteFlags } from './flags.ts';
import { findId } from './resolve.ts';
import { PORT, TENANT, findable } from './resources.ts';
import { printMade } from './resource-output.ts';
import { CHANGED_RULE_FLAGS, DIRECTION, oneOf, orAny, RULE_FLAGS, saidByFlags, somethingOf } from './rule-flags.ts';
import type { Direction, Protocol, RuleFlags } from './rule-flags.ts';
import { FIREWALL_RULE } from './rule-resources.ts';
import { write } from './write.ts';

type Action = 'allow' | 'deny';
type CreateFlags = WriteFlags & RuleFlags & Readonly<{ port?: string; protocol?: Protocol; tenant?: string }>;
type UpdateFlags = WriteFlags & RuleFlags & Readonly<{ direction?: Direction; action?: Action; protocol?: Protocol | 'any' }>;

export const CREATE_FIREWALL_RULE: Command<CliContext> = buildCommand<CreateFlags, [Direction, Action], CliContext>({
  docs: docs('Make a firewall rule', {
    more: 'It is about the whole tenant, or with --port about one workload. Ports are those of the destination: inbound, the workload’s own.\nRunning connections that it denies end.',
    examples: [
      'weft firewall-rule create outbound deny --protocol tcp --ports 25 --as red',
      'weft firewall-rule create inbound allow --port web --remote 198.51.100.0/24 --priority 10 --as red',
      'weft firewall-rule create inbound deny --port web --priority 20 --as red',
    ],
  }),
  parameters: {
    flags: {
      ...WRITE_FLAGS,
      port: optionalText('The workload’s port; by default all of the tenant’s', 'port'),
      protocol: { kind: 'enum', values: ['tcp', 'udp', 'icmp'], optional: true, brief: 'Its protocol; by default any' },
      ...RULE_FLAGS,
      tenant: optionalText('Whose it is to be, without a port (administrators only)', 'tenant'),
    },
    positional: {
      kind: 'tuple',
      parameters: [DIRECTION, { brief: 'allow or deny', parse: oneOf('allow', 'deny'), placeholder: 'action' }],
    },
  },
  async func(flags, direction, action) {
    const said = saidByFlags(flags);
    const connection = await this.connect(flags.as);
    const { api } = connection;
    await write(
      this,
      flags,
      api,
      async (to) =>
        to.firewallRules.create({
          direction,
          action,
          ...(flags.port === undefined ? {} : { port_id: await findId(findable(PORT, api), flags.port) }),
          ...(flags.protocol === undefined ? {} : { protocol: flags.protocol }),
          ...said,
          ...(flags.tenant === undefined ? {} : { tenant_id: await findId(findable(TENANT, api), flags.tenant) }),
        }),
      (made) => printMade(this, flags, connection, FIREWALL_RULE, made),
    );
  },
});

export const UPDATE_FIREWALL_RULE: Command<CliContext> = buildCommand<UpdateFlags, [string], CliContext>({
  docs: docs('Change a firewall rule', {
    more: 'What is not said stays. Running connections that it denies from now on end.',
    examples: ['weft firewall-rule update 3f2a --remote 198.51.100.0/24 --as red', 'weft firewall-rule update 3f2a --ports any --as red'],
  }),
  parameters: {
    flags: {
      ...WRITE_FLAGS,
      direction: { kind: 'enum', values: ['inbound', 'outbound'], optional: true, brief: 'Which way' },
      action: { kind: 'enum', values: ['allow', 'deny'], optional: true, brief: 'Its verdict' },
      ...CHANGED_RULE_FLAGS,
    },
    positional: { kind: 'tuple', parameters: [target('firewall-rule')] },
  },
  async func(flags, what) {
    const { direction, action, protocol } = flags;
    const body = somethingOf({
      ...(direction === undefined ? {} : { direction }),
      ...(action === undefined ? {} : { action }),
      ...(protocol === undefined ? {} : { protocol: orAny(protocol) }),
      ...saidByFlags(flags),
    });
    const connection = await this.connect(flags.as);
    const { api } = connection;
    const id = await findId(findable(FIREWALL_RULE, api), what);
    await write(
      this,
      flags,
      api,
      (to) => to.firewallRules.update(id, body),
      (changed) => printMade(this, flags, connection, FIREWALL_RULE, changed),
    );
  },
});
