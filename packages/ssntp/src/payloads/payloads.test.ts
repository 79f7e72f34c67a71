/** The examples of the protocol's reference, read as YAML, and what is wrong with changed ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidValue, WeftError } from '@weft/core/weft-error';
import * as fc from 'fast-check';
import { decodeDocuments, decodePayload, encodePayload } from '../payload.ts';
import { parseConcentratorInstanceAdded } from './concentrator-instance-added.ts';
import { parseConfigure } from './configure.ts';
import { parseNodeFailure, parseStartFailure } from './failure.ts';
import { parseAttachVolume, parseDelete, parseEvacuate, parseRestore } from './instance-command.ts';
import { parseInstanceDeleted, parseInstanceStopped } from './instance-event.ts';
import { parseInvalidPayload } from './invalid-payload.ts';
import { parseNodeConnected, parseNodeDisconnected } from './node-event.ts';
import { parsePlacement } from './placement.ts';
import { parseDropCounts, parseGatewayDrops, parsePortDrops } from './port-drops.ts';
import {
  parseAssignPublicIp,
  parsePublicIpAssigned,
  parsePublicIpFailure,
  parsePublicIpUnassigned,
  parseReleasePublicIp,
} from './public-ip.ts';
import { parseReady } from './ready.ts';
import { parseRefreshCnci } from './refresh-cnci.ts';
import { parseReply, parseRequest } from './request.ts';
import { parseStart, parseStartDocuments } from './start.ts';
import { parseStats } from './stats.ts';
import { MAX_HINT_PORTS, parseTenantAdded, parseTenantRemoved } from './tenant-event.ts';

const node = '4cb19522-1e18-439a-883a-f9b2a3a95f5e';
const instance = '0b7d3a0e-6a53-4f0e-9d3f-2f1d0a6f3c01';
const cnci = '8f6b8cf9-0f0b-4f0e-b1be-0b5b1f1c7a03';
const tenant = '5a0e9c0c-3f4e-4a7e-9b43-3f6a4f5e2d11';
const publicIp = `concentrator_uuid: ${cnci}, tenant_uuid: ${tenant}, instance_uuid: ${instance}, public_ip: 203.0.113.9, private_ip: 172.16.0.2`;
const tenantEvent = `agent_uuid: ${node}, agent_ip: 10.20.0.11, tenant_uuid: ${tenant}, tenant_subnet: 172.16.0.0/24, concentrator_uuid: ${cnci}, concentrator_ip: 10.20.0.57, subnet_key: 4268, vni: 10001`;
const weftHint =
  'weft_epoch: e1, weft_revision: 7, weft_ports: [{mac: "02:00:ac:10:00:02", ips: [172.16.0.2]}, {mac: "02:00:ac:10:00:03", ips: []}]';
const ready = `node_uuid: ${node}, mem_total_mb: 7900, mem_available_mb: 6100, disk_total_mb: -1, disk_available_mb: 70000, load: 0, cpus_online: 4, networks: [{ip: 10.20.0.11, mac: "52:54:00:00:00:0B"}], hostname: cn1`;
const startMap = `start:
  tenant_uuid: ${tenant}
  instance_uuid: ${instance}
  docker_image: alpine
  fw_type: ""
  persistence: host
  vm_type: docker
  networking: {vnic_mac: 02:00:ac:10:00:02, vnic_uuid: 4d4f51c7-7a40-4f3c-8f5b-aa3f5a3c9d02, concentrator_uuid: ${cnci}, concentrator_ip: 10.20.0.57, subnet: 172.16.0.0/24, subnet_key: "", private_ip: 172.16.0.2}
  requirements: {mem_mb: 128, vcpus: 1}
  storage: [{id: v1, local: true, size: 2}]
  restart: false
`;

/** Each parser with an example of what it reads. */
const examples: [string, (value: unknown) => unknown, string][] = [
  ['Ready', parseReady, `{${ready}}`],
  [
    'Stats',
    parseStats,
    `{${ready}, status: READY, instances: [{instance_uuid: ${instance}, state: active, ssh_ip: "", ssh_port: 0, memory_usage_mb: -1, disk_usage_mb: -1, cpu_usage: 3, volumes: []}]}`,
  ],
  ['Start', parseStart, startMap],
  ['Placement', parsePlacement, `{instance_uuid: ${instance}, node_uuid: ${node}}`],
  ['StartFailure', parseStartFailure, `{node_uuid: ${node}, instance_uuid: ${instance}, reason: network_failure, restart: false}`],
  ['StartFailure of the scheduler', parseStartFailure, `{node_uuid: "", instance_uuid: ${instance}, reason: full_cloud, restart: true}`],
  ['NodeFailure', parseNodeFailure, `{node_uuid: ${node}, instance_uuid: ${instance}, reason: no_instance}`],
  ['Delete', parseDelete, `delete: {instance_uuid: ${instance}, workload_agent_uuid: ${node}, stop: false}`],
  ['Evacuate', parseEvacuate, `evacuate: {workload_agent_uuid: ${node}}`],
  ['Restore', parseRestore, `restore: {workload_agent_uuid: ${node}}`],
  ['AttachVolume', parseAttachVolume, `attach_volume: {instance_uuid: ${instance}, volume_uuid: v, workload_agent_uuid: ${node}}`],
  ['InstanceDeleted', parseInstanceDeleted, `instance_deleted: {instance_uuid: ${instance}}`],
  ['InstanceStopped', parseInstanceStopped, `instance_stopped: {instance_uuid: ${instance}}`],
  ['NodeConnected', parseNodeConnected, `node_connected: {node_uuid: ${node}, node_type: network_node}`],
  ['NodeDisconnected', parseNodeDisconnected, `node_disconnected: {node_uuid: ${node}, node_type: compute_node}`],
  [
    'ConcentratorInstanceAdded',
    parseConcentratorInstanceAdded,
    `concentrator_instance_added: {instance_uuid: ${cnci}, tenant_uuid: "", concentrator_ip: 10.20.0.57, concentrator_mac: "02:5e:10:00:00:01"}`,
  ],
  ['TenantAdded', parseTenantAdded, `tenant_added: {${tenantEvent}, ${weftHint}}`],
  ['TenantAdded of an original agent', parseTenantAdded, `tenant_added: {${tenantEvent}}`],
  ['TenantRemoved', parseTenantRemoved, `tenant_removed: {${tenantEvent}}`],
  ['AssignPublicIP', parseAssignPublicIp, `assign_public_ip: {${publicIp}, vnic_mac: "02:5e:10:00:00:01"}`],
  ['ReleasePublicIP', parseReleasePublicIp, `release_public_ip: {${publicIp}}`],
  ['PublicIPAssigned', parsePublicIpAssigned, `public_ip_assigned: {${publicIp}}`],
  ['PublicIPUnassigned', parsePublicIpUnassigned, `public_ip_unassigned: {${publicIp}}`],
  ['PublicIPFailure', parsePublicIpFailure, `{${publicIp}, reason: assign_failure}`],
  ['PortDrops', parsePortDrops, `{port_id: ${instance}, vni: 10001, mac: "02:5e:10:00:00:01", concentrator_uuid: ${cnci}}`],
  [
    'GatewayDrops',
    parseGatewayDrops,
    `{concentrator_uuid: ${cnci}, vni: 10001, mac: "02:5e:10:00:00:01", addresses: [10.0.0.5], public_addresses: []}`,
  ],
  ['DropCounts', parseDropCounts, '{drops: [{kind: port mtu sent, packets: 3, bytes: 4500}]}'],
  [
    'RefreshCNCI',
    parseRefreshCnci,
    `cnci_refresh: {cnci_uuid: ${cnci}, cncis: [{physical_ip: 10.20.0.57, subnet: 172.16.0.0/24, tunnel_ip: 192.168.128.1, tunnel_id: 3513871137}]}`,
  ],
  [
    'Configure',
    parseConfigure,
    'configure: {scheduler: {storage_uri: /etc/x}, launcher: {compute_net: [10.20.0.0/16], mgmt_net: [], disk_limit: false}, weft: {mtu: 1500}}',
  ],
  ['Request', parseRequest, '{id: "1", op: port, body: {a: [1]}}'],
  ['Reply', parseReply, '{id: "1", ok: null}'],
  ['Reply with an error', parseReply, '{id: "1", error: {code: gone, message: it is gone, details: {a: 1}, retryable: false}}'],
  ['InvalidPayload', parseInvalidPayload, '{frame: EVENT TenantAdded, error: {code: invalid_value, message: bad, retryable: false}}'],
];

