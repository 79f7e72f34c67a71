import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TenantId } from '@weft/core/uuid';
import { WeftError } from '@weft/core/weft-error';
import { parseCreate, parseUpdate, unwrapCreate } from './attribute.ts';
import type { Caller } from './caller.ts';
import { NETWORKS, createNetworkRequest, networkAttributes } from './networks.ts';
import { PORTS, createPortRequest, portAttributes, updatePortRequest } from './ports.ts';
import { SUBNETS, createSubnetRequest, subnetAttributes } from './subnets.ts';

const tenantId = '11111111-1111-4111-8111-111111111111' as TenantId;
const tenant: Caller = { kind: 'tenant', tenantId };
const admin: Caller = { kind: 'admin' };
const id = '22222222-2222-4222-8222-222222222222';

const network = (body: object, caller: Caller = tenant): unknown =>
  createNetworkRequest(parseCreate(networkAttributes, NETWORKS, body, caller), tenantId);
const subnet = (body: object): unknown => createSubnetRequest(parseCreate(subnetAttributes, SUBNETS, body, tenant), undefined);
const port = (body: object): unknown => createPortRequest(parseCreate(portAttributes, PORTS, body, tenant));
const portUpdate = (body: object, caller: Caller = tenant): unknown => updatePortRequest(parseUpdate(portAttributes, PORTS, body, caller));

/** [what is done, the code of the error, its text as Neutron has it]. */
const refusals: readonly (readonly [name: string, act: () => unknown, code: string, message: string])[] = [
  ['an unknown attribute', () => network({ zzz: 1 }), 'bad_request', "Unrecognized attribute(s) 'zzz'"],
  ['an attribute named like an object member', () => network({ constructor: 1 }), 'bad_request', "Unrecognized attribute(s) 'constructor'"],
  ['a read-only attribute at create', () => network({ status: 'DOWN' }), 'bad_request', "Attribute 'status' not allowed in POST"],
  [
    'a missing required attribute',
    () => port({ name: 'p' }),
    'bad_request',
    "Failed to parse request. Required attribute 'network_id' not specified",
  ],
  ['a null name', () => network({ name: null }), 'bad_request', "Invalid input for name. Reason: 'None' is not a valid string."],
  ['a name that is a number', () => network({ name: 7 }), 'bad_request', "Invalid input for name. Reason: '7' is not a valid string."],
  [
    'a boolean that is none',
    () => network({ admin_state_up: 'maybe' }),
    'invalid_input',
    "Invalid input for operation: 'maybe' cannot be converted to boolean.",
  ],
  ['two projects', () => network({ tenant_id: 'a', project_id: 'b' }), 'bad_request', "'project_id' and 'tenant_id' do not match"],
  [
    "somebody else's project",
    () => network({ tenant_id: id }),
    'bad_request',
    "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges",
  ],
  [
    'a topology chosen by a tenant',
    () => network({ 'weft:topology': 'mesh' }),
    'forbidden',
    '(rule:create_network and rule:create_network:weft:topology) is disallowed by policy',
  ],
  [
    'a topology that is none',
    () => network({ 'weft:topology': 'star' }, admin),
    'bad_request',
    "Invalid input for weft:topology. Reason: 'star' is not in [mesh, concentrator].",
  ],
  [
    'a MAC address that is none',
    () => port({ network_id: id, mac_address: 'zz' }),
    'bad_request',
    "Invalid input for mac_address. Reason: 'zz' is not a valid MAC address.",
  ],
  [
    'a network id that is none',
    () => port({ network_id: 'x' }),
    'bad_request',
    "Invalid input for network_id. Reason: 'x' is not a valid UUID.",
  ],
  [
    'an address twice',
    () => port({ network_id: id, fixed_ips: [{ ip_address: '10.0.0.1' }, { ip_address: '10.0.0.1' }] }),
    'bad_request',
    "Invalid input for fixed_ips. Reason: Duplicate IP address '10.0.0.1'.",
  ],
  [
    'an empty fixed IP',
    () => port({ network_id: id, fixed_ips: [{}] }),
    'bad_request',
    "Invalid input for fixed_ips. Reason: Invalid data format for fixed IP: '{}'.",
  ],
  ['changing the network of a port', () => portUpdate({ network_id: id }), 'bad_request', 'Cannot update read-only attribute network_id'],
  [
    'a MAC address changed by a tenant',
    () => portUpdate({ mac_address: '02:00:00:00:00:01' }),
    'forbidden',
    '(rule:update_port and rule:update_port:mac_address) is disallowed by policy',
  ],
  [
    'a CIDR that is none',
    () => subnet({ network_id: id, ip_version: 4, cidr: '10.0.0.0/33' }),
    'bad_request',
    "Invalid input for cidr. Reason: '10.0.0.0/33' is not a valid IP subnet.",
  ],
  [
    'a CIDR of the other IP version',
    () => subnet({ network_id: id, ip_version: 6, cidr: '10.0.0.0/24' }),
    'invalid_input',
    "Invalid input for operation: cidr '10.0.0.0/24' does not match the ip_version '6'.",
  ],
  [
    'six name servers',
    () => subnet({ network_id: id, ip_version: 4, cidr: '10.0.0.0/24', dns_nameservers: [1, 2, 3, 4, 5, 6].map((n) => `10.0.0.${n}`) }),
    'dns_name_servers_exhausted',
    'Unable to complete operation. More than 5 DNS nameservers.',
  ],
];

