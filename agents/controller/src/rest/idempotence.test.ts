/** Every command twice gives the same answer and no second event (ciao.md §14, row 30). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainFrame } from '@weft/ssntp/frame';
import type { Frame } from '@weft/ssntp/frame';
import { ErrorOperand, EventOperand, FrameType, Status } from '@weft/ssntp/operands';
import { encodePayload } from '@weft/ssntp/payload';
import { nodeId, settle } from '../test-support.ts';
import { make, makeNetwork, openRest } from './rest-support.ts';
import type { Call, TestRest } from './rest-support.ts';

type World = Readonly<
  Record<'network' | 'subnet' | 'port' | 'other' | 'floating' | 'second' | 'forwarding' | 'rule' | 'instance', string>
> &
  Readonly<{ rest: TestRest; red: Call; tenant: string; outside: string; address: string }>;

/** One of everything, all of it tenant red's; nodes 1 and 2 are connected and follow. */
async function openWorld(): Promise<World & AsyncDisposable> {
  const rest = await openRest();
  const red = await rest.as('red');
  const outside = String((await make(rest.admin, 'networks', 'network', { 'router:external': true }))['id']);
  await make(rest.admin, 'subnets', 'subnet', { network_id: outside, ip_version: 4, cidr: '203.0.113.0/24', enable_dhcp: false });
  const { network, subnet } = await makeNetwork(red);
  const port = (await make(red, 'ports', 'port', { network_id: network })) as Record<string, unknown>;
  const other = (await make(red, 'ports', 'port', { network_id: network })) as Record<string, unknown>;
  const addressOf = (of: Record<string, unknown>): string => (of['fixed_ips'] as { ip_address: string }[])[0]!.ip_address;
  const floating = await make(red, 'floatingips', 'floatingip', { floating_network_id: outside });
  const second = String((await make(red, 'floatingips', 'floatingip', { floating_network_id: outside }))['id']);
  const forwarding = await red('POST', `/v2.0/floatingips/${second}/port_forwardings`, {
    port_forwarding: forwardingOf(String(other['id']), addressOf(other)),
  });
  assert.equal(forwarding.status, 201, forwarding.raw);
  const rule = await red('POST', '/v1/firewall-rules', { direction: 'inbound', action: 'deny' });
  const instance = await red('POST', '/v1/instances', { command: ['true'], port_id: port['id'] });
  for (const n of [1, 2]) {
    rest.link.nodeConnected(nodeId(n));
    rest.link.synced(nodeId(n), { epoch: undefined, revision: 0, digests: {}, kinds: {} });
  }
  for (const payload of rest.link.take('COMMAND START')) {
    const { start } = payload as { start: { instance_uuid: string; requirements: { network_node: boolean } } };
    const node_uuid = nodeId(start.requirements.network_node ? 2 : 1);
    rest.link.routed(nodeId(9), Status.Reply, { instance_uuid: start.instance_uuid, node_uuid });
  }
  await settle();
  return {
    rest,
    red,
    outside,
    network,
    subnet,
    second,
    tenant: await rest.tenantId('red'),
    port: String(port['id']),
    other: String(other['id']),
    address: addressOf(other),
    floating: String(floating['id']),
    forwarding: String((forwarding.body['port_forwarding'] as { id: string }).id),
    rule: String(rule.body['id']),
    instance: String(instance.body['id']),
    [Symbol.asyncDispose]: () => rest[Symbol.asyncDispose](),
  };
}

function forwardingOf(internal_port_id: string, internal_ip_address: string): object {
  return { protocol: 'tcp', external_port: 80, internal_port: 8080, internal_port_id, internal_ip_address };
}

/** Runs something that is to change nothing: no revision, no word to any node, no event. */
async function changesNothing<T>({ rest }: World, what: string, action: () => T | Promise<T>): Promise<T> {
  await settle();
  rest.link.sent.length = 0;
  rest.clock.advance(5000);
  const facts = (): unknown[] => [rest.store.model.revision, rest.controller.events.last];
  const before = facts();
  const result = await action();
  await settle();
  assert.deepEqual([facts(), rest.link.sent], [before, []], what);
  return result;
}

