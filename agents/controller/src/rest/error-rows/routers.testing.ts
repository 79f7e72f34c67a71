import { NOWHERE, get, made, post, put, remove } from './row.testing.ts';
import type { Ask, ErrorRow, World } from './row.testing.ts';

const bad = { status: 400, type: 'HTTPBadRequest' } as const;
const plain = { status: 400, type: 'BadRequest' } as const;
const forbidden = { status: 403, type: 'PolicyNotAuthorized' } as const;
const routes = { status: 400, type: 'InvalidRoutes' } as const;

const act = (w: World, action: string, body: unknown, router = w.router): Ask => ({
  method: 'PUT',
  url: `/v2.0/routers/${router}/${action}`,
  body,
});
const add = (w: World, body: unknown): Ask => act(w, 'add_router_interface', body);
const take = (w: World, body: unknown): Ask => act(w, 'remove_router_interface', body);
const route = (destination: string, nexthop: string): object => ({ destination, nexthop });
const onNetwork = (w: World, body: object): Promise<string> => made(w.red, 'port', { network_id: w.network, ...body });
const gateway = (network_id: string, more: object = {}): object => ({ external_gateway_info: { network_id, ...more } });

/** Routers: neutron-api.md §6.1. */
export const routerRows: readonly ErrorRow[] = [
  {
    at: '§6.1',
    when: 'a gateway’s network is not external',
    ask: (w) => post('router', gateway(w.network)),
    ...plain,
    text: /^Bad router request: Network .* is not an external network\.$/,
  },
  {
    at: '§6.1',
    when: 'a gateway’s network is not there',
    ask: (w) => put('router', w.router, gateway(NOWHERE)),
    status: 404,
    type: 'NetworkNotFound',
    text: /could not be found/,
  },
  {
    at: '§6.1',
    when: 'a gateway’s network is another project’s',
    ask: (w) => post('router', gateway(w.blueNetwork)),
    status: 404,
    type: 'NetworkNotFound',
    text: /could not be found/,
  },
  {
    at: '§6.1',
    when: 'a gateway has no network',
    ask: () => post('router', { external_gateway_info: { enable_snat: true } }),
    ...bad,
    text: /'network_id' is not there/,
  },
  {
    at: '§6.1',
    when: 'SNAT of a new router is for administrators',
    ask: (w) => post('router', gateway(w.outside, { enable_snat: false })),
    ...forbidden,
    text: /create_router:external_gateway_info:enable_snat\)\) is disallowed by policy/,
  },
  {
    at: '§6.1',
    when: 'SNAT is for administrators',
    ask: (w) => put('router', w.router, gateway(w.outside, { enable_snat: false })),
    ...forbidden,
    text: /update_router:external_gateway_info:enable_snat\)\) is disallowed by policy/,
  },
  {
    at: '§6.1',
    when: 'a router’s address outside is for administrators',
    ask: (w) => post('router', gateway(w.outside, { external_fixed_ips: [{ ip_address: '203.0.113.77' }] })),
    ...forbidden,
    text: /external_fixed_ips\)\) is disallowed by policy/,
  },
  {
    at: '§6.1',
    when: 'a router has two addresses outside',
    as: 'admin',
    ask: (w) =>
      put('router', w.router, gateway(w.outside, { external_fixed_ips: [{ ip_address: '203.0.113.77' }, { ip_address: '203.0.113.78' }] })),
    ...plain,
    text: /has one external address/,
  },
  {
    at: '§6.1',
    when: 'a router’s address outside is taken',
    as: 'admin',
    ask: async (w) => {
      const fip = (await w.red('GET', `/v2.0/floatingips/${w.floatingIp}`)).body['floatingip'] as Readonly<{ floating_ip_address: string }>;
      return put('router', w.router, gateway(w.outside, { external_fixed_ips: [{ ip_address: fip.floating_ip_address }] }));
    },
    status: 409,
    type: 'IpAddressAlreadyAllocated',
    text: /already allocated/,
  },
  {
    at: '§6.1',
    when: 'the subnet outside has no gateway',
    ask: async (w) => {
      const other = await made(w.admin, 'network', { 'router:external': true });
      await made(w.admin, 'subnet', { network_id: other, ip_version: 4, cidr: '198.51.100.0/24', gateway_ip: null, enable_dhcp: false });
      return post('router', gateway(other));
    },
    ...plain,
    text: /has no gateway/,
  },
  {
    at: '§6.1',
    when: 'no address is left outside',
    ask: async (w) => post('router', gateway(await made(w.admin, 'network', { 'router:external': true }))),
    status: 400,
    type: 'ExternalIpAddressExhausted',
    text: /^Unable to find any IP address on external network /,
  },
  {
    at: '§6.1',
    when: 'a gateway with floating IPs is cleared',
    ask: (w) => put('router', w.router, { external_gateway_info: null }),
    status: 409,
    type: 'RouterExternalGatewayInUseByFloatingIp',
    text: /required by one or more floating IPs/,
  },
  {
    at: '§6.1',
    when: 'routes come with a new router',
    ask: () => post('router', { routes: [] }),
    ...bad,
    text: "Attribute 'routes' not allowed in POST",
  },
  {
    at: '§6.1',
    when: 'a nexthop is not connected',
    ask: (w) => put('router', w.router, { routes: [route('172.16.0.0/24', '10.0.0.9')] }),
    ...routes,
    text: /the nexthop is not connected with router/,
  },
  {
    at: '§6.1',
    when: 'a nexthop is the router’s own',
    ask: (w) => put('router', w.router, { routes: [route('172.16.0.0/24', '10.1.0.1')] }),
    ...routes,
    text: /the nexthop is used by router/,
  },
  {
    at: '§6.1',
    when: 'a nexthop to add is not connected',
    ask: (w) => act(w, 'add_extraroutes', { router: { routes: [route('172.16.0.0/24', '10.0.0.9')] } }),
    ...routes,
    text: /not connected with router/,
  },
  {
    at: '§6.1',
    when: 'there are more than 30 routes',
    ask: (w) => put('router', w.router, { routes: Array.from({ length: 31 }, (_, n) => route(`172.16.${n}.0/24`, '10.1.0.9')) }),
    status: 400,
    type: 'RoutesExhausted',
    text: /exceeds the maximum 30/,
  },
  {
    at: '§6.1',
    when: 'a route has no nexthop',
    ask: (w) => put('router', w.router, { routes: [{ destination: '172.16.0.0/24' }] }),
    ...bad,
    text: /a destination and a nexthop/,
  },
  {
    at: '§6.1',
    when: 'routes to add are missing',
    ask: (w) => act(w, 'add_extraroutes', { router: {} }),
    ...bad,
    text: /Required attribute 'routes' not specified/,
  },
  {
    at: '§6.1',
    when: 'routes to remove have no wrapper',
    ask: (w) => act(w, 'remove_extraroutes', { routes: [] }),
    ...bad,
    text: "Unable to find 'router' in request body",
  },
  {
    at: '§6.1',
    when: 'a router has interfaces',
    ask: (w) => remove(`routers/${w.router}`),
    status: 409,
    type: 'RouterInUse',
    text: /has ports still attached|still has ports/,
  },
  {
    at: '§6.1',
    when: 'neither subnet nor port is to be added',
    ask: (w) => add(w, {}),
    ...plain,
    text: 'Bad router request: Either subnet_id or port_id must be specified.',
  },
  {
    at: '§6.1',
    when: 'both subnet and port are to be added',
    ask: (w) => add(w, { subnet_id: w.subnet, port_id: w.port }),
    ...plain,
    text: /Cannot specify both/,
  },
  { at: '§6.1', when: 'something else is to be added', ask: (w) => add(w, { nonsense: 1 }), ...bad, text: /nonsense/ },
  { at: '§6.1', when: 'there is no body to add by', ask: (w) => add(w, undefined), ...bad, text: /Invalid format/ },
  { at: '§6.1', when: 'a subnet to add is no id', ask: (w) => add(w, { subnet_id: 'x' }), ...bad, text: /'x' is not a valid UUID/ },
  {
    at: '§6.1',
    when: 'the router is on the subnet already',
    ask: (w) => add(w, { subnet_id: w.routedSubnet }),
    ...plain,
    text: /Router already has a port on subnet/,
  },
  {
    at: '§6.1',
    when: 'a subnet overlaps with that of another interface',
    ask: async (w) => {
      const network = await made(w.red, 'network', {});
      return add(w, { subnet_id: await made(w.red, 'subnet', { network_id: network, ip_version: 4, cidr: '10.1.0.0/25' }) });
    },
    ...plain,
    text: /overlaps with cidr 10\.1\.0\.0\/24/,
  },
  {
    at: '§6.1',
    when: 'a subnet has no gateway address',
    ask: async (w) =>
      add(w, { subnet_id: await made(w.red, 'subnet', { network_id: w.network, ip_version: 4, cidr: '10.9.0.0/24', gateway_ip: null }) }),
    ...plain,
    text: /must have a gateway IP/,
  },
  {
    at: '§6.1',
    when: 'a subnet’s gateway address is taken',
    ask: async (w) => act(w, 'add_router_interface', { subnet_id: w.routedSubnet }, await made(w.red, 'router', {})),
    status: 409,
    type: 'IpAddressAlreadyAllocated',
    text: /10\.1\.0\.1 already allocated/,
  },
  {
    at: '§6.1',
    when: 'a subnet to add is not there',
    ask: (w) => add(w, { subnet_id: NOWHERE }),
    status: 404,
    type: 'SubnetNotFound',
    text: /could not be found/,
  },
  {
    at: '§6.1',
    when: 'a subnet to add is another project’s',
    ask: (w) => add(w, { subnet_id: w.blueSubnet }),
    status: 404,
    type: 'SubnetNotFound',
    text: /could not be found/,
  },
  {
    at: '§6.1',
    when: 'a port to add is not there',
    ask: (w) => add(w, { port_id: NOWHERE }),
    status: 404,
    type: 'PortNotFound',
    text: /could not be found/,
  },
  {
    at: '§6.1',
    when: 'a port to add is another project’s',
    ask: (w) => add(w, { port_id: w.bluePort }),
    status: 404,
    type: 'PortNotFound',
    text: /could not be found/,
  },
  {
    at: '§6.1',
    when: 'a port to add has a device',
    ask: async (w) => add(w, { port_id: await onNetwork(w, { device_id: 'somebody' }) }),
    status: 409,
    type: 'PortInUse',
    text: /already has an attached device somebody/,
  },
  {
    at: '§6.1',
    when: 'a port to add has no address',
    ask: async (w) => add(w, { port_id: await onNetwork(w, { fixed_ips: [] }) }),
    ...plain,
    text: /at least one fixed IP/,
  },
  {
    at: '§6.1',
    when: 'a port to add has two addresses',
    ask: async (w) => add(w, { port_id: await onNetwork(w, { fixed_ips: [{ subnet_id: w.subnet }, { subnet_id: w.subnet }] }) }),
    ...plain,
    text: /multiple IPv4 subnets/,
  },
  {
    at: '§6.1',
    when: 'the router to add to is not there',
    ask: (w) => act(w, 'add_router_interface', { subnet_id: w.subnet }, NOWHERE),
    status: 404,
    type: 'RouterNotFound',
    text: `Router ${NOWHERE} could not be found`,
  },
  {
    at: '§6.1',
    when: 'the router to add to is another project’s',
    as: 'blue',
    ask: (w) => add(w, { subnet_id: w.blueSubnet }),
    status: 404,
    type: 'RouterNotFound',
    text: /could not be found/,
  },
  {
    at: '§6.1',
    when: 'neither subnet nor port is to be removed',
    ask: (w) => take(w, {}),
    ...plain,
    text: /Either subnet_id or port_id must be specified/,
  },
  {
    at: '§6.1',
    when: 'a subnet to remove is not there',
    ask: (w) => take(w, { subnet_id: NOWHERE }),
    status: 404,
    type: 'SubnetNotFound',
    text: /could not be found/,
  },
  {
    at: '§6.1',
    when: 'a subnet to remove is not the router’s',
    ask: (w) => take(w, { subnet_id: w.subnet }),
    status: 404,
    type: 'RouterInterfaceNotFoundForSubnet',
    text: /has no interface on subnet/,
  },
  {
    at: '§6.1',
    when: 'a port to remove is not the router’s',
    ask: (w) => take(w, { port_id: w.port }),
    status: 404,
    type: 'RouterInterfaceNotFound',
    text: /does not have an interface with id/,
  },
  {
    at: '§6.1',
    when: 'the port and the subnet to remove disagree',
    ask: (w) => take(w, { port_id: w.interfacePort, subnet_id: w.subnet }),
    status: 400,
    type: 'SubnetMismatchForPort',
    text: /does not match the requested subnet/,
  },
  {
    at: '§6.1',
    when: 'floating IPs go through an interface',
    ask: (w) => take(w, { subnet_id: w.routedSubnet }),
    status: 409,
    type: 'RouterInterfaceInUseByFloatingIP',
    text: /required by one or more floating IPs/,
  },
  {
    at: '§6.1',
    when: 'routes go through an interface',
    ask: async (w) => {
      await w.red('PUT', `/v2.0/routers/${w.router}`, { router: { routes: [route('172.16.0.0/24', '10.1.0.9')] } });
      return take(w, { port_id: w.interfacePort });
    },
    status: 409,
    type: 'RouterInterfaceInUseByRoute',
    text: /required by one or more routes/,
  },
  {
    at: '§6.1',
    when: 'a subnet off its router would overlap',
    ask: async (w) => {
      await w.red('PUT', `/v2.0/floatingips/${w.floatingIp}`, { floatingip: { port_id: null } });
      const network = await made(w.red, 'network', {});
      await made(w.red, 'subnet', { network_id: network, ip_version: 4, cidr: '10.1.0.0/25' });
      return take(w, { subnet_id: w.routedSubnet });
    },
    status: 409,
    type: 'Conflict',
    text: /would overlap with subnet/,
  },
  {
    at: '§1.4',
    when: 'a router’s status is no filter',
    ask: () => get('routers?status=ACTIVE'),
    ...bad,
    text: /'status'\] is invalid attribute for filtering/,
  },
];
