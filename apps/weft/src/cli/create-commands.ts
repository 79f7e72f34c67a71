import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';
import type { WeftClient } from '@weft/api/client';
import { API_FLAGS, clientOf, printOne } from './cli-context.ts';
import type { ApiFlags, CliContext } from './cli-context.ts';
import { resolve } from './resolve.ts';
import { NETWORK, NODE, PORT, TENANT } from './resources.ts';
import type { ResourceInfo } from './resources.ts';

const text = (brief: string, placeholder: string) => ({ kind: 'parsed', parse: String, brief, placeholder }) as const;
const optionalText = (brief: string, placeholder: string) => ({ ...text(brief, placeholder), optional: true }) as const;
const manyTexts = (brief: string, placeholder: string) => ({ ...text(brief, placeholder), optional: true, variadic: true }) as const;
const name = (kind: string) =>
  ({ kind: 'tuple', parameters: [{ brief: `Name of the new ${kind}`, parse: String, placeholder: 'name' }] }) as const;

async function idOf<V>(info: ResourceInfo<V>, client: WeftClient, wanted: string): Promise<string> {
  return info.named(resolve(info.kind, wanted, await info.list(client), info.named)).id;
}

type NetworkFlags = ApiFlags & Readonly<{ topology?: 'mesh' | 'concentrator'; tenant?: string }>;

export const CREATE_NETWORK: Command<CliContext> = buildCommand<NetworkFlags, [string], CliContext>({
  docs: {
    brief: 'Create a network',
    fullDescription: 'Example: weft network create front --as red',
  },
  parameters: {
    flags: {
      ...API_FLAGS,
      topology: {
        kind: 'enum',
        values: ['mesh', 'concentrator'],
        optional: true,
        brief: 'How nodes reach one another (administrator only)',
      },
      tenant: optionalText('Whose it is to be (administrator only)', 'tenant'),
    },
    positional: name('network'),
  },
  async func(flags, name) {
    const client = clientOf(this, flags);
    const tenant = flags.tenant === undefined ? {} : { tenant_id: await idOf(TENANT, client, flags.tenant) };
    const topology = flags.topology === undefined ? {} : { 'weft:topology': flags.topology };
    printOne(this, flags, await client.networks.create({ name, ...tenant, ...topology }));
  },
});

type SubnetFlags = ApiFlags & Readonly<{ network: string; cidr: string; gateway?: string; dhcp: boolean; dns?: readonly string[] }>;

export const CREATE_SUBNET: Command<CliContext> = buildCommand<SubnetFlags, [string], CliContext>({
  docs: {
    brief: 'Create a subnet on a network',
    fullDescription: 'Example: weft subnet create front-v4 --network front --cidr 10.0.0.0/24 --as red',
  },
  parameters: {
    flags: {
      ...API_FLAGS,
      network: text('Name or id of the network', 'network'),
      cidr: text('Its addresses, such as 10.0.0.0/24', 'cidr'),
      gateway: optionalText('The gateway’s address, by default the first; `none` for no gateway', 'address'),
      dhcp: { kind: 'boolean', default: true, brief: 'Answer DHCP requests (--no-dhcp: do not)' },
      dns: manyTexts('A name server that DHCP tells; may be given several times', 'address'),
    },
    positional: name('subnet'),
  },
  async func(flags, name) {
    const client = clientOf(this, flags);
    const subnet = await client.subnets.create({
      name,
      network_id: await idOf(NETWORK, client, flags.network),
      cidr: flags.cidr,
      ip_version: 4,
      enable_dhcp: flags.dhcp,
      ...(flags.gateway === undefined ? {} : { gateway_ip: flags.gateway === 'none' ? null : flags.gateway }),
      ...(flags.dns === undefined ? {} : { dns_nameservers: flags.dns }),
    });
    printOne(this, flags, subnet);
  },
});

type PortFlags = ApiFlags & Readonly<{ network: string; ip?: string; mac?: string; portSecurity: boolean }>;