const mac = '02:00:ac:10:00:02';

function hintWith(fields: object): unknown {
  const hint = decodePayload(Buffer.from(`tenant_added: {${tenantEvent}}`)) as { tenant_added: object };
  return { tenant_added: { ...hint.tenant_added, ...fields } };
}

function withoutWrapper(name: string, value: unknown): unknown {
  const keys = Object.keys(value as object);
  const flat = [
    'Ready',
    'Stats',
    'Placement',
    'NodeFailure',
    'PublicIPFailure',
    'Request',
    'Reply',
    'InvalidPayload',
    'StartFailure',
    'PortDrops',
    'GatewayDrops',
  ];
  return flat.some((prefix) => name.startsWith(prefix)) ? value : (value as Record<string, unknown>)[keys[0] ?? ''];
}

test('the reference’s YAML is read, and what a parser returns is read the same when it is sent again as JSON', () => {
  for (const [name, parse, yaml] of examples) {
    const decoded = decodePayload(Buffer.from(yaml)) as Record<string, unknown>;
    const parsed = parse(decoded);
    const wrapper = withoutWrapper(name, decoded) === decoded ? undefined : Object.keys(decoded)[0];
    const again = decodePayload(encodePayload(wrapper === undefined ? parsed : { [wrapper]: parsed }));
    // JSON has no undefined: `ok: undefined` of a reply is sent as null by replyFrame.
    if (name !== 'Reply') assert.deepEqual(parse(again), parsed, name);
  }
});

