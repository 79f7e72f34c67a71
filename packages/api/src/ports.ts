import type { DhcpOptionChange } from '@weft/core/dhcp-option';
import type { IpAddress, IpCidr } from '@weft/core/ip';
import type { PortExtras } from '@weft/core/command/port-extras';
import { Refused } from '@weft/core/command/context';
import type { FixedIpRequest } from '@weft/core/command/fixed-ips';
import type { AddressPairRequest, CreatePort, UpdatePort } from '@weft/core/command/port';
import type { EffectiveBinding } from '@weft/core/port-binding';
import { MAX_KBPS, MIN_KBPS } from '@weft/core/rate-limit';
import type { RateLimitChange } from '@weft/core/rate-limit';
import type { Port } from '@weft/core/resource';
import type { NetworkId, SecurityGroupId, SubnetId } from '@weft/core/uuid';
import { Type } from 'typebox';
import type { AttributeTable, CreateValues, UpdateValues, View } from './attribute.ts';
import { described } from './described.ts';
import { dhcpOptionsAttribute } from './dhcp-options.ts';
import { dnsDomainAttribute, dnsNameAttribute } from './dns-attributes.ts';
import {
  Id,
  adminStateUpAttribute,
  descriptionAttribute,
  identityAttributes,
  nameAttribute,
  nameText,
  stampAttributes,
} from './standard-attributes.ts';
import { bindingAttributes, bindingChange } from './port-binding.ts';
import { parseTags, tagAttributes } from './tags.ts';
import { boolean, canonicalAddress, cidr, integerIn, invalid, ipAddress, listOf, macAddress, nullOr, objectOf, uuid } from './values.ts';

/** `DOWN`: plugged in nowhere. `BUILD`: not yet wired everywhere that it takes. `ACTIVE`: its node and its gateway's have applied it. */
export type PortStatus = 'ACTIVE' | 'BUILD' | 'DOWN';

export type PortSource = Readonly<{ record: Port; status: PortStatus; binding: EffectiveBinding; dnsAssignment: readonly DnsAssignment[] }>;

/** What one of its addresses is called in its tenant's DNS; `fqdn` ends with a dot. */
export type DnsAssignment = Readonly<{ ip_address: IpAddress; hostname: string; fqdn: string }>;

export const PORTS = { path: 'ports', plural: 'ports', singular: 'port' } as const;

const fixedIpKeys = objectOf({ subnet_id: uuid<SubnetId>(), ip_address: ipAddress }, 'fixed IP');

const fixedIp = described(fixedIpKeys.schema, (value, what): FixedIpRequest => {
  const given = fixedIpKeys(value, what);
  if (given.subnet_id === undefined && given.ip_address === undefined) {
    throw invalid(what, `Invalid data format for fixed IP: '${JSON.stringify(value)}'.`);
  }
  return { subnetId: given.subnet_id, address: given.ip_address };
});

const fixedIps = described(Type.Array(fixedIpKeys.schema), (value, what): readonly FixedIpRequest[] => {
  const requests = listOf(fixedIp)(value, what);
  const addresses = requests.flatMap((request) => request.address ?? []);
  const twice = addresses.find((address, index) => addresses.indexOf(address) !== index);
  if (twice !== undefined) throw invalid(what, `Duplicate IP address '${twice}'.`);
  return requests;
});

/** An address alone is a prefix of one. */
const addressOrPrefix = described(Type.String(), (given, what): Readonly<{ text: string; cidr: IpCidr }> => {
  const text = String(given);
  const whole = text.includes(':') ? 128 : 32;
  return { text, cidr: cidr(text.includes('/') ? text : `${text}/${whole}`, what) };
});

const AddressPair = Type.Object(
  { ip_address: addressOrPrefix.schema, mac_address: Type.Optional(macAddress.schema) },
  { additionalProperties: false },
);

const addressPair = described(AddressPair, (value, what): AddressPairRequest => {
  const given = objectOf({ ip_address: addressOrPrefix, mac_address: macAddress }, 'allowed address pair')(value, what);
  if (given.ip_address === undefined) {
    throw new Refused('allowed_address_pairs_missing_ip', 'AllowedAddressPair must contain ip_address');
  }
  return { ...given.ip_address, mac: given.mac_address };
});

