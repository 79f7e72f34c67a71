import { NOWHERE, made, post, put, remove } from './row.testing.ts';
import type { Ask, ErrorRow, World } from './row.testing.ts';

const bad = { status: 400, type: 'HTTPBadRequest' } as const;
const plain = { status: 400, type: 'BadRequest' } as const;
const noPort = { status: 404, type: 'PortNotFound' } as const;

const floating = (w: World, body: object): Ask => post('floatingip', { floating_network_id: w.outside, ...body });
const twoAddresses = async (w: World): Promise<string> =>
  made(w.red, 'port', { network_id: w.routed, fixed_ips: [{ subnet_id: w.routedSubnet }, { subnet_id: w.routedSubnet }] });

/** Floating IPs: neutron-api.md §6.2. */
export const floatingIpRows: readonly ErrorRow[] = [
  {
    at: '§6.2',
    when: 'a floating IP has no network',
    ask: () => post('floatingip', {}),
    ...bad,
    text: /Required attribute 'floating_network_id' not specified/,
  },
  {
    at: '§6.2',
    when: 'a floating IP’s network is not there',
    ask: (w) => floating(w, { floating_network_id: NOWHERE }),
    status: 404,
    type: 'NetworkNotFound',
    text: /could not be found/,
  },
  {
    at: '§6.2',
    when: 'a floating IP’s network is not external',
    ask: (w) => floating(w, { floating_network_id: w.network }),
    ...plain,
    text: /^Bad floatingip request: Network .* is not a valid external network\.$/,
  },
  {
    at: '§6.2',
    when: 'an address is chosen by others than administrators',
    ask: (w) => floating(w, { floating_ip_address: '203.0.113.77' }),
    status: 403,
    type: 'PolicyNotAuthorized',
    text: '(rule:create_floatingip and rule:create_floatingip:floating_ip_address) is disallowed by policy',
  },
  {
    at: '§6.2',
    when: 'an address is taken',
    as: 'admin',
    ask: async (w) => {
      await made(w.admin, 'floatingip', { floating_network_id: w.outside, project_id: w.redProject, floating_ip_address: '203.0.113.77' });
      return floating(w, { project_id: w.redProject, floating_ip_address: '203.0.113.77' });
    },
    status: 409,
    type: 'IpAddressAlreadyAllocated',
    text: /203\.0\.113\.77 already allocated/,
  },
  {
    at: '§6.2',
    when: 'an address is not of the network',
    as: 'admin',
    ask: (w) => floating(w, { project_id: w.redProject, floating_ip_address: '198.51.100.9' }),
    status: 400,
    type: 'InvalidIpForNetwork',
    text: /not a valid IP/,
  },
  {
    at: '§6.2',
    when: 'a subnet is not there',
    ask: (w) => floating(w, { subnet_id: NOWHERE }),
    status: 404,
    type: 'SubnetNotFound',
    text: /could not be found/,
  },
  {
    at: '§6.2',
    when: 'no address is left',
    ask: async (w) => {
      for (let n = 0; n < 6; n += 1) await made(w.red, 'floatingip', { floating_network_id: w.outside });
      return floating(w, {});
    },
    status: 409,
    type: 'IpAddressGenerationFailure',
    text: /^No more IP addresses available on network /,
  },
  {
    at: '§6.2',
    when: 'an administrator says no project',
    as: 'admin',
    ask: (w) => floating(w, {}),
    ...bad,
    text: /'tenant_id' not specified/,
  },
  {
    at: '§6.2',
    when: 'a fixed address is of no port',
    ask: (w) => floating(w, { fixed_ip_address: '10.0.0.50' }),
    ...plain,
    text: /cannot be specified without a port_id/,
  },
  {
    at: '§6.2',
    when: 'a new fixed address is of no port',
    ask: (w) => put('floatingip', w.freeFloatingIp, { fixed_ip_address: '10.0.0.50' }),
    ...plain,
    text: /cannot be specified without a port_id/,
  },
  {
    at: '§6.2',
    when: 'a fixed address is not the port’s',
    ask: (w) => floating(w, { port_id: w.port, fixed_ip_address: '10.0.0.99' }),
    ...plain,
    text: /does not have fixed ip 10\.0\.0\.99/,
  },
  {
    at: '§6.2',
    when: 'a port has no address',
    ask: async (w) => floating(w, { port_id: await made(w.red, 'port', { network_id: w.network, fixed_ips: [] }) }),
    ...plain,
    text: /has no fixed IPv4 addresses/,
  },
  {
    at: '§6.2',
    when: 'a port has several addresses, and none is said',
    ask: async (w) => floating(w, { port_id: await twoAddresses(w) }),
    ...plain,
    text: /Must provide a specific IPv4 address/,
  },
  {
    at: '§6.2',
    when: 'a port is not there',
    ask: (w) => put('floatingip', w.freeFloatingIp, { port_id: NOWHERE }),
    ...noPort,
    text: `Port ${NOWHERE} could not be found.`,
  },
  {
    at: '§6.2',
    when: 'a port is another project’s',
    ask: (w) => floating(w, { port_id: w.bluePort }),
    ...noPort,
    text: /could not be found/,
  },
  {
    at: '§6.2',
    when: 'nothing leads from the port’s subnet outside',
    ask: async (w) => {
      const network = await made(w.red, 'network', {});
      await made(w.red, 'subnet', { network_id: network, ip_version: 4, cidr: '10.9.0.0/24', gateway_ip: null });
      return floating(w, { port_id: await made(w.red, 'port', { network_id: network }) });
    },
    status: 404,
    type: 'ExternalGatewayForFloatingIPNotFound',
    text: /is not reachable from subnet/,
  },
  {
    at: '§6.2',
    when: 'the port has a floating IP',
    ask: (w) => put('floatingip', w.freeFloatingIp, { port_id: w.routedPort }),
    status: 409,
    type: 'FloatingIPPortAlreadyAssociated',
    text: /already has a floating IP on external network/,
  },
  {
    at: '§6.2',
    when: 'port forwardings lead to the port',
    ask: (w) => floating(w, { port_id: w.port }),
    status: 409,
    type: 'PortHasPortForwarding',
    text: /leads there already/,
  },
  {
    at: '§6.2',
    when: 'a floating IP with forwardings gets a port',
    ask: (w) => put('floatingip', w.forwarded, { port_id: w.routedPort }),
    status: 409,
    type: 'FipInUseByPortForwarding',
    text: /in use by Port Forwarding/,
  },
  {
    at: '§6.2',
    when: 'a floating IP with forwardings is deleted',
    ask: (w) => remove(`floatingips/${w.forwarded}`),
    status: 409,
    type: 'FipInUseByPortForwarding',
    text: /in use by Port Forwarding/,
  },
  {
    at: '§6.2',
    when: 'an address is final',
    ask: (w) => put('floatingip', w.floatingIp, { floating_ip_address: '203.0.113.9' }),
    ...bad,
    text: 'Cannot update read-only attribute floating_ip_address',
  },
];