for (const [name, act, code, message] of refusals) {
  test(`refuses ${name} in Neutron's words`, () => {
    assert.throws(act, (error) => {
      assert.ok(error instanceof WeftError);
      assert.deepEqual({ code: error.code, message: error.message }, { code, message });
      return true;
    });
  });
}

test('fills defaults, converts, and clears host bits', () => {
  assert.deepEqual(network({ admin_state_up: 'off', mtu: '1400' }), {
    tenantId,
    name: '',
    description: '',
    adminStateUp: false,
    portSecurityEnabled: true,
    external: false,
    isDefault: false,
    shared: false,
    topology: undefined,
    mtu: 1400,
    dnsDomain: '',
    segmentationId: undefined,
  });
  assert.deepEqual(subnet({ network_id: id, ip_version: '4', cidr: '10.6.0.5/24', gateway_ip: null }), {
    networkId: id,
    name: '',
    description: '',
    cidr: '10.6.0.0/24',
    pool: undefined,
    gatewayIp: null,
    enableDhcp: true,
    dnsNameservers: [],
    allocationPools: undefined,
    hostRoutes: [],
    serviceTypes: [],
    raMode: undefined,
    addressMode: undefined,
  });
});

test('an update holds only what the body has', () => {
  assert.deepEqual(portUpdate({ name: 'x', security_groups: null }), { name: 'x', securityGroups: [] });
  assert.deepEqual(portUpdate({ mac_address: '02-00-00-00-00-0A' }, admin), { mac: '02:00:00:00:00:0a' });
});

test('the plural key makes a bulk request, and wins over the singular one', () => {
  assert.deepEqual(unwrapCreate({ ports: [{ name: 'a' }], port: {} }, PORTS), { bulk: true, bodies: [{ name: 'a' }] });
  assert.deepEqual(unwrapCreate({ port: { name: 'a' } }, PORTS), { bulk: false, bodies: [{ name: 'a' }] });
  for (const body of [undefined, null, {}, [], 'x', { port: null }, { port: [] }]) {
    assert.throws(() => unwrapCreate(body, PORTS), /Unable to find 'port' in request body/);
  }
  assert.throws(() => unwrapCreate({ ports: [] }, PORTS), /Resources required/);
  assert.throws(() => unwrapCreate({ ports: [1] }, PORTS), /Unable to find 'ports' in request body/);
});
