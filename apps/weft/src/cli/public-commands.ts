/** Public addresses: making them, and saying where they lead. */
import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';
import { say } from './cli-context.ts';
import type { Api, CliContext } from './cli-context.ts';
import { UsageError } from './failure.ts';
import { API_FLAGS, WRITE_FLAGS, docs, optionalText, target, text } from './flags.ts';
import type { ApiFlags, WriteFlags } from './flags.ts';
import { find, findId } from './resolve.ts';
import { FLOATING_IP, NETWORK, PORT, TENANT, findable, portForwarding } from './resources.ts';
import { printList, printMade } from './resource-output.ts';
import { write } from './write.ts';

const one = { kind: 'tuple', parameters: [target('floating-ip')] } as const;
const inside = optionalText('Which of the port’s addresses, if it has several', 'address');

type FloatingIpFlags = WriteFlags & Readonly<{ network?: string; port?: string; ip?: string; address?: string; tenant?: string }>;

export const CREATE_FLOATING_IP: Command<CliContext> = buildCommand<FloatingIpFlags, [], CliContext>({
  docs: docs('Take a public address, and lead it to a port if you name one', {
    more: 'It is 1:1 for that port, in both directions. One that leads to no port can have port forwardings. It costs an address until it is\ndeleted.',
    examples: ['weft floating-ip create --port web-1 --as red', 'weft floating-ip create --network outside --as red'],
  }),
  parameters: {
    flags: {
      ...WRITE_FLAGS,
      network: optionalText('The external network that it is to be of; by default the only one', 'network'),
      port: optionalText('The port that it is to lead to', 'port'),
      ip: inside,
      address: optionalText('The public address itself (administrators only)', 'address'),
      tenant: optionalText('Whose it is to be, without a port (administrators only)', 'tenant'),
    },
  },
  async func(flags) {
    if (flags.ip !== undefined && flags.port === undefined) throw new UsageError('an address of which port?', 'Say --port, too.');
    const connection = await this.connect(flags.as);
    const { api } = connection;
    await write(
      this,
      flags,
      api,
      async (to) =>
        to.floatingIps.create({
          floating_network_id: flags.network === undefined ? await onlyExternal(api) : await findId(findable(NETWORK, api), flags.network),
          ...(flags.port === undefined ? {} : { port_id: await findId(findable(PORT, api), flags.port) }),
          ...(flags.ip === undefined ? {} : { fixed_ip_address: flags.ip }),
          ...(flags.address === undefined ? {} : { floating_ip_address: flags.address }),
          ...(flags.tenant === undefined ? {} : { tenant_id: await findId(findable(TENANT, api), flags.tenant) }),
        }),
      (made) => printMade(this, flags, connection, FLOATING_IP, made),
    );
  },
});

async function onlyExternal(api: Api): Promise<string> {
  const [network, ...more] = await api.networks.list({ 'router:external': true });
  if (network === undefined) {
    throw new UsageError('there is no external network', 'An administrator makes one: weft network create outside --external');
  }
  if (more.length > 0) {
    const names = [network, ...more].map(({ id, name }) => (name === '' ? id.slice(0, 8) : name));
    throw new UsageError('there are several external networks', `Say --network, one of: ${names.join(', ')}.`);
  }
  return network.id;
}

type AssociateFlags = WriteFlags & Readonly<{ port: string; ip?: string }>;

export const ASSOCIATE_FLOATING_IP: Command<CliContext> = buildCommand<AssociateFlags, [string], CliContext>({
  docs: docs('Lead a public address to a port', {
    more: 'If it leads to another port, it leads there no more.',
    examples: ['weft floating-ip associate 203.0.113.20 --port web-1 --as red'],
  }),
  parameters: { flags: { ...WRITE_FLAGS, port: text('The port that it is to lead to', 'port'), ip: inside }, positional: one },
  async func(flags, what) {
    const connection = await this.connect(flags.as);
    const { api } = connection;
    const id = await findId(findable(FLOATING_IP, api), what);
    const port_id = await findId(findable(PORT, api), flags.port);
    await write(
      this,
      flags,
      api,
      (to) => to.floatingIps.update(id, { port_id, ...(flags.ip === undefined ? {} : { fixed_ip_address: flags.ip }) }),
      (made) => printMade(this, flags, connection, FLOATING_IP, made),
    );
  },
});

