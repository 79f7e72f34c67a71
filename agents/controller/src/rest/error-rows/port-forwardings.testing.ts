import { NOWHERE, made } from './row.testing.ts';
import type { Ask, ErrorRow, World } from './row.testing.ts';

const bad = { status: 400, type: 'HTTPBadRequest' } as const;
const plain = { status: 400, type: 'BadRequest' } as const;
const noPort = { status: 404, type: 'PortNotFound' } as const;

const forwardings = (w: World, method: string, body: unknown, rest = ''): Ask => ({
  method,
  url: `/v2.0/floatingips/${w.forwarded}/port_forwardings${rest}`,
  body,
});
const forward = (w: World, body: object): Ask => {
  const usual = { protocol: 'tcp', external_port: 81, internal_port: 81, internal_port_id: w.port, internal_ip_address: '10.0.0.50' };
  return forwardings(w, 'POST', { port_forwarding: { ...usual, ...body } });
};

/** Port forwardings: neutron-api.md §6.3. */
export const portForwardingRows: readonly ErrorRow[] = [
  {
    at: '§6.3',
    when: 'a forwarding has no protocol',
    ask: (w) => forward(w, { protocol: undefined }),
    ...bad,
    text: /Required attribute 'protocol' not specified/,
  },
  { at: '§6.3', when: 'a forwarding is of ICMP', ask: (w) => forward(w, { protocol: 'icmp' }), ...bad, text: /'icmp' is not in/ },
  {
    at: '§6.3',
    when: 'an external port is 0',
    ask: (w) => forward(w, { external_port: 0 }),
    ...bad,
    text: /not in the range \[1, 65535\]/,
  },
  {
    at: '§6.3',
    when: 'an internal port is too large',
    ask: (w) => forward(w, { internal_port: 65_536 }),
    ...bad,
    text: /not in the range \[1, 65535\]/,
  },
  {
    at: '§6.3',
    when: 'an external range ends before it begins',
    ask: (w) => forward(w, { external_port: null, external_port_range: '9:8' }),
    ...bad,
    text: /ends before it begins/,
  },
  {
    at: '§6.3',
    when: 'a range is none',
    ask: (w) => forward(w, { external_port: null, external_port_range: 'a:b' }),
    ...bad,
    text: /not a valid port range/,
  },
  {
    at: '§6.3',
    when: 'a port and its range disagree',
    ask: (w) => forward(w, { external_port_range: '82:83' }),
    ...bad,
    text: /say different ports/,
  },
  {
    at: '§6.3',
    when: 'ranges differ in length',
    ask: (w) => forward(w, { external_port: null, external_port_range: '81:83', internal_port: null, internal_port_range: '81:82' }),
    ...plain,
    text: /differ in length/,
  },
  { at: '§6.3', when: 'an internal port is missing', ask: (w) => forward(w, { internal_port: undefined }), ...bad, text: /internal_port/ },
  {
    at: '§6.3',
    when: 'an internal port id is missing',
    ask: (w) => forward(w, { internal_port_id: undefined }),
    ...bad,
    text: /Required attribute 'internal_port_id' not specified/,
  },
  {
    at: '§6.3',
    when: 'an internal address is missing',
    ask: (w) => forward(w, { internal_ip_address: undefined }),
    ...bad,
    text: /Required attribute 'internal_ip_address' not specified/,
  },
  {
    at: '§6.3',
    when: 'an internal address is not the port’s',
    ask: (w) => forward(w, { internal_ip_address: '10.0.0.99' }),
    ...plain,
    text: /does not have address 10\.0\.0\.99/,
  },
  {
    at: '§6.3',
    when: 'an internal port is not there',
    ask: (w) => forward(w, { internal_port_id: NOWHERE }),
    ...noPort,
    text: /could not be found/,
  },
  {
    at: '§6.3',
    when: 'an internal port is another project’s',
    ask: (w) => forward(w, { internal_port_id: w.bluePort }),
    ...noPort,
    text: /could not be found/,
  },
  {
    at: '§6.3',
    when: 'no router leads to the internal port',
    ask: async (w) => {
      const network = await made(w.red, 'network', {});
      await made(w.red, 'subnet', { network_id: network, ip_version: 4, cidr: '10.9.0.0/24', gateway_ip: null });
      const internal_port_id = await made(w.red, 'port', { network_id: network, fixed_ips: [{ ip_address: '10.9.0.9' }] });
      return forward(w, { internal_port_id, internal_ip_address: '10.9.0.9' });
    },
    ...plain,
    text: /has no gateway/,
  },
  {
    at: '§6.3',
    when: 'an external port is forwarded already',
    ask: (w) => forward(w, { external_port: 8080 }),
    ...plain,
    text: /^Bad port_forwarding request: tcp port 8080 .*is forwarded already/,
  },
  {
    at: '§6.3',
    when: 'an internal port is reached already',
    ask: (w) => forward(w, { internal_port: 80 }),
    ...plain,
    text: /is reached by port forwarding/,
  },
  {
    at: '§6.3',
    when: 'the internal port has a floating IP',
    ask: async (w) => {
      const port = (await w.red('GET', `/v2.0/ports/${w.routedPort}`)).body['port'] as Readonly<{
        fixed_ips: readonly { ip_address: string }[];
      }>;
      const url = `/v2.0/floatingips/${w.freeFloatingIp}/port_forwardings`;
      const forwarding = {
        protocol: 'tcp',
        external_port: 1,
        internal_port: 1,
        internal_port_id: w.routedPort,
        internal_ip_address: port.fixed_ips[0]?.ip_address,
      };
      return { method: 'POST', url, body: { port_forwarding: forwarding } };
    },
    status: 409,
    type: 'PortHasBindingFloatingIP',
    text: /already has floating IP/,
  },
  {
    at: '§6.3',
    when: 'the floating IP is associated as a whole',
    ask: (w) => ({ ...forward(w, {}), url: `/v2.0/floatingips/${w.floatingIp}/port_forwardings` }),
    status: 409,
    type: 'FloatingIPPortAlreadyAssociated',
    text: /as a whole/,
  },
  {
    at: '§6.3',
    when: 'the second forwarding of a bulk collides with the first',
    ask: (w) => {
      const one = { protocol: 'udp', external_port: 53, internal_port: 53, internal_port_id: w.port, internal_ip_address: '10.0.0.50' };
      return forwardings(w, 'POST', { port_forwardings: [one, one] });
    },
    ...plain,
    text: /is forwarded already/,
  },
  {
    at: '§6.3',
    when: 'a forwarding has no wrapper',
    ask: (w) => forwardings(w, 'POST', {}),
    ...bad,
    text: "Unable to find 'port_forwarding' in request body",
  },
  {
    at: '§6.3',
    when: 'the floating IP of a forwarding is another project’s',
    as: 'blue',
    ask: (w) => forward(w, {}),
    status: 404,
    type: 'FloatingIPNotFound',
    text: /could not be found/,
  },
  {
    at: '§6.3',
    when: 'forwardings are another project’s',
    as: 'blue',
    ask: (w) => forwardings(w, 'GET', undefined),
    status: 404,
    type: 'FloatingIPNotFound',
    text: /could not be found/,
  },
  {
    at: '§6.3',
    when: 'a forwarding is not there',
    ask: (w) => forwardings(w, 'GET', undefined, `/${NOWHERE}`),
    status: 404,
    type: 'PortForwardingNotFound',
    text: `Port Forwarding ${NOWHERE} could not be found.`,
  },
  {
    at: '§6.3',
    when: 'a forwarding to update is not there',
    ask: (w) => forwardings(w, 'PUT', { port_forwarding: {} }, `/${NOWHERE}`),
    status: 404,
    type: 'PortForwardingNotFound',
    text: /could not be found/,
  },
  {
    at: '§6.3',
    when: 'a forwarding to delete is not there',
    ask: (w) => forwardings(w, 'DELETE', undefined, `/${NOWHERE}`),
    status: 404,
    type: 'PortForwardingNotFound',
    text: /could not be found/,
  },
  {
    at: '§6.3',
    when: 'a forwarding is another floating IP’s',
    ask: (w) => ({ method: 'GET', url: `/v2.0/floatingips/${w.freeFloatingIp}/port_forwardings/${w.forwarding}` }),
    status: 404,
    type: 'PortForwardingNotFound',
    text: /could not be found/,
  },
  {
    at: '§6.3',
    when: 'a changed forwarding leads nowhere',
    ask: (w) => forwardings(w, 'PUT', { port_forwarding: { internal_ip_address: '10.0.0.99' } }, `/${w.forwarding}`),
    ...plain,
    text: /does not have address/,
  },
];
