import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';
import { IPV6_MODES } from '@weft/core/ipv6-mode';
import type { Ipv6Mode } from '@weft/core/ipv6-mode';
import type { Api, CliContext } from './cli-context.ts';
import { UsageError } from './failure.ts';
import { WRITE_FLAGS, docs, kbps, limitFlags, manyTexts, newName, optionalSwitch, optionalText, target, text } from './flags.ts';
import type { WriteFlags, LimitFlags } from './flags.ts';
import { findId } from './resolve.ts';
import { NETWORK, PORT, SECURITY_GROUP, SUBNET, TENANT, findable } from './resources.ts';
import { printMade, printView } from './resource-output.ts';
import { write } from './write.ts';

type NetworkFlags = WriteFlags & Readonly<{ external?: boolean; topology?: 'mesh' | 'concentrator'; tenant?: string }>;

export const CREATE_NETWORK: Command<CliContext> = buildCommand<NetworkFlags, [string], CliContext>({
  docs: docs('Create a network', {
    more: 'Give it a subnet next. An administrator says whose it is, and may choose how nodes reach one another: directly (mesh), or by\nway of the tenant’s concentrator. An external network holds public addresses for all tenants; without --tenant it is the operator’s.',
    examples: [
      'weft network create front --as red',
      'weft network create front --tenant red --topology concentrator',
      'weft network create outside --external',
    ],
  }),
  parameters: {
    flags: {
      ...WRITE_FLAGS,
      external: optionalSwitch('Whether it is outside, with public addresses on its subnets (administrators only)'),
      topology: {
        kind: 'enum',
        values: ['mesh', 'concentrator'],
        optional: true,
        brief: 'How nodes reach one another (administrators only)',
      },
      tenant: optionalText('Whose it is to be (administrators only)', 'tenant'),
    },
    positional: newName('network'),
  },
  async func(flags, name) {
    const connection = await this.connect(flags.as);
    const { api, as } = connection;
    const external = flags.external === true;
    if (as === 'admin' && flags.tenant === undefined && !external)
      throw new UsageError('an administrator’s network needs a tenant', 'Say --tenant NAME, or act as a tenant with --as NAME.');
    await write(
      this,
      flags,
      api,
      async (to) =>
        to.networks.create({
          name,
          ...(flags.tenant === undefined ? {} : { tenant_id: await findId(findable(TENANT, api), flags.tenant) }),
          ...(external ? { 'router:external': true } : {}),
          ...(flags.topology === undefined ? {} : { 'weft:topology': flags.topology }),
        }),
      (made) => printMade(this, flags, connection, NETWORK, made),
    );
  },
});

type SubnetFlags = WriteFlags &
  Readonly<{ network: string; cidr: string; gateway?: string; dhcp: boolean; ipv6Mode?: Ipv6Mode; dns?: readonly string[] }>;

export const CREATE_SUBNET: Command<CliContext> = buildCommand<SubnetFlags, [string], CliContext>({
  docs: docs('Create a subnet on a network', {
    more: 'Its tenant chooses the addresses freely; that others use the same ones does not matter.',
    examples: [
      'weft subnet create front-v4 --network front --cidr 10.0.0.0/24 --as red',
      'weft subnet create front-v6 --network front --cidr fd00:1::/64 --ipv6-mode slaac --as red',
      'weft subnet create quiet --network back --cidr 10.9.0.0/24 --gateway none --no-dhcp --as red',
    ],
  }),
  parameters: {
    flags: {
      ...WRITE_FLAGS,
      network: text('The network that it is to be on', 'network'),
      cidr: text('Its addresses, such as 10.0.0.0/24 or fd00:1::/64', 'cidr'),
      gateway: optionalText('The gateway’s address, by default the first; `none`: no gateway', 'address'),
      dhcp: { kind: 'boolean', default: true, brief: 'Whether DHCP requests are answered' },
      ipv6Mode: {
        kind: 'enum',
        values: IPV6_MODES,
        optional: true,
        brief: 'How hosts of an IPv6 subnet get their addresses, which its gateway advertises',
      },
      dns: manyTexts('A name server for DHCP to tell; may be given several times', 'address'),
    },
    positional: newName('subnet'),
  },
  async func(flags, name) {
    const connection = await this.connect(flags.as);
    const { api } = connection;
    await write(
      this,
      flags,
      api,
      async (to) =>
        to.subnets.create({
          name,
          network_id: await findId(findable(NETWORK, api), flags.network),
          ip_version: flags.cidr.includes(':') ? 6 : 4,
          cidr: flags.cidr,
          enable_dhcp: flags.dhcp,
          ...(flags.gateway === undefined ? {} : { gateway_ip: flags.gateway === 'none' ? null : flags.gateway }),
          ...(flags.ipv6Mode === undefined ? {} : { ipv6_ra_mode: flags.ipv6Mode, ipv6_address_mode: flags.ipv6Mode }),
          ...(flags.dns === undefined ? {} : { dns_nameservers: flags.dns }),
        }),
      (made) => printMade(this, flags, connection, SUBNET, made),
    );
  },
});

