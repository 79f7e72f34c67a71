import { NOWHERE, made, placeAll, post, put, remove } from './row.testing.ts';
import type { Ask, ErrorRow, World } from './row.testing.ts';

const bad = { status: 400, type: 'HTTPBadRequest' } as const;
const input = { status: 400, type: 'InvalidInput' } as const;
const forbidden = { status: 403, type: 'PolicyNotAuthorized' } as const;
const taken = { status: 409, type: 'IpAddressAlreadyAllocated' } as const;
const used = { status: 409, type: 'ServicePortInUse' } as const;

/** A port on red's network. */
const port = (w: World, body: object): Ask => post('port', { network_id: w.network, ...body });
const pairs = (count: number): object[] => Array.from({ length: count }, (_, n) => ({ ip_address: `10.0.0.${n + 100}` }));
const update = (w: World, body: object): Ask => put('port', w.port, body);

/** Ports: neutron-api.md §5. */
export const portRows: readonly ErrorRow[] = [
  {
    at: '§5.2',
    when: 'a port’s network is not there',
    ask: (w) => port(w, { network_id: NOWHERE }),
    status: 404,
    type: 'NetworkNotFound',
    text: `Network ${NOWHERE} could not be found.`,
  },
  {
    at: '§5.2',
    when: 'a port’s network is another project’s',
    ask: (w) => port(w, { network_id: w.blueNetwork }),
    status: 404,
    type: 'NetworkNotFound',
    text: /could not be found/,
  },
  {
    at: '§12',
    when: 'a port’s network is external',
    ask: (w) => port(w, { network_id: w.outside }),
    status: 403,
    type: 'HTTPForbidden',
    text: /is external/,
  },
  {
    at: '§12',
    when: 'an administrator’s port’s network is external',
    as: 'admin',
    ask: (w) => port(w, { network_id: w.outside }),
    status: 403,
    type: 'HTTPForbidden',
    text: /is external/,
  },
  {
    at: '§5.2',
    when: 'an address is outside the network',
    ask: (w) => port(w, { fixed_ips: [{ ip_address: '10.9.0.9' }] }),
    status: 400,
    type: 'InvalidIpForNetwork',
    text: 'IP address 10.9.0.9 is not a valid IP for any of the subnets on the specified network.',
  },
  {
    at: '§5.2',
    when: 'an address is outside its subnet',
    ask: (w) => port(w, { fixed_ips: [{ subnet_id: w.subnet, ip_address: '10.9.0.9' }] }),
    status: 400,
    type: 'InvalidIpForSubnet',
    text: 'IP address 10.9.0.9 is not a valid IP for the specified subnet.',
  },
  {
    at: '§5.2',
    when: 'an address is the network’s own',
    ask: (w) => port(w, { fixed_ips: [{ ip_address: '10.0.0.0' }] }),
    status: 400,
    type: 'InvalidIpForSubnet',
    text: /10\.0\.0\.0 is not a valid IP/,
  },
  {
    at: '§5.2',
    when: 'an address is broadcast',
    ask: (w) => port(w, { fixed_ips: [{ subnet_id: w.subnet, ip_address: '10.0.0.255' }] }),
    status: 400,
    type: 'InvalidIpForSubnet',
    text: /10\.0\.0\.255 is not a valid IP/,
  },
  {
    at: '§5.2',
    when: 'an address is taken',
    ask: (w) => port(w, { fixed_ips: [{ ip_address: '10.0.0.50' }] }),
    ...taken,
    text: /^IP address 10\.0\.0\.50 already allocated in subnet/,
  },
  {
    at: '§5.2',
    when: 'a new address of a port is taken',
    ask: (w) => put('port', w.routedPort, { fixed_ips: [{ ip_address: '10.1.0.1' }] }),
    ...taken,
    text: /10\.1\.0\.1 already allocated/,
  },
  {
    at: '§5.2',
    when: 'an address is the gateway’s',
    ask: (w) => port(w, { fixed_ips: [{ ip_address: '10.0.0.1' }] }),
    ...taken,
    text: /10\.0\.0\.1 already allocated/,
  },
  {
    at: '§5.2',
    when: 'no address is left',
    ask: async (w) => {
      const small = {
        network_id: w.network,
        ip_version: 4,
        cidr: '10.9.0.0/29',
        allocation_pools: [{ start: '10.9.0.2', end: '10.9.0.2' }],
      };
      const fixed = { fixed_ips: [{ subnet_id: await made(w.red, 'subnet', small) }] };
      await made(w.red, 'port', { network_id: w.network, ...fixed });
      return port(w, fixed);
    },
    status: 409,
    type: 'IpAddressGenerationFailure',
    text: /^No more IP addresses available on network /,
  },
  {
    at: '§5.2',
    when: 'a subnet is not there',
    ask: (w) => port(w, { fixed_ips: [{ subnet_id: NOWHERE }] }),
    status: 404,
    type: 'SubnetNotFound',
    text: `Subnet ${NOWHERE} could not be found.`,
  },
  {
    at: '§5.2',
    when: 'a subnet is another project’s',
    ask: (w) => port(w, { fixed_ips: [{ subnet_id: w.blueSubnet }] }),
    status: 404,
    type: 'SubnetNotFound',
    text: /could not be found/,
  },
  {
    at: '§5.2',
    when: 'a subnet is of another network',
    ask: (w) => port(w, { fixed_ips: [{ subnet_id: w.routedSubnet }] }),
    status: 400,
    type: 'InvalidIpForNetwork',
    text: /is not one of network/,
  },
  {
    at: '§5.2',
    when: 'an address is asked for twice',
    ask: (w) => port(w, { fixed_ips: [{ ip_address: '10.0.0.9' }, { ip_address: '10.0.0.9' }] }),
    ...bad,
    text: /Duplicate IP address '10\.0\.0\.9'/,
  },
  {
    at: '§5.2',
    when: 'a fixed IP says nothing',
    ask: (w) => port(w, { fixed_ips: [{}] }),
    ...bad,
    text: /Invalid data format for fixed IP/,
  },
  {
    at: '§5.2',
    when: 'a fixed IP says too much',
    ask: (w) => port(w, { fixed_ips: [{ ip_address: '10.0.0.9', zzz: 1 }] }),
    ...bad,
    text: /'zzz' is not expected/,
  },
  {
    at: '§5.2',
    when: 'fixed IPs are no list',
    ask: (w) => port(w, { fixed_ips: '10.0.0.9' }),
    ...bad,
    text: /'10\.0\.0\.9' is not a list/,
  },
  {
    at: '§5.2',
    when: 'a fixed IP is no address',
    ask: (w) => port(w, { fixed_ips: [{ ip_address: 'zz' }] }),
    ...bad,
    text: /'zz' is not a valid IP address/,
  },
  {
    at: '§5.2',
    when: 'a MAC address is in use',
    ask: (w) => port(w, { mac_address: '02:00:00:00:00:50' }),
    status: 409,
    type: 'MacAddressInUse',
    text: /02:00:00:00:00:50 is in use/,
  },
  {
    at: '§5.2',
    when: 'a MAC address is multicast',
    ask: (w) => port(w, { mac_address: '01:00:5e:00:00:01' }),
    ...input,
    text: /^Invalid input for mac_address/,
  },
  {
    at: '§5.2',
    when: 'no MAC address is found',
    ask: async (w) => {
      const { state } = w.rest.controller.cluster;
      const any = [...state.ports.values()][0];
      state.portByMac = () => any;
      return port(w, {});
    },
    status: 503,
    type: 'HostMacAddressGenerationFailure',
    text: /^Unable to generate unique mac on network /,
  },
  {
    at: '§5.1',
    when: 'only administrators change a MAC address',
    ask: (w) => update(w, { mac_address: '02:00:00:00:00:51' }),
    ...forbidden,
    text: '(rule:update_port and rule:update_port:mac_address) is disallowed by policy',
  },
  {
    at: '§5.1',
    when: 'the MAC address of a port that is plugged in changes',
    as: 'admin',
    ask: async (w) => {
      const instance = {
        name: 'i',
        command: ['true'],
        port_id: w.port,
        addressing: 'static',
        node_id: '00000001-0000-4000-8000-000000000001',
      };
      const reply = await w.red('POST', '/v1/instances', instance);
      if (reply.status !== 201) throw new Error(reply.raw);
      await placeAll(w.rest);
      return update(w, { mac_address: '02:00:00:00:00:51' });
    },
    status: 409,
    type: 'PortBound',
    text: /plugged in|bound/i,
  },
  {
    at: '§5.1',
    when: 'a group is not there',
    ask: (w) => port(w, { security_groups: [NOWHERE] }),
    status: 404,
    type: 'SecurityGroupNotFound',
    text: `Security group ${NOWHERE} does not exist`,
  },
  {
    at: '§7.4',
    when: 'a group is another project’s',
    as: 'blue',
    ask: (w) => put('port', w.bluePort, { security_groups: [w.group] }),
    status: 404,
    type: 'SecurityGroupNotFound',
    text: /does not exist/,
  },
  {
    at: '§7.4',
    when: 'a port without port security has groups',
    ask: (w) => port(w, { port_security_enabled: false, security_groups: [w.group] }),
    status: 400,
    type: 'PortSecurityAndIPRequiredForSecurityGroups',
    text: /Port security must be enabled/,
  },
  {
    at: '§7.4',
    when: 'groups are added while port security is off',
    ask: async (w) =>
      put('port', await made(w.red, 'port', { network_id: w.network, port_security_enabled: false }), { security_groups: [w.group] }),
    status: 400,
    type: 'PortSecurityAndIPRequiredForSecurityGroups',
    text: /Port security must be enabled/,
  },
  {
    at: '§7.4',
    when: 'port security is switched off under groups',
    ask: (w) => update(w, { port_security_enabled: false }),
    status: 409,
    type: 'PortSecurityPortHasSecurityGroup',
    text: /has security groups/,
  },
  {
    at: '§5.1',
    when: 'address pairs are without port security',
    ask: (w) => port(w, { port_security_enabled: false, allowed_address_pairs: pairs(1) }),
    status: 409,
    type: 'AddressPairAndPortSecurityRequired',
    text: /Port Security must be enabled/,
  },
  {
    at: '§5.1',
    when: 'port security is switched off under address pairs',
    ask: async (w) => {
      await w.red('PUT', `/v2.0/ports/${w.port}`, { port: { allowed_address_pairs: pairs(1) } });
      return update(w, { port_security_enabled: false, security_groups: [] });
    },
    status: 409,
    type: 'AddressPairAndPortSecurityRequired',
    text: /Port Security must be enabled/,
  },
  {
    at: '§5.1',
    when: 'there are more than ten address pairs',
    ask: (w) => update(w, { allowed_address_pairs: pairs(11) }),
    status: 400,
    type: 'AllowedAddressPairExhausted',
    text: /exceeds the maximum 10/,
  },
  {
    at: '§5.1',
    when: 'an address pair is there twice',
    ask: (w) => update(w, { allowed_address_pairs: [...pairs(1), ...pairs(1)] }),
    status: 400,
    type: 'DuplicateAddressPairInRequest',
    text: /duplicate address pair/,
  },
  {
    at: '§5.1',
    when: 'an address pair has no address',
    ask: (w) => update(w, { allowed_address_pairs: [{ mac_address: '02:00:00:00:00:01' }] }),
    status: 400,
    type: 'AllowedAddressPairsMissingIP',
    text: 'AllowedAddressPair must contain ip_address',
  },
  {
    at: '§5.1',
    when: 'an address pair has something else in it',
    ask: (w) => update(w, { allowed_address_pairs: [{ ip_address: '10.0.0.9', zzz: 1 }] }),
    ...bad,
    text: /'zzz' is not expected/,
  },
  {
    at: '§5.1',
    when: 'an address pair is no address',
    ask: (w) => update(w, { allowed_address_pairs: [{ ip_address: 'zz' }] }),
    ...bad,
    text: /allowed_address_pairs.*is not a valid IP subnet/,
  },
  {
    at: '§5.1',
    when: 'a device id is too long',
    ask: (w) => update(w, { device_id: 'x'.repeat(256) }),
    ...bad,
    text: /exceeds maximum length of 255/,
  },
  {
    at: '§5.1',
    when: 'a status is the server’s',
    ask: (w) => update(w, { status: 'ACTIVE' }),
    ...bad,
    text: 'Cannot update read-only attribute status',
  },
  {
    at: '§5.1',
    when: 'limits are the operator’s',
    ask: (w) => update(w, { 'weft:ingress_kbps': 1000 }),
    ...forbidden,
    text: /update_port:weft:ingress_kbps\) is disallowed/,
  },
  {
    at: '§5.1',
    when: 'a limit is out of range',
    as: 'admin',
    ask: (w) => update(w, { 'weft:ingress_kbps': 1 }),
    ...bad,
    text: /is not in range/,
  },
  { at: '§1.6', when: 'a port’s tags are there twice', ask: (w) => port(w, { tags: ['a', 'a'] }), ...input, text: /Duplicate items/ },
  {
    at: '§5.1',
    when: 'only routers make interfaces',
    ask: (w) => port(w, { device_owner: 'network:router_interface' }),
    status: 400,
    type: 'BadRequest',
    text: /router/,
  },
  {
    at: '§5.3',
    when: 'a port is a router’s interface',
    ask: (w) => remove(`ports/${w.interfacePort}`),
    ...used,
    text: /cannot be deleted directly via the port API: has device owner network:router_interface/,
  },
  {
    at: '§5.3',
    when: 'the addresses of a router’s interface change',
    ask: (w) => put('port', w.interfacePort, { fixed_ips: [{ ip_address: '10.1.0.99' }] }),
    status: 400,
    type: 'BadRequest',
    text: /IP updates for port .* are not allowed/,
  },
];
