import { make } from '../rest-support.ts';
import { post, put } from './row.testing.ts';
import type { Ask, ErrorRow, World } from './row.testing.ts';

const input = { status: 400, type: 'InvalidInput' } as const;
const bad = { status: 400, type: 'BadRequest' } as const;

/** An IPv6 subnet on red's network. */
const subnet = (w: World, body: object): Ask => post('subnet', { network_id: w.network, ip_version: 6, cidr: 'fd00:9::/64', ...body });
const pool = (start: string, end: string): object => ({ allocation_pools: [{ start, end }] });

/** That subnet is there. */
const madeSubnet = async (w: World, body: object = {}): Promise<string> =>
  String((await make(w.red, 'subnets', 'subnet', { network_id: w.network, ip_version: 6, cidr: 'fd00:9::/64', ...body }))['id']);
const SLAAC = { ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' };

/** A port with an IPv6 address. */
const portAt = async (w: World, ip_address: string, body: object = {}): Promise<Ask> => {
  await madeSubnet(w, body);
  return post('port', { network_id: w.network, fixed_ips: [{ ip_address }] });
};

const modes: readonly (readonly [when: string, body: object, text: RegExp])[] = [
  ['an IPv4 subnet has ipv6_ra_mode', { ip_version: 4, cidr: '10.9.0.0/24', ipv6_ra_mode: 'slaac' }, /ipv6_ra_mode is not valid when ip_/],
  [
    'an IPv4 subnet has ipv6_address_mode',
    { ip_version: 4, cidr: '10.9.0.0/24', ipv6_address_mode: 'slaac' },
    /ipv6_address_mode is not valid when ip_/,
  ],
  ['the two modes differ', { ipv6_ra_mode: 'slaac', ipv6_address_mode: 'dhcpv6-stateful' }, /must be the same value/],
  ['SLAAC has no /64', { ...SLAAC, cidr: 'fd00:9::/80' }, /requires the prefix to be \/64/],
  ['stateless DHCPv6 has no /64', { ipv6_address_mode: 'dhcpv6-stateless', cidr: 'fd00:9::/56' }, /requires the prefix to be \/64/],
  ['a mode comes without DHCP', { ...SLAAC, enable_dhcp: false }, /cannot be set when enable_dhcp is set to False/],
  ['an IPv6 cidr is said to be IPv4', { ip_version: 4 }, /does not match the ip_version '4'/],
  ['an IPv4 cidr is said to be IPv6', { cidr: '10.9.0.0/24' }, /does not match the ip_version '6'/],
  ['an IPv6 cidr is multicast', { cidr: 'ff02::/64' }, /multicast/],
  ['an IPv6 cidr is link-local', { cidr: 'fe80::/64' }, /link-local/],
  ['an IPv6 cidr holds the loopback address', { cidr: '::/64' }, /loopback/],
  ['an IPv6 gateway is elsewhere', { gateway_ip: 'fd00:8::1' }, /Gateway fd00:8::1 is not valid on subnet/],
  ['an IPv6 gateway is the anycast address', { gateway_ip: 'fd00:9::' }, /is not valid on subnet/],
  ['a gateway is of the other version', { gateway_ip: '10.0.0.1' }, /is not valid on subnet/],
  ['a name server is of the other version', { dns_nameservers: ['9.9.9.9'] }, /does not match the ip_version '6'/],
  ['an IPv6 subnet has host routes', { host_routes: [{ destination: 'fd00:7::/64', nexthop: 'fd00:9::2' }] }, /host_routes are of IPv4/],
];

/** What the reference says of IPv6: §4.2, §5.2, §6. */
export const ipv6Rows: readonly ErrorRow[] = [
  ...modes.map(([when, body, text]): ErrorRow => ({ at: '§4.2', when, ask: (w) => subnet(w, body), ...input, text })),
  {
    at: '§4.2',
    when: 'a mode is none of the three',
    ask: (w) => subnet(w, { ipv6_ra_mode: 'dhcp' }),
    status: 400,
    type: 'HTTPBadRequest',
    text: /'dhcp' is not in \[slaac, dhcpv6-stateful, dhcpv6-stateless\]/,
  },
  {
    at: '§4.2',
    when: 'a mode is to change',
    ask: async (w) => put('subnet', await madeSubnet(w), { ipv6_ra_mode: 'slaac' }),
    status: 400,
    type: 'HTTPBadRequest',
    text: /Cannot update read-only attribute ipv6_ra_mode/,
  },
  {
    at: '§4.2',
    when: 'DHCP is switched off where a mode needs it',
    ask: async (w) => put('subnet', await madeSubnet(w, SLAAC), { enable_dhcp: false }),
    ...input,
    text: /enable_dhcp/,
  },
  {
    at: '§4.2',
    when: 'a pool is of both versions',
    ask: (w) => subnet(w, pool('10.0.0.2', 'fd00:9::9')),
    status: 400,
    type: 'InvalidAllocationPool',
    text: /is not valid/,
  },
  {
    at: '§4.2',
    when: 'an IPv6 pool is outside its cidr',
    ask: (w) => subnet(w, pool('fd00:8::2', 'fd00:8::9')),
    status: 400,
    type: 'OutOfBoundsAllocationPool',
    text: /spans beyond/,
  },
  {
    at: '§4.1',
    when: 'a network with an IPv6 subnet gets too small an MTU',
    ask: async (w) => {
      await madeSubnet(w);
      return put('network', w.network, { mtu: 1279 });
    },
    ...input,
    text: /minimum is 1280/,
  },
  {
    at: '§5.2',
    when: 'an address on a SLAAC subnet is not the one that its MAC makes',
    ask: (w) => portAt(w, 'fd00:9::5', SLAAC),
    ...input,
    text: /configured for automatic addresses/,
  },
  {
    at: '§5.2',
    when: 'an IPv6 address is the gateway’s',
    ask: (w) => portAt(w, 'fd00:9::1'),
    status: 409,
    type: 'IpAddressAlreadyAllocated',
    text: /fd00:9::1 already allocated/,
  },
  {
    at: '§5.2',
    when: 'an IPv6 address is in no subnet',
    ask: (w) => portAt(w, 'fd00:8::5'),
    status: 400,
    type: 'InvalidIpForNetwork',
    text: /fd00:8::5 is not a valid IP/,
  },
  {
    at: '§5.2',
    when: 'an IPv6 subnet has no address left',
    ask: async (w) => {
      const id = await madeSubnet(w, { cidr: 'fd00:9::/126', ...pool('fd00:9::2', 'fd00:9::2') });
      const fixed_ips = [{ subnet_id: id }];
      await make(w.red, 'ports', 'port', { network_id: w.network, fixed_ips });
      return post('port', { network_id: w.network, fixed_ips });
    },
    status: 409,
    type: 'IpAddressGenerationFailure',
    text: /No more IP addresses available/,
  },
  {
    at: '§6.1',
    when: 'a route’s next hop is of another IP version than its destination',
    ask: (w) => put('router', w.router, { routes: [{ destination: 'fd00:7::/64', nexthop: '10.1.0.9' }] }),
    status: 400,
    type: 'HTTPBadRequest',
    text: /is of another IP version/,
  },
  {
    at: '§6.1',
    when: 'the next hop of an IPv6 route is on no subnet of the router',
    ask: (w) => put('router', w.router, { routes: [{ destination: 'fd00:7::/64', nexthop: 'fd00:9::9' }] }),
    status: 400,
    type: 'InvalidRoutes',
    text: /not connected with router/,
  },
  {
    at: '§6.2',
    when: 'a floating IP is to lead to an IPv6 address',
    ask: (w) => put('floatingip', w.freeFloatingIp, { port_id: w.port, fixed_ip_address: 'fd00:9::5' }),
    ...bad,
    text: /not an IPv4 address/,
  },
  {
    at: '§6.3',
    when: 'a forwarding is to lead to an IPv6 address',
    ask: (w) => ({
      method: 'PUT',
      url: `/v2.0/floatingips/${w.forwarded}/port_forwardings/${w.forwarding}`,
      body: { port_forwarding: { internal_ip_address: 'fd00:9::5' } },
    }),
    ...bad,
    text: /fd00:9::5 is not an IPv4 address/,
  },
];