const addressPairs = described(nullOr(listOf(addressPair)).schema, (value, what): readonly AddressPairRequest[] =>
  value === null ? [] : listOf(addressPair)(value, what),
);

const groupIds = listOf(uuid<SecurityGroupId>());
const securityGroups = described(nullOr(groupIds).schema, (value, what): readonly SecurityGroupId[] =>
  value === null ? [] : groupIds(value, what),
);

const FIXED_IP_FILTERS: ReadonlyMap<string, (fixed: Port['fixedIps'][number], wanted: string) => boolean> = new Map([
  ['ip_address', (fixed, wanted) => fixed.address === canonicalAddress(wanted)],
  ['ip_address_substr', (fixed, wanted) => fixed.address.includes(wanted)],
  ['subnet_id', (fixed, wanted) => fixed.subnetId === wanted],
]);

/**
 * `fixed_ips=ip_address=10.0.0.5`, `subnet_id=…` or `ip_address_substr=10.5`, repeatable: of one key any, and all keys of one and the same
 * address (neutron-api.md §1.4). Throws BadRequest.
 */
function matchesFixedIps(source: PortSource, values: readonly string[]): boolean {
  const wanted = new Map<string, string[]>();
  for (const value of values) {
    const [key = '', text = ''] = value.split('=', 2);
    if (!FIXED_IP_FILTERS.has(key)) {
      throw invalid('fixed_ips', `'${value}' is not ip_address=…, ip_address_substr=… or subnet_id=….`);
    }
    wanted.set(key, [...(wanted.get(key) ?? []), text]);
  }
  return source.record.fixedIps.some((fixed) =>
    [...wanted].every(([key, texts]) => texts.some((text) => FIXED_IP_FILTERS.get(key)?.(fixed, text) === true)),
  );
}

const kbps = nullOr(integerIn(MIN_KBPS, MAX_KBPS));

/** Ports: neutron-api.md §5.1, and Weft's own `weft:ingress_kbps` (to the workload) and `weft:egress_kbps`: the operator's limits. */
export const portAttributes = {
  ...identityAttributes,
  name: nameAttribute,
  description: descriptionAttribute,
  network_id: { show: (source) => source.record.networkId, parse: uuid<NetworkId>(), create: 'required', filter: 'equal' },
  admin_state_up: adminStateUpAttribute,
  status: { show: (source) => source.status, shows: Type.Enum(['ACTIVE', 'BUILD', 'DOWN']), filter: 'equal' },
  mac_address: {
    show: (source) => source.record.mac,
    shows: macAddress.schema,
    parse: nullOr(macAddress),
    create: 'optional',
    update: true,
    updateBy: 'admin',
    filter: (source, value) => source.record.mac === value.toLowerCase(),
  },
  fixed_ips: {
    shows: Type.Array(Type.Object({ subnet_id: Id, ip_address: Type.String() })),
    show: (source) => source.record.fixedIps.map((fixed) => ({ subnet_id: fixed.subnetId, ip_address: fixed.address })),
    parse: fixedIps,
    create: 'optional',
    update: true,
    filter: { together: matchesFixedIps },
  },
  device_id: {
    show: (source) => source.record.deviceId,
    parse: nameText,
    create: 'optional',
    default: '',
    update: true,
    filter: 'equal',
  },
  device_owner: {
    show: (source) => source.record.deviceOwner,
    parse: nameText,
    create: 'optional',
    default: '',
    update: true,
    filter: 'equal',
  },
  security_groups: {
    shows: groupIds.schema,
    show: (source) => source.record.securityGroups,
    parse: securityGroups,
    create: 'optional',
    update: true,
    filter: (source, value) => source.record.securityGroups.some((id) => id === value),
  },
  port_security_enabled: { show: (source) => source.record.portSecurityEnabled, parse: boolean, create: 'optional', update: true },
  allowed_address_pairs: {
    shows: Type.Array(Type.Object({ ip_address: Type.String(), mac_address: macAddress.schema })),
    show: (source) => (source.record.addressPairs ?? []).map(({ text, mac }) => ({ ip_address: text, mac_address: mac })),
    parse: addressPairs,
    create: 'optional',
    update: true,
  },
  extra_dhcp_opts: dhcpOptionsAttribute,
  dns_name: dnsNameAttribute,
  dns_domain: dnsDomainAttribute,
  dns_assignment: {
    show: (source) => source.dnsAssignment,
    shows: Type.Array(Type.Object({ ip_address: Type.String(), hostname: Type.String(), fqdn: Type.String() })),
  },
  ...bindingAttributes,
  'weft:ingress_kbps': {
    show: (source) => source.record.rateLimit?.ingressKbps ?? null,
    parse: kbps,
    create: 'optional',
    default: null,
    createBy: 'admin',
    update: true,
    updateBy: 'admin',
  },
  'weft:egress_kbps': {
    show: (source) => source.record.rateLimit?.egressKbps ?? null,
    parse: kbps,
    create: 'optional',
    default: null,
    createBy: 'admin',
    update: true,
    updateBy: 'admin',
  },
  tags: { ...tagAttributes.tags, parse: parseTags, create: 'optional' },
  ...stampAttributes,
} as const satisfies AttributeTable<PortSource>;