type PortFlags = WriteFlags &
  Readonly<{ network: string; ip?: string; mac?: string; portSecurity: boolean; securityGroup?: readonly string[] }>;

export const CREATE_PORT: Command<CliContext> = buildCommand<PortFlags, [string], CliContext>({
  docs: docs('Create a port on a network', {
    more: 'Addresses that you do not name are chosen. Without --security-group it gets the tenant’s default group, which lets members of\nthe group in, and everything out.',
    examples: ['weft port create web-1 --network front --as red', 'weft port create web-2 --network front --ip 10.0.0.80 --as red'],
  }),
  parameters: {
    flags: {
      ...WRITE_FLAGS,
      network: text('The network that it is to be on', 'network'),
      ip: optionalText('The address that it is to have', 'address'),
      mac: optionalText('The MAC address that it is to have', 'mac'),
      portSecurity: { kind: 'boolean', default: true, brief: 'Whether security groups and anti-spoofing apply' },
      securityGroup: manyTexts('A security group for it; may be given several times', 'group'),
    },
    positional: newName('port'),
  },
  async func(flags, name) {
    if (!flags.portSecurity && flags.securityGroup !== undefined)
      throw new UsageError(
        'a port without port security has no security groups',
        'Leave either --no-port-security or --security-group away.',
      );
    const connection = await this.connect(flags.as);
    const { api } = connection;
    await write(
      this,
      flags,
      api,
      async (to) =>
        to.ports.create({
          name,
          network_id: await findId(findable(NETWORK, api), flags.network),
          ...(flags.ip === undefined ? {} : { fixed_ips: [{ ip_address: flags.ip }] }),
          ...(flags.mac === undefined ? {} : { mac_address: flags.mac }),
          ...(flags.portSecurity ? {} : { port_security_enabled: false, security_groups: [] }),
          ...(flags.securityGroup === undefined ? {} : { security_groups: await groupIds(api, flags.securityGroup) }),
        }),
      (made) => printMade(this, flags, connection, PORT, made),
    );
  },
});

type SetPortFlags = WriteFlags & LimitFlags;

export const SET_PORT: Command<CliContext> = buildCommand<SetPortFlags, [string], CliContext>({
  docs: docs('Change how fast a port’s workload may be', {
    more: 'Limits are the operator’s, in kilobits a second (1000 bits) with the headers of Ethernet frames counted: of all that the workload\nsends, and of all that comes to it. Running connections go on at the new rate.',
    examples: ['weft port set web-1 --egress-kbps 20000', 'weft port set web-1 --ingress-kbps 100000 --egress-kbps none'],
    usage: '[--as name] [--json] [--dry-run] [--ingress-kbps kbps] [--egress-kbps kbps] <port>',
  }),
  parameters: {
    flags: { ...WRITE_FLAGS, ...limitFlags('to the workload', 'from the workload') },
    positional: { kind: 'tuple', parameters: [target('port')] },
  },
  async func(flags, name) {
    const { ingressKbps, egressKbps } = flags;
    if (ingressKbps === undefined && egressKbps === undefined)
      throw new UsageError('nothing to change', 'Say --ingress-kbps or --egress-kbps.');
    const change = {
      ...(ingressKbps === undefined ? {} : { 'weft:ingress_kbps': kbps(ingressKbps) }),
      ...(egressKbps === undefined ? {} : { 'weft:egress_kbps': kbps(egressKbps) }),
    };
    const { api } = await this.connect(flags.as);
    const id = await findId(findable(PORT, api), name);
    await write(
      this,
      flags,
      api,
      (to) => to.ports.update(id, change),
      (port) => printView(this, flags, PORT, port),
    );
  },
});

async function groupIds(api: Api, texts: readonly string[]): Promise<readonly string[]> {
  return Promise.all(texts.map((each) => findId(findable(SECURITY_GROUP, api), each)));
}