test('a required key that is missing or of the wrong type is named by its path', () => {
  const cases: [(value: unknown) => unknown, unknown, RegExp][] = [
    [parseReady, null, /^ready null: is not a map/],
    [parseReady, { node_uuid: node, networks: [{ ip: '10.0.0.300', mac: 'x' }] }, /^ready\.networks\[0\]\.ip "10\.0\.0\.300"/],
    [parseReady, { node_uuid: node, mem_total_mb: 1.5 }, /^ready\.mem_total_mb 1\.5: is not an integer/],
    [parseReady, { node_uuid: node, mem_total_mb: -2 }, /^ready\.mem_total_mb -2: is less than -1/],
    [parseStart, {}, /^payload\.start undefined: is not a map/],
    [parseStart, { start: { instance_uuid: instance } }, /^payload\.start\.requirements undefined/],
    [parseStart, { start: { instance_uuid: instance, requirements: { mem_mb: '1' } } }, /^payload\.start\.requirements\.mem_mb "1"/],
    [parseStart, { start: { instance_uuid: instance, vm_type: 'xen' } }, /^payload\.start\.vm_type "xen": is none of "qemu", "docker", ""/],
    [parseTenantAdded, { tenant_added: { agent_uuid: node } }, /^payload\.tenant_added\.agent_ip undefined/],
    [parseTenantAdded, hintWith({ weft_revision: -1 }), /^payload\.tenant_added\.weft_revision -1: is less than 0/],
    [parseTenantAdded, hintWith({ weft_epoch: 'e'.repeat(65) }), /weft_epoch 65: has more than 64 characters/],
    [parseTenantAdded, hintWith({ weft_ports: [{ mac: 'ff:ff:ff:ff:ff:ff' }] }), /weft_ports\[0\]\.mac .* is a group address/],
    [parseTenantAdded, hintWith({ weft_ports: [{ mac, ips: ['10.0.0.300'] }] }), /weft_ports\[0\]\.ips\[0\] "10\.0\.0\.300"/],
    [parseTenantAdded, hintWith({ weft_ports: [{ mac }, { mac }] }), /weft_ports "02:00:ac:10:00:02": is there twice/],
    [
      parseTenantAdded,
      hintWith({ weft_ports: Array.from({ length: MAX_HINT_PORTS + 1 }, () => ({ mac })) }),
      /weft_ports 257: are more than 256/,
    ],
    [
      parseTenantAdded,
      hintWith({ weft_ports: [{ mac, ips: Array.from({ length: 17 }, () => '10.0.0.1') }] }),
      /weft_ports\[0\]\.ips 17: are more than 16/,
    ],
    [parseDelete, { delete: [] }, /^payload\.delete "list": is not a map/],
    [parseRequest, { id: '1' }, /^request\.op "": is required/],
    [parseReply, { id: '1' }, /has neither ok nor error/],
    [parseStartFailure, { instance_uuid: instance, reason: 'bored' }, /^start_failure\.reason "bored"/],
    [parsePortDrops, { port_id: instance, vni: 0, mac: 'x' }, /^port_drops\.vni 0/],
    [parseGatewayDrops, { concentrator_uuid: cnci, vni: 10_001, mac: '02:5e:10:00:00:01', addresses: ['x'] }, /addresses\[0\] "x"/],
    [parseDropCounts, { drops: [{ kind: 'port mtu sent', packets: -1 }] }, /^drops\.drops\[0\]\.packets -1/],
    [parseDropCounts, { drops: [{ kind: 'whatever' }] }, /^drops\.drops\[0\]\.kind "whatever": is no kind of drop/],
  ];
  for (const [parse, value, message] of cases) {
    assert.throws(
      () => parse(value),
      (error) => error instanceof InvalidValue && message.test(error.message),
      String(message),
    );
  }
});

