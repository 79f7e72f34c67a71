/** Routers: which subnets they join, and how they lead outside. */
import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';
import type { RouterInterfaceView } from '@weft/api/routers';
import { say } from './cli-context.ts';
import type { Api, CliContext, Collections } from './cli-context.ts';
import { UsageError } from './failure.ts';
import { WRITE_FLAGS, docs, newName, optionalText, target } from './flags.ts';
import type { WriteFlags } from './flags.ts';
import { findId } from './resolve.ts';
import { NETWORK, ROUTER, SUBNET, TENANT, findable } from './resources.ts';
import { printJson, printMade } from './resource-output.ts';
import { write } from './write.ts';

const snat = {
  kind: 'enum',
  values: ['on', 'off'],
  optional: true,
  brief: 'Whether what leaves has the router’s own address as its source (administrators only)',
} as const;

type CreateFlags = WriteFlags & Readonly<{ gateway?: string; snat?: 'on' | 'off'; tenant?: string }>;

export const CREATE_ROUTER: Command<CliContext> = buildCommand<CreateFlags, [string], CliContext>({
  docs: docs('Create a router', {
    more: 'It joins what you add to it with add-subnet. With --gateway its subnets have a way outside, and can have floating IPs.',
    examples: ['weft router create edge --gateway outside --as red', 'weft router create inner --as red'],
  }),
  parameters: {
    flags: {
      ...WRITE_FLAGS,
      gateway: optionalText('The external network that it is to lead to', 'network'),
      snat,
      tenant: optionalText('Whose it is to be (administrators only)', 'tenant'),
    },
    positional: newName('router'),
  },
  async func(flags, name) {
    if (flags.snat !== undefined && flags.gateway === undefined)
      throw new UsageError('source NAT at which gateway?', 'Say --gateway, too.');
    const connection = await this.connect(flags.as);
    const { api } = connection;
    const gateway = flags.gateway === undefined ? undefined : await gatewayOf(api, flags.gateway, flags.snat);
    const tenant = flags.tenant === undefined ? {} : { tenant_id: await findId(findable(TENANT, api), flags.tenant) };
    await write(
      this,
      flags,
      api,
      (to) => to.routers.create({ name, ...(gateway === undefined ? {} : { external_gateway_info: gateway }), ...tenant }),
      (made) => printMade(this, flags, connection, ROUTER, made),
    );
  },
});

type SetFlags = WriteFlags & Readonly<{ gateway?: string; snat?: 'on' | 'off'; name?: string }>;

export const SET_ROUTER: Command<CliContext> = buildCommand<SetFlags, [string], CliContext>({
  docs: docs('Change where a router leads outside, or what it is called', {
    more: 'Without a gateway its subnets have no way outside. A gateway that floating IPs lead through cannot be taken away.',
    examples: [
      'weft router set edge --gateway outside --as red',
      'weft router set edge --gateway none --as red',
      'weft router set edge --gateway outside --snat off',
    ],
  }),
  parameters: {
    flags: {
      ...WRITE_FLAGS,
      gateway: optionalText('The external network that it is to lead to; `none`: nowhere', 'network'),
      snat,
      name: optionalText('What it is to be called', 'name'),
    },
    positional: { kind: 'tuple', parameters: [target('router')] },
  },
  async func(flags, what) {
    const { gateway, name } = flags;
    if (gateway === undefined && name === undefined) throw new UsageError('what is to change?', 'Say --gateway or --name.');
    if (flags.snat !== undefined && (gateway === undefined || gateway === 'none')) {
      throw new UsageError('source NAT at which gateway?', 'Say --gateway NETWORK, too.');
    }
    const connection = await this.connect(flags.as);
    const { api } = connection;
    const id = await findId(findable(ROUTER, api), what);
    const info =
      gateway === undefined ? {} : { external_gateway_info: gateway === 'none' ? null : await gatewayOf(api, gateway, flags.snat) };
    await write(
      this,
      flags,
      api,
      (to) => to.routers.update(id, { ...(name === undefined ? {} : { name }), ...info }),
      (made) => printMade(this, flags, connection, ROUTER, made),
    );
  },
});

type Interface = (to: Collections, router: string, body: Readonly<{ subnet_id: string }>) => Promise<RouterInterfaceView>;

export const ADD_SUBNET: Command<CliContext> = interfaceCommand(
  'Join a subnet to a router',
  {
    more: 'The router takes the subnet’s gateway address. The subnet is then routed to the router’s others, and outside if it has a gateway.',
    examples: ['weft router add-subnet edge front-v4 --as red'],
  },
  (to, router, body) => to.routers.addInterface(router, body),
  'joined to',
);

export const REMOVE_SUBNET: Command<CliContext> = interfaceCommand(
  'Take a subnet off a router',
  {
    more: 'Not while floating IPs or routes lead through it.',
    examples: ['weft router remove-subnet edge front-v4 --as red'],
  },
  (to, router, body) => to.routers.removeInterface(router, body),
  'taken off',
);

function interfaceCommand(
  brief: string,
  about: Readonly<{ more: string; examples: readonly string[] }>,
  action: Interface,
  done: string,
): Command<CliContext> {
  return buildCommand<WriteFlags, [string, string], CliContext>({
    docs: docs(brief, about),
    parameters: { flags: WRITE_FLAGS, positional: { kind: 'tuple', parameters: [target('router'), target('subnet')] } },
    async func(flags, router, subnet) {
      const { api } = await this.connect(flags.as);
      const id = await findId(findable(ROUTER, api), router);
      const subnet_id = await findId(findable(SUBNET, api), subnet);
      await write(
        this,
        flags,
        api,
        (to) => action(to, id, { subnet_id }),
        (view) => (flags.json === true ? printJson(this, view) : say(this, `subnet ${subnet} ${done} router ${router}`)),
      );
    },
  });
}

async function gatewayOf(api: Api, network: string, nat: 'on' | 'off' | undefined): Promise<{ network_id: string; enable_snat?: boolean }> {
  const network_id = await findId(findable(NETWORK, api), network);
  return { network_id, ...(nat === undefined ? {} : { enable_snat: nat === 'on' }) };
}
