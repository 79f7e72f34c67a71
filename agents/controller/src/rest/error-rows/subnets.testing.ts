import { NOWHERE, made, post, put, remove } from './row.testing.ts';
import type { Ask, ErrorRow, World } from './row.testing.ts';

const bad = { status: 400, type: 'HTTPBadRequest' } as const;
const input = { status: 400, type: 'InvalidInput' } as const;
const forbidden = { status: 403, type: 'PolicyNotAuthorized' } as const;

/** A subnet on red's network. */
const subnet = (w: World, body: object): Ask => post('subnet', { network_id: w.network, ip_version: 4, cidr: '10.9.0.0/24', ...body });
const pool = (start: string, end: string): object => ({ start, end });
const route = (destination: string): object => ({ destination, nexthop: '10.9.0.9' });
const hostRoutes = (w: World, host_routes: unknown): Ask => put('subnet', w.subnet, { host_routes });

/** Subnets: neutron-api.md §4.2. */
export const subnetRows: readonly ErrorRow[] = [
  {
    at: '§4.2',
    when: 'a subnet has no network',
    ask: () => post('subnet', { ip_version: 4, cidr: '10.9.0.0/24' }),
    ...bad,
    text: /Required attribute 'network_id' not specified/,
  },
  {
    at: '§4.2',
    when: 'a subnet has no IP version',
    ask: (w) => post('subnet', { network_id: w.network, cidr: '10.9.0.0/24' }),
    ...bad,
    text: /Required attribute 'ip_version' not specified/,
  },
  {
    at: '§4.2',
    when: 'an IP version is neither',
    ask: (w) => subnet(w, { ip_version: 5 }),
    ...bad,
    text: /for ip_version\. Reason: '5' is not in \[4, 6\]/,
  },
  {
    at: '§4.2',
    when: 'a subnet’s network is not there',
    ask: (w) => subnet(w, { network_id: NOWHERE }),
    status: 404,
    type: 'NetworkNotFound',
    text: /could not be found/,
  },
  {
    at: '§4.2',
    when: 'a subnet’s network is another project’s',
    ask: (w) => subnet(w, { network_id: w.blueNetwork }),
    status: 404,
    type: 'NetworkNotFound',
    text: /could not be found/,
  },
  {
    at: '§4.2',
    when: 'a subnet’s network is the operator’s',
    ask: (w) => subnet(w, { network_id: w.outside }),
    ...forbidden,
    text: 'rule:create_subnet is disallowed by policy',
  },
  {
    at: '§4.2',
    when: 'a subnet is to be another project’s than its network',
    as: 'admin',
    ask: (w) => subnet(w, { project_id: NOWHERE }),
    ...bad,
    text: /what belongs to it is that project's/,
  },
  {
    at: '§4.2',
    when: 'there is neither cidr nor pool',
    ask: (w) => subnet(w, { cidr: undefined }),
    status: 400,
    type: 'BadRequest',
    text: 'Bad subnets request: a subnetpool must be specified in the absence of a cidr.',
  },
  {
    at: '§4.2',
    when: 'a cidr is none',
    ask: (w) => subnet(w, { cidr: '10.9.0.0/33' }),
    ...bad,
    text: /for cidr\. Reason: '10\.9\.0\.0\/33' is not a valid IP subnet/,
  },
  {
    at: '§4.2',
    when: 'a cidr is of the other version',
    ask: (w) => subnet(w, { ip_version: 6 }),
    ...input,
    text: /^Invalid input for operation: /,
  },
  { at: '§4.2', when: 'a cidr is loopback', ask: (w) => subnet(w, { cidr: '127.0.0.0/8' }), ...input, text: /loopback/ },
  { at: '§4.2', when: 'a cidr is multicast', ask: (w) => subnet(w, { cidr: '224.0.0.0/24' }), ...input, text: /multicast/ },
  { at: '§4.2', when: 'a cidr begins with 0', ask: (w) => subnet(w, { cidr: '0.0.0.0/8' }), ...input, text: /not a usable network/ },
  { at: '§4.2', when: 'a cidr has no room for DHCP', ask: (w) => subnet(w, { cidr: '10.9.0.0/31' }), ...input, text: /no room for DHCP/ },
  {
    at: '§4.2',
    when: 'DHCP is switched on where there is no room for it',
    ask: async (w) =>
      put(
        'subnet',
        await made(w.red, 'subnet', { network_id: w.network, ip_version: 4, cidr: '10.9.0.0/31', enable_dhcp: false, gateway_ip: null }),
        { enable_dhcp: true },
      ),
    ...input,
    text: /no room for DHCP/,
  },
  {
    at: '§4.2',
    when: 'a subnet overlaps with another of its network',
    ask: (w) => subnet(w, { cidr: '10.0.0.128/25' }),
    ...input,
    text: /^Invalid input for operation: Requested subnet with cidr: 10\.0\.0\.128\/25 .* overlaps with another subnet\.$/,
  },
  {
    at: '§4.2',
    when: 'two subnets of a bulk overlap',
    ask: (w) => {
      const one = { network_id: w.network, ip_version: 4, cidr: '10.9.0.0/24' };
      return { method: 'POST', url: '/v2.0/subnets', body: { subnets: [one, one] } };
    },
    ...input,
    text: /overlaps with another subnet/,
  },
  {
    at: '§4.2',
    when: 'a subnet overlaps with another of the same gateway',
    ask: async (w) => post('subnet', { network_id: await made(w.red, 'network', {}), ip_version: 4, cidr: '10.0.0.0/16' }),
    ...input,
    text: /which has the same gateway/,
  },
  {
    at: '§4.2',
    when: 'a gateway is the network address',
    ask: (w) => subnet(w, { gateway_ip: '10.9.0.0' }),
    ...input,
    text: /^Invalid input for operation: Gateway .*is not valid on subnet/,
  },
  {
    at: '§4.2',
    when: 'a gateway is the broadcast address',
    ask: (w) => subnet(w, { gateway_ip: '10.9.0.255' }),
    ...input,
    text: /is not valid on subnet/,
  },
  {
    at: '§4.2',
    when: 'a gateway is no address',
    ask: (w) => subnet(w, { gateway_ip: 'zz' }),
    ...bad,
    text: /for gateway_ip\. Reason: 'zz' is not a valid IP address/,
  },
  {
    at: '§4.2',
    when: 'a gateway is in a pool',
    ask: (w) => subnet(w, { gateway_ip: '10.9.0.9', allocation_pools: [pool('10.9.0.2', '10.9.0.20')] }),
    status: 409,
    type: 'GatewayConflictWithAllocationPools',
    text: /^Gateway ip 10\.9\.0\.9 conflicts with allocation pool 10\.9\.0\.2-10\.9\.0\.20\.$/,
  },
  {
    at: '§4.2',
    when: 'new pools have the gateway in them',
    ask: (w) => put('subnet', w.subnet, { allocation_pools: [pool('10.0.0.1', '10.0.0.9')] }),
    status: 409,
    type: 'GatewayConflictWithAllocationPools',
    text: /conflicts with allocation pool/,
  },
  {
    at: '§4.2',
    when: 'a pool is outside its cidr',
    ask: (w) => subnet(w, { allocation_pools: [pool('10.9.0.2', '10.9.1.9')] }),
    status: 400,
    type: 'OutOfBoundsAllocationPool',
    text: /spans beyond the subnet cidr 10\.9\.0\.0\/24/,
  },
  {
    at: '§4.2',
    when: 'a new pool is outside its cidr',
    ask: (w) => put('subnet', w.subnet, { allocation_pools: [pool('10.7.0.2', '10.7.0.9')] }),
    status: 400,
    type: 'OutOfBoundsAllocationPool',
    text: /spans beyond/,
  },
  {
    at: '§4.2',
    when: 'a pool is reversed',
    ask: (w) => subnet(w, { allocation_pools: [pool('10.9.0.9', '10.9.0.2')] }),
    status: 400,
    type: 'InvalidAllocationPool',
    text: /allocation pool 10\.9\.0\.9-10\.9\.0\.2 is not valid/,
  },
  {
    at: '§4.2',
    when: 'pools overlap',
    ask: (w) => subnet(w, { allocation_pools: [pool('10.9.0.2', '10.9.0.9'), pool('10.9.0.9', '10.9.0.20')] }),
    status: 409,
    type: 'OverlappingAllocationPools',
    text: /^Found overlapping allocation pools: /,
  },
  {
    at: '§4.2',
    when: 'a pool has no end',
    ask: (w) => subnet(w, { allocation_pools: [{ start: '10.9.0.2' }] }),
    ...bad,
    text: /Invalid data format for IP pool/,
  },
  { at: '§4.2', when: 'pools are no list', ask: (w) => subnet(w, { allocation_pools: 'all' }), ...bad, text: /'all' is not a list/ },
  {
    at: '§4.2',
    when: 'there are more than five name servers',
    ask: (w) => put('subnet', w.subnet, { dns_nameservers: [1, 2, 3, 4, 5, 6].map((n) => `9.9.9.${n}`) }),
    status: 400,
    type: 'DNSNameServersExhausted',
    text: /More than 5 DNS nameservers|exceeds/,
  },
  {
    at: '§4.2',
    when: 'a name server is there twice',
    ask: (w) => subnet(w, { dns_nameservers: ['9.9.9.9', '9.9.9.9'] }),
    ...bad,
    text: /Duplicate nameserver '9\.9\.9\.9'/,
  },
  {
    at: '§4.2',
    when: 'a name server is no address',
    ask: (w) => subnet(w, { dns_nameservers: ['zz'] }),
    ...bad,
    text: /'zz' is not a valid IP address/,
  },
  {
    at: '§4.2',
    when: 'an address of the subnet is taken',
    ask: (w) => remove(`subnets/${w.subnet}`),
    status: 409,
    type: 'SubnetInUse',
    text: /One or more ports have an IP allocation from this subnet/,
  },
  {
    at: '§4.2',
    when: 'a router has an interface on the subnet',
    ask: async (w) => {
      await w.red('PUT', `/v2.0/floatingips/${w.floatingIp}`, { floatingip: { port_id: null } });
      await w.red('DELETE', `/v2.0/ports/${w.routedPort}`);
      return remove(`subnets/${w.routedSubnet}`);
    },
    status: 409,
    type: 'SubnetInUse',
    text: /One or more ports have an IP allocation/,
  },
  {
    at: '§4.2',
    when: 'a public address is of the subnet',
    as: 'admin',
    ask: (w) => remove(`subnets/${w.outsideSubnet}`),
    status: 409,
    type: 'SubnetInUse',
    text: /One or more ports have an IP allocation/,
  },
  {
    at: '§4.2',
    when: 'the operator’s subnet is nobody else’s business',
    ask: (w) => remove(`subnets/${w.outsideSubnet}`),
    status: 404,
    type: 'SubnetNotFound',
    text: /could not be found/,
  },
  {
    at: '§4.2',
    when: 'there are more than twenty host routes',
    ask: (w) =>
      hostRoutes(
        w,
        Array.from({ length: 21 }, (_, n) => route(`172.16.${n}.0/24`)),
      ),
    status: 400,
    type: 'HostRoutesExhausted',
    text: /More than 20 host routes/,
  },
  {
    at: '§4.2',
    when: 'a host route is there twice',
    ask: (w) => hostRoutes(w, [route('172.16.0.0/12'), route('172.16.0.0/12')]),
    ...bad,
    text: /Duplicate hostroute/,
  },
  {
    at: '§4.2',
    when: 'a host route is half',
    ask: (w) => hostRoutes(w, [{ nexthop: '10.0.0.9' }]),
    ...bad,
    text: /Invalid data format for hostroute/,
  },
  {
    at: '§4.2',
    when: 'a host route has more in it',
    ask: (w) => hostRoutes(w, [{ ...route('172.16.0.0/12'), metric: 1 }]),
    ...bad,
    text: /'metric' is not expected/,
  },
  { at: '§4.2', when: 'a host route is to no prefix', ask: (w) => hostRoutes(w, [route('x')]), ...bad, text: /not a valid IP subnet/ },
  {
    at: '§4.2',
    when: 'service types are for administrators',
    ask: (w) => subnet(w, { service_types: ['compute:nova'] }),
    ...forbidden,
    text: /create_subnet:service_types/,
  },
  {
    at: '§4.2',
    when: 'new service types are for administrators',
    ask: (w) => put('subnet', w.subnet, { service_types: ['compute:nova'] }),
    ...forbidden,
    text: /update_subnet:service_types/,
  },
  {
    at: '§4.2',
    when: 'a service type is no owner',
    as: 'admin',
    ask: (w) => put('subnet', w.subnet, { service_types: ['web'] }),
    status: 400,
    type: 'InvalidSubnetServiceType',
    text: /web does not correspond to a valid device owner/,
  },
  {
    at: '§4.2',
    when: 'every subnet of the network is kept for other ports',
    ask: async (w) => {
      await w.admin('PUT', `/v2.0/subnets/${w.subnet}`, { subnet: { service_types: ['compute:nova'] } });
      return post('port', { network_id: w.network });
    },
    status: 409,
    type: 'IpAddressGenerationFailureNoMatchingSubnet',
    text: /No valid service subnet for the given device owner/,
  },
  {
    at: '§4.2',
    when: 'a router owns the gateway address that is to change',
    ask: (w) => put('subnet', w.routedSubnet, { gateway_ip: '10.1.0.254', allocation_pools: [] }),
    status: 409,
    type: 'GatewayIpInUse',
    text: /in use/,
  },
  {
    at: '§4.2',
    when: 'a new gateway address is a port’s',
    ask: (w) => put('subnet', w.subnet, { gateway_ip: '10.0.0.50', allocation_pools: [] }),
    status: 409,
    type: 'IpAddressInUse',
    text: /IP address 10\.0\.0\.50 is in use/,
  },
];