export const DISASSOCIATE_FLOATING_IP: Command<CliContext> = buildCommand<WriteFlags, [string], CliContext>({
  docs: docs('Take a public address off its port', {
    more: 'It stays its tenant’s.',
    examples: ['weft floating-ip disassociate 203.0.113.20 --as red'],
  }),
  parameters: { flags: WRITE_FLAGS, positional: one },
  async func(flags, what) {
    const connection = await this.connect(flags.as);
    const { api } = connection;
    await write(
      this,
      flags,
      api,
      async (to) => to.floatingIps.update(await findId(findable(FLOATING_IP, api), what), { port_id: null }),
      (made) => printMade(this, flags, connection, FLOATING_IP, made),
    );
  },
});

export const LIST_PORT_FORWARDINGS: Command<CliContext> = buildCommand<ApiFlags, [string], CliContext>({
  docs: docs('List the port forwardings of a floating IP', { examples: ['weft port-forwarding list 203.0.113.20 --as red'] }),
  parameters: { flags: API_FLAGS, positional: one },
  async func(flags, what) {
    const connection = await this.connect(flags.as);
    const { api } = connection;
    const resource = portForwarding(await findId(findable(FLOATING_IP, api), what));
    await printList(this, flags, connection, resource, await resource.reader(api).list());
  },
});

type ForwardingFlags = WriteFlags & Readonly<{ port: string; ip?: string; protocol: 'tcp' | 'udp'; external: string; internal: string }>;

export const CREATE_PORT_FORWARDING: Command<CliContext> = buildCommand<ForwardingFlags, [string], CliContext>({
  docs: docs('Lead ports of a public address to a workload', {
    more: 'A range is written first:last; both ranges are of the same length.',
    examples: [
      'weft port-forwarding create 203.0.113.20 --port web-1 --external 8080 --internal 80 --as red',
      'weft port-forwarding create 203.0.113.20 --port voice --protocol udp --external 9000:9009 --internal 9000:9009 --as red',
    ],
  }),
  parameters: {
    flags: {
      ...WRITE_FLAGS,
      port: text('The workload’s port', 'port'),
      ip: inside,
      protocol: { kind: 'enum', values: ['tcp', 'udp'], default: 'tcp', brief: 'Its protocol' },
      external: text('The port, or ports, of the public address', 'ports'),
      internal: text('The port, or ports, of the workload', 'ports'),
    },
    positional: one,
  },
  async func(flags, what) {
    const connection = await this.connect(flags.as);
    const { api } = connection;
    const id = await findId(findable(FLOATING_IP, api), what);
    const port = await find(findable(PORT, api), flags.port);
    const [fixed, ...others] = port.fixed_ips;
    const inside = flags.ip ?? (others.length === 0 ? fixed?.ip_address : undefined);
    if (inside === undefined) {
      const list = port.fixed_ips.map(({ ip_address }) => ip_address).join(', ');
      throw new UsageError(
        `port ${flags.port} has ${port.fixed_ips.length} addresses`,
        list === '' ? 'Give it one first.' : `Say --ip, one of: ${list}.`,
      );
    }
    await write(
      this,
      flags,
      api,
      (to) =>
        to.portForwardings(id).create({
          protocol: flags.protocol,
          external_port_range: flags.external,
          internal_port_range: flags.internal,
          internal_port_id: port.id,
          internal_ip_address: inside,
        }),
      (made) => printMade(this, flags, connection, portForwarding(id), made),
    );
  },
});

export const DELETE_PORT_FORWARDING: Command<CliContext> = buildCommand<Omit<WriteFlags, 'json'>, readonly string[], CliContext>({
  docs: docs('Delete port forwardings of a floating IP', {
    more: 'All are looked up before the first is deleted, so a mistyped id deletes nothing.',
    usage: '[--as name] [--dry-run] floating-ip port-forwarding...',
    examples: ['weft port-forwarding delete 203.0.113.20 3f2a --as red'],
  }),
  parameters: {
    flags: { as: WRITE_FLAGS.as, dryRun: WRITE_FLAGS.dryRun },
    positional: {
      kind: 'array',
      parameter: { brief: 'The floating IP, then ids of its port forwardings', parse: String, placeholder: 'word' },
      minimum: 2,
    },
  },
  async func(flags, what, ...texts) {
    const { api } = await this.connect(flags.as);
    const floatingIp = await findId(findable(FLOATING_IP, api), what ?? '');
    const ids = new Map<string, string>();
    for (const each of texts) ids.set(await findId(findable(portForwarding(floatingIp), api), each), each);
    for (const [id, each] of ids) {
      const done = (): void => say(this, `deleted port-forwarding ${each}`);
      await write(this, flags, api, (to) => to.portForwardings(floatingIp).delete(id), done);
    }
  },
});