test('START’s documents come in any order, and exactly one is the start map', () => {
  const meta = '---\n{"uuid": "x", "hostname": "h"}\n...\n';
  const user = '---\nusers: []\n...\n';
  const start = `---\n${startMap}...\n`;
  for (const [name, text, userData, metaData] of [
    ['alone', startMap, undefined, undefined],
    ['as the controller writes them', start + user + meta, { users: [] }, { uuid: 'x', hostname: 'h' }],
    ['last', user + meta + start, { users: [] }, { uuid: 'x', hostname: 'h' }],
  ] as const) {
    const parsed = parseStartDocuments(decodeDocuments(Buffer.from(text)));
    assert.equal(parsed.start.instance_uuid, instance, name);
    assert.deepEqual([parsed.userData, parsed.metaData], [userData, metaData], name);
  }
  for (const text of ['', user, start + start, start + user + meta + user]) {
    assert.throws(() => parseStartDocuments(decodeDocuments(Buffer.from(text))), InvalidValue, text);
  }
});

test('the configuration’s limits are on unless switched off', () => {
  const { launcher, weft } = parseConfigure({ configure: {} });
  assert.deepEqual(launcher, { compute_net: [], mgmt_net: [], disk_limit: true, mem_limit: true });
  assert.equal(weft, undefined);
});

test('every parser answers arbitrary JSON with a value or a WeftError', () => {
  const wrappers = examples.map(([, , yaml]) => Object.keys(decodePayload(Buffer.from(yaml)) as object)[0] ?? '');
  const values = fc.oneof(
    fc.jsonValue(),
    fc.tuple(fc.constantFrom(...wrappers), fc.jsonValue()).map(([key, value]) => ({ [key]: value })),
  );
  fc.assert(
    fc.property(fc.constantFrom(...examples), values, ([name, parse], value) => {
      try {
        assert.equal(typeof parse(value), 'object', name);
      } catch (error) {
        assert.ok(error instanceof WeftError, `${name}: ${String(error)}`);
      }
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 500) },
  );
});

test('a hint with one arbitrary field is refused by a WeftError, or read as bounded ports that are read the same again', () => {
  const port = fc.record({ mac: fc.constantFrom(mac, '02:00:ac:10:00:03', 'x'), ips: fc.array(fc.ipV4(), { maxLength: 20 }) });
  const fields = fc.oneof(
    fc.tuple(fc.constantFrom('agent_uuid', 'agent_ip', 'vni', 'weft_epoch', 'weft_revision', 'weft_ports'), fc.jsonValue()),
    fc.tuple(fc.constant('weft_ports'), fc.array(fc.oneof(port, fc.jsonValue()), { maxLength: 300 })),
  );
  fc.assert(
    fc.property(fields, ([key, value]) => {
      try {
        const hint = parseTenantAdded(hintWith({ [key]: value }));
        assert.ok(hint.weft_ports.length <= MAX_HINT_PORTS);
        assert.deepEqual(parseTenantAdded({ tenant_added: JSON.parse(JSON.stringify(hint)) }), hint);
      } catch (error) {
        assert.ok(error instanceof WeftError, String(error));
      }
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 500) },
  );
});