export type PortView = View<typeof portAttributes>;

export function createPortRequest(values: CreateValues<typeof portAttributes>): CreatePort {
  return {
    networkId: values.network_id,
    name: values.name,
    description: values.description,
    adminStateUp: values.admin_state_up,
    mac: values.mac_address ?? undefined,
    fixedIps: values.fixed_ips,
    securityGroups: values.security_groups,
    portSecurityEnabled: values.port_security_enabled,
    deviceId: values.device_id,
    deviceOwner: values.device_owner,
    ...(values.tags === undefined ? {} : { tags: values.tags }),
    ...(values.allowed_address_pairs === undefined ? {} : { addressPairs: values.allowed_address_pairs }),
    ...rateLimitChange(values),
    ...extrasOf(values),
    ...bindingChange(values),
  };
}

export function updatePortRequest(values: UpdateValues<typeof portAttributes>): UpdatePort {
  const { name, description, admin_state_up: adminStateUp, mac_address: mac, fixed_ips: fixedIpRequests } = values;
  const { device_id: deviceId, device_owner: deviceOwner, security_groups: groups, port_security_enabled: portSecurityEnabled } = values;
  const { allowed_address_pairs: pairs } = values;
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(adminStateUp === undefined ? {} : { adminStateUp }),
    ...(mac === undefined ? {} : { mac }),
    ...(fixedIpRequests === undefined ? {} : { fixedIps: fixedIpRequests }),
    ...(deviceId === undefined ? {} : { deviceId }),
    ...(deviceOwner === undefined ? {} : { deviceOwner }),
    ...(groups === undefined ? {} : { securityGroups: groups }),
    ...(portSecurityEnabled === undefined ? {} : { portSecurityEnabled }),
    ...(pairs === undefined ? {} : { addressPairs: pairs }),
    ...rateLimitChange(values),
    ...extrasOf(values),
    ...bindingChange(values),
  };
}

type LimitValues = Readonly<Partial<Record<'weft:ingress_kbps' | 'weft:egress_kbps', number | null>>>;

/** Nothing, if neither is named. */
function rateLimitChange(values: LimitValues): Readonly<{ rateLimit?: RateLimitChange }> {
  const { 'weft:ingress_kbps': ingressKbps, 'weft:egress_kbps': egressKbps } = values;
  if (ingressKbps === undefined && egressKbps === undefined) return {};
  return { rateLimit: { ...(ingressKbps === undefined ? {} : { ingressKbps }), ...(egressKbps === undefined ? {} : { egressKbps }) } };
}

type ExtraValues = Readonly<{
  dns_name?: string;
  dns_domain?: string;
  extra_dhcp_opts?: readonly DhcpOptionChange[] | undefined;
}>;

/** Nothing of what is not named. */
function extrasOf(values: ExtraValues): PortExtras {
  const { dns_name: dnsName, dns_domain: dnsDomain, extra_dhcp_opts: dhcpOptions } = values;
  return {
    ...(dnsName === undefined ? {} : { dnsName }),
    ...(dnsDomain === undefined ? {} : { dnsDomain }),
    ...(dhcpOptions === undefined ? {} : { dhcpOptions }),
  };
}
