import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';
import type { AcceptedView, NewTenantView } from '@weft/api/v1';
import { say } from './cli-context.ts';
import type { CliContext } from './cli-context.ts';
import { EXIT_FAILED, UsageError, formatFailure } from './failure.ts';
import { WRITE_FLAGS, docs, kbps, limitFlags, newName, optionalSwitch, optionalText, target } from './flags.ts';
import type { WriteFlags, LimitFlags } from './flags.ts';
import { find, findId } from './resolve.ts';
import { CONCENTRATOR, NODE, TENANT, findable } from './resources.ts';
import { printJson, printMade, printView } from './resource-output.ts';
import { write } from './write.ts';
import { formatRecord } from './table.ts';

export const CREATE_TENANT: Command<CliContext> = buildCommand<WriteFlags, [string], CliContext>({
  docs: docs('Create a tenant, and print its token', {
    more: 'The token is printed this once: only a hash of it is kept. Put it into your client configuration, under `tokens:`, to use it\nwith --as.',
    examples: ['weft tenant create green'],
  }),
  parameters: { flags: WRITE_FLAGS, positional: newName('tenant') },
  async func(flags, name) {
    const { api } = await this.connect(flags.as);
    const done = (tenant: NewTenantView): void => {
      if (flags.json === true) return printJson(this, tenant);
      const { id, token } = tenant;
      this.process.stdout.write(formatRecord(Object.entries({ id, name: tenant.name, token })));
      say(
        this,
        'The token is not shown again. With it under `tokens:` in your client configuration, --as uses it by the name it has there.',
      );
    };
    await write(this, flags, api, (to) => to.tenants.create({ name }), done);
  },
});

type SetTenantFlags = WriteFlags & LimitFlags & Readonly<{ sshReach?: 'on' | 'off' }>;

export const SET_TENANT: Command<CliContext> = buildCommand<SetTenantFlags, [string], CliContext>({
  docs: docs('Change what holds for all of a tenant', {
    more:
      'With SSH reach, port 22 of every workload is reached from outside, at an address and a port that `weft instance show` tells. What the\n' +
      'workload’s security groups do not let in stays out. Limits are the operator’s: of all the tenant’s traffic with the outside together,\n' +
      'in kilobits a second (1000 bits) with the headers of Ethernet frames counted.',
    examples: [
      'weft tenant set red --ssh-reach on',
      'weft tenant set red --ssh-reach off --as red',
      'weft tenant set red --ingress-kbps 100000 --egress-kbps none',
    ],
    usage: '[--as name] [--json] [--ssh-reach on|off] [--ingress-kbps kbps] [--egress-kbps kbps] <tenant>',
  }),
  parameters: {
    flags: {
      ...WRITE_FLAGS,
      sshReach: { kind: 'enum', values: ['on', 'off'], optional: true, brief: 'Whether workloads’ SSH servers are reached from outside' },
      ...limitFlags('from outside to the tenant', 'from the tenant to the outside'),
    },
    positional: { kind: 'tuple', parameters: [target('tenant')] },
  },
  async func(flags, name) {
    const { sshReach, ingressKbps, egressKbps } = flags;
    const change = {
      ...(sshReach === undefined ? {} : { ssh_reach: sshReach === 'on' }),
      ...(ingressKbps === undefined ? {} : { ingress_kbps: kbps(ingressKbps) }),
      ...(egressKbps === undefined ? {} : { egress_kbps: kbps(egressKbps) }),
    };
    if (Object.keys(change).length === 0) throw new UsageError('nothing to change', 'Say --ssh-reach, --ingress-kbps or --egress-kbps.');
    const { api } = await this.connect(flags.as);
    await write(
      this,
      flags,
      api,
      async (to) => to.tenants.update(await findId(findable(TENANT, api), name), change),
      (made) => printView(this, flags, TENANT, made),
    );
  },
});

type MoveFlags = WriteFlags & Readonly<{ node?: string }>;

export const MOVE_CONCENTRATOR: Command<CliContext> = buildCommand<MoveFlags, [string], CliContext>({
  docs: docs('Move a concentrator to another node', {
    more: 'Its addresses, public ones too, and all that it knows go along. Without --node it goes to the network node with the fewest.',
    examples: ['weft concentrator move 3f2a', 'weft concentrator move 3f2a --node network2'],
  }),
  parameters: {
    flags: { ...WRITE_FLAGS, node: optionalText('The network node, or machine that runs weft concentrator, that it is to go to', 'node') },
    positional: { kind: 'tuple', parameters: [target('concentrator')] },
  },
  async func(flags, what) {
    const connection = await this.connect(flags.as);
    const { api } = connection;
    const id = await findId(findable(CONCENTRATOR, api), what);
    await write(
      this,
      flags,
      api,
      async (to) => to.concentrators.move(id, flags.node === undefined ? {} : { node_id: await findId(findable(NODE, api), flags.node) }),
      (made) => printMade(this, flags, connection, CONCENTRATOR, made),
    );
  },
});

type AcceptFlags = Omit<WriteFlags, 'json'> & Readonly<{ all?: boolean }>;

export const ACCEPT_NODE: Command<CliContext> = buildCommand<AcceptFlags, readonly string[], CliContext>({
  docs: docs('Let a node take the plan that it holds back', {
    more:
      'A node holds a plan back if it comes from another state than the one it knows, such as an old backup, or if it would remove much.\n' +
      'What runs there keeps running meanwhile. `weft node list` shows which nodes hold one, and why.',
    examples: ['weft node accept compute1', 'weft node accept --all'],
  }),
  parameters: {
    flags: { as: WRITE_FLAGS.as, dryRun: WRITE_FLAGS.dryRun, all: optionalSwitch('Every node that holds a plan') },
    positional: { kind: 'array', parameter: target('node') },
  },
  async func({ all = false, ...flags }, ...texts) {
    if (texts.length > 0 === all) throw new UsageError('which nodes?', 'Name them, or say --all; not both.');
    const { api } = await this.connect(flags.as);
    const nodes = findable(NODE, api);
    const chosen = all
      ? (await api.nodes.list()).filter(({ held }) => held !== null)
      : await Promise.all(texts.map((text) => find(nodes, text)));
    if (chosen.length === 0) say(this, 'No node holds a plan back.');
    for (const { id, hostname } of chosen) {
      try {
        const done = ({ revision }: AcceptedView): void => say(this, `${hostname} takes the plan of revision ${revision}`);
        await write(this, flags, api, (to) => to.nodes.accept(id), done);
      } catch (error) {
        // One that has just gone must not keep the others waiting.
        say(this, `${hostname}: ${formatFailure(error)}`);
        this.process.exitCode = EXIT_FAILED;
      }
    }
  },
});