export const CREATE_PORT: Command<CliContext> = buildCommand<PortFlags, [string], CliContext>({
  docs: {
    brief: 'Create a port on a network',
    fullDescription:
      'Without --ip an address is chosen from the network’s subnet. Example: weft port create web-1 --network front --as red',
  },
  parameters: {
    flags: {
      ...API_FLAGS,
      network: text('Name or id of the network', 'network'),
      ip: optionalText('The address that it is to have', 'address'),
      mac: optionalText('The MAC address that it is to have', 'mac'),
      portSecurity: { kind: 'boolean', default: true, brief: 'Security groups and anti-spoofing (--no-port-security: neither)' },
    },
    positional: name('port'),
  },
  async func(flags, name) {
    const client = clientOf(this, flags);
    const port = await client.ports.create({
      name,
      network_id: await idOf(NETWORK, client, flags.network),
      ...(flags.ip === undefined ? {} : { fixed_ips: [{ ip_address: flags.ip }] }),
      ...(flags.mac === undefined ? {} : { mac_address: flags.mac }),
      ...(flags.portSecurity ? {} : { port_security_enabled: false, security_groups: [] }),
    });
    printOne(this, flags, port);
  },
});

type InstanceFlags = ApiFlags & Readonly<{ port: string; node?: string; dhcp: boolean }>;

export const CREATE_INSTANCE: Command<CliContext> = buildCommand<InstanceFlags, readonly string[], CliContext>({
  docs: {
    brief: 'Run a command in a namespace of its own, on a port',
    fullDescription: 'Example: weft instance create web-1 --port web-1 --as red -- python3 -m http.server 80',
  },
  parameters: {
    flags: {
      ...API_FLAGS,
      port: text('Name or id of the port', 'port'),
      node: optionalText('Name or id of the node that it is to run on; by default the scheduler chooses', 'node'),
      dhcp: { kind: 'boolean', default: false, withNegated: false, brief: 'The workload asks for its address itself' },
    },
    positional: {
      kind: 'array',
      minimum: 2,
      parameter: { brief: 'Name of the instance, then the command and its arguments', parse: String, placeholder: 'name|command' },
    },
  },
  async func(flags, name, ...command) {
    const client = clientOf(this, flags);
    const instance = await client.instances.create({
      ...(name === undefined ? {} : { name }),
      command,
      port_id: await idOf(PORT, client, flags.port),
      addressing: flags.dhcp ? 'dhcp' : 'static',
      ...(flags.node === undefined ? {} : { node_id: await idOf(NODE, client, flags.node) }),
    });
    printOne(this, flags, instance);
  },
});

export const CREATE_TENANT: Command<CliContext> = buildCommand<ApiFlags, [string], CliContext>({
  docs: {
    brief: 'Create a tenant and print its token, this once',
    fullDescription: 'Only a hash of the token is kept. Put it into the client configuration under `tokens:` to use it with --as.',
  },
  parameters: { flags: API_FLAGS, positional: name('tenant') },
  async func(flags, name) {
    printOne(this, flags, await clientOf(this, flags).tenants.create({ name }));
  },
});

type AcceptFlags = ApiFlags & Readonly<{ all: boolean }>;

export const ACCEPT_NODE: Command<CliContext> = buildCommand<AcceptFlags, readonly string[], CliContext>({
  docs: {
    brief: 'Let a node take the plan that it holds back',
    fullDescription:
      'A node holds a plan that comes from another state than the one it knows (an old backup), or that would remove much. ' +
      'Look first: weft node list. Then: weft node accept compute1, or weft node accept --all',
  },
  parameters: {
    flags: { ...API_FLAGS, all: { kind: 'boolean', default: false, withNegated: false, brief: 'Every node that holds a plan' } },
    positional: { kind: 'array', parameter: { brief: 'Name or id of the node', parse: String, placeholder: 'node' } },
  },
  async func(flags, ...texts) {
    const client = clientOf(this, flags);
    const nodes = await NODE.list(client);
    if ((texts.length === 0) !== flags.all) return new Error('name the nodes, or say --all; not both');
    const chosen = flags.all ? nodes.filter((node) => node.held !== null) : texts.map((each) => resolve('node', each, nodes, NODE.named));
    if (chosen.length === 0) this.process.stderr.write('no node holds a plan\n');
    for (const { id, hostname } of chosen) {
      const { revision } = await client.nodes.accept(id);
      this.process.stderr.write(`${hostname} takes revision ${revision}\n`);
    }
    return undefined;
  },
});