test('an update that is sent twice is answered the same and does nothing the second time', async () => {
  await using world = await openWorld();
  const { red, port, other, address } = world;
  const updates: readonly (readonly [path: string, body: object])[] = [
    [`/v2.0/networks/${world.network}`, { network: { name: 'n', description: 'd', admin_state_up: false, mtu: 1400 } }],
    [
      `/v2.0/subnets/${world.subnet}`,
      {
        subnet: {
          name: 's',
          dns_nameservers: ['192.0.2.53'],
          enable_dhcp: true,
          allocation_pools: [{ start: '10.0.0.2', end: '10.0.0.99' }],
        },
      },
    ],
    [`/v2.0/ports/${other}`, { port: { name: 'p', fixed_ips: [{ ip_address: address }], admin_state_up: true } }],
    [`/v2.0/ports/${other}`, { port: { fixed_ips: [{ subnet_id: world.subnet }] } }],
    [`/v2.0/ports/${other}`, { port: { security_groups: [], port_security_enabled: false } }],
    [`/v2.0/floatingips/${world.floating}`, { floatingip: { port_id: port } }],
    [`/v2.0/floatingips/${world.floating}`, { floatingip: { description: 'web' } }],
    [`/v2.0/floatingips/${world.floating}`, { floatingip: {} }],
    [`/v2.0/floatingips/${world.floating}`, { floatingip: { port_id: null } }],
    [`/v2.0/floatingips/${world.second}/port_forwardings/${world.forwarding}`, { port_forwarding: forwardingOf(other, address) }],
    [`/v2.0/floatingips/${world.second}/port_forwardings/${world.forwarding}`, { port_forwarding: { external_port: 81 } }],
    [`/v1/tenants/${world.tenant}`, { ssh_reach: true }],
    [`/v1/firewall-rules/${world.rule}`, { priority: 7, protocol: 'tcp', port_min: 80, port_max: 80, remote_cidr: '0.0.0.0/0' }],
    [`/v1/firewall-rules/${world.rule}`, { protocol: null, port_min: null, port_max: null }],
  ];
  for (const [path, body] of updates) {
    const first = await red('PUT', path, body);
    assert.equal(first.status, 200, first.raw);
    const again = await changesNothing(world, `PUT ${path} ${JSON.stringify(body)}`, () => red('PUT', path, body));
    assert.deepEqual([again.status, again.body], [200, first.body], path);
  }
});

test('what is deleted twice is gone the first time, and not there the second', async () => {
  await using world = await openWorld();
  const paths: readonly (readonly [path: string, type: string])[] = [
    [`/v1/firewall-rules/${world.rule}`, 'not_found'],
    [`/v1/instances/${world.instance}`, 'not_found'],
    [`/v2.0/floatingips/${world.second}/port_forwardings/${world.forwarding}`, 'PortForwardingNotFound'],
    [`/v2.0/floatingips/${world.second}`, 'FloatingIPNotFound'],
    [`/v2.0/floatingips/${world.floating}`, 'FloatingIPNotFound'],
    [`/v2.0/ports/${world.other}`, 'PortNotFound'],
    [`/v2.0/ports/${world.port}`, 'PortNotFound'],
    [`/v2.0/subnets/${world.subnet}`, 'SubnetNotFound'],
    [`/v2.0/networks/${world.network}`, 'NetworkNotFound'],
  ];
  for (const [path, type] of paths) {
    const first = await world.red('DELETE', path);
    assert.equal(first.status, 204, `${path} ${first.raw}`);
    const again = await changesNothing(world, `DELETE ${path}`, () => world.red('DELETE', path));
    const { NeutronError, code } = again.body as { NeutronError?: { type: string }; code?: string };
    assert.deepEqual([again.status, NeutronError?.type ?? code], [404, type], path);
  }
});

test('a frame of a node that comes twice says nothing new', async () => {
  await using world = await openWorld();
  const { rest } = world;
  const concentrator = [...rest.controller.cluster.state.concentrators.keys()][0]!;
  const event = (operand: number, payload: object): Frame => plainFrame(FrameType.EVENT, operand, encodePayload(payload));
  const added = {
    instance_uuid: concentrator,
    tenant_uuid: world.tenant,
    concentrator_ip: '10.88.0.2',
    concentrator_mac: '02:00:00:00:00:02',
  };
  const { floatingip } = (await world.red('PUT', `/v2.0/floatingips/${world.floating}`, { floatingip: { port_id: world.port } })).body as {
    floatingip: { floating_ip_address: string; fixed_ip_address: string };
  };
  const mapping = {
    concentrator_uuid: concentrator,
    instance_uuid: world.instance,
    public_ip: floatingip.floating_ip_address,
    private_ip: floatingip.fixed_ip_address,
  };
  const failure = plainFrame(FrameType.ERROR, ErrorOperand.AssignPublicIPFailure, encodePayload({ ...mapping, reason: 'assign_failure' }));
  const frames: readonly (readonly [what: string, send: () => void])[] = [
    ['STATS', () => rest.link.stats(1)],
    ['Reply', () => rest.link.routed(nodeId(9), Status.Reply, { instance_uuid: world.instance, node_uuid: nodeId(1) })],
    [
      'ConcentratorInstanceAdded',
      () =>
        rest.link.handler.frame(
          event(EventOperand.ConcentratorInstanceAdded, { concentrator_instance_added: { ...added, node_uuid: nodeId(2) } }),
        ),
    ],
    [
      'InstanceStopped',
      () =>
        rest.link.handler.frame(
          event(EventOperand.InstanceStopped, { instance_stopped: { instance_uuid: world.instance, node_uuid: nodeId(1) } }),
        ),
    ],
    ['PublicIPAssigned', () => rest.link.handler.frame(event(EventOperand.PublicIPAssigned, { public_ip_assigned: mapping }))],
    ['PublicIPUnassigned', () => rest.link.handler.frame(event(EventOperand.PublicIPUnassigned, { public_ip_unassigned: mapping }))],
    ['AssignPublicIPFailure', () => rest.link.handler.frame(failure)],
    [
      'Synced',
      () => rest.link.synced(nodeId(2), { epoch: rest.controller.cluster.epoch, revision: rest.controller.cluster.revision, failed: {} }),
    ],
    ['NodeDisconnected', () => rest.link.nodeDisconnected(nodeId(1))],
  ];
  for (const [what, send] of frames) {
    send();
    await changesNothing(world, what, send);
  }
});
