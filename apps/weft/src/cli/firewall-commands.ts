/** Firewall rules: what passes between a tenant and the outside. */
import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';
import type { CliContext } from './cli-context.ts';
import { UsageError } from './failure.ts';
import { WRITE_FLAGS, docs, optionalText } from './flags.ts';
import type { WriteFlags } from './flags.ts';
import { findId } from './resolve.ts';
import { FIREWALL_RULE, PORT, TENANT, findable } from './resources.ts';
import { printMade } from './resource-output.ts';
import { write } from './write.ts';

type Direction = 'inbound' | 'outbound';
type Action = 'allow' | 'deny';
type RuleFlags = WriteFlags &
  Readonly<{
    port?: string;
    protocol?: 'tcp' | 'udp' | 'icmp';
    ports?: string;
    remote?: string;
    priority?: number;
    description?: string;
    tenant?: string;
  }>;

/** A word of a few; anything else is an error that names them. */
const oneOf =
  <const T extends string>(...words: readonly T[]) =>
  (text: string): T => {
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) throw new SyntaxError(`expected one of: ${words.join(', ')}`);
    return word;
  };

export const CREATE_FIREWALL_RULE: Command<CliContext> = buildCommand<RuleFlags, [Direction, Action], CliContext>({
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
      ports: optionalText('The port, or first:last; by default any', 'ports'),
      remote: optionalText('The prefix outside; by default any', 'cidr'),
      priority: {
        kind: 'parsed',
        parse: Number,
        optional: true,
        brief: 'Lower ones are asked first; by default 32768',
        placeholder: 'number',
      },
      description: optionalText('What it is for', 'text'),
      tenant: optionalText('Whose it is to be, without a port (administrators only)', 'tenant'),
    },
    positional: {
      kind: 'tuple',
      parameters: [
        { brief: 'inbound, from outside, or outbound', parse: oneOf('inbound', 'outbound'), placeholder: 'direction' },
        { brief: 'allow or deny', parse: oneOf('allow', 'deny'), placeholder: 'action' },
      ],
    },
  },
  async func(flags, direction, action) {
    const ports = flags.ports === undefined ? {} : portRange(flags.ports);
    if (Number.isNaN(flags.priority)) throw new UsageError('a priority is a number', 'Say one from 0 to 65535.');
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
          ...ports,
          ...(flags.remote === undefined ? {} : { remote_cidr: flags.remote }),
          ...(flags.priority === undefined ? {} : { priority: flags.priority }),
          ...(flags.description === undefined ? {} : { description: flags.description }),
          ...(flags.tenant === undefined ? {} : { tenant_id: await findId(findable(TENANT, api), flags.tenant) }),
        }),
      (made) => printMade(this, flags, connection, FIREWALL_RULE, made),
    );
  },
});

/** `80`, or `80:89`. */
function portRange(text: string): Readonly<{ port_min: number; port_max: number }> {
  const [, first, last = first] = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (first === undefined) throw new UsageError(`${text} is no port, and no range of ports`, 'Say --ports 80, or --ports 80:89.');
  return { port_min: Number(first), port_max: Number(last) };
}
