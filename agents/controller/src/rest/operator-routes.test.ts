import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Status } from '@weft/ssntp/operands';
import { nodeId, settle } from '../test-support.ts';
import { assertNeutron, make, makeNetwork, openRest } from './rest-support.ts';

test('nodes are agents to administrators, and nothing to others', async () => {
  await using rest = await openRest();
  rest.link.nodeConnected(nodeId(1));
  await settle();
  const red = await rest.as('red');
  const { agents } = (await rest.admin('GET', '/v2.0/agents')).body as { agents: Record<string, unknown>[] };
  assert.deepEqual(
    agents.map(({ id, alive, agent_type: type }) => [id, alive, type]),
    [
      [nodeId(1), true, 'Weft launcher'],
      [nodeId(2), false, 'Weft launcher'],
    ],
  );
  const { agent } = (await rest.admin('GET', `/v2.0/agents/${nodeId(2)}`)).body as { agent: Record<string, unknown> };
  assert.match(String(agent['heartbeat_timestamp']), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  assert.deepEqual((agent['configurations'] as { roles: unknown }).roles, ['compute', 'network']);
  const alive = (await rest.admin('GET', '/v2.0/agents?alive=true&fields=id')).body;
  assert.deepEqual(alive, { agents: [{ id: nodeId(1) }] });
  assert.deepEqual((await red('GET', '/v2.0/agents')).body, { agents: [] });
  assertNeutron(await red('GET', `/v2.0/agents/${nodeId(2)}`), 404, 'AgentNotFound', /could not be found/);
  assertNeutron(await red('GET', `/v2.0/agents/${nodeId(2)}/dhcp-networks`), 404, 'AgentNotFound', /could not be found/);
  assertNeutron(await rest.admin('POST', '/v2.0/agents', { agent: {} }), 405, 'HTTPMethodNotAllowed', /POST/);
});

test('the zone is available while a node is connected', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const state = async (): Promise<unknown> => (await red('GET', '/v2.0/availability_zones')).body;
  assert.deepEqual(await state(), { availability_zones: [{ name: 'nova', resource: 'network', state: 'unavailable' }] });
  rest.link.nodeConnected(nodeId(1));
  await settle();
  assert.deepEqual(await state(), { availability_zones: [{ name: 'nova', resource: 'network', state: 'available' }] });
});

test('how full a network is, by subnet, for administrators', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const { network, subnet } = await makeNetwork(red);
  await makeNetwork(red, '10.9.0.0/29');
  for (let n = 0; n < 3; n += 1) await make(red, 'ports', 'port', { network_id: network });
  const at = `/v2.0/network-ip-availabilities/${network}`;
  const project = await rest.tenantId('red');
  assert.deepEqual((await rest.admin('GET', at)).body, {
    network_ip_availability: {
      network_id: network,
      network_name: 'n',
      tenant_id: project,
      project_id: project,
      total_ips: 253,
      used_ips: 3,
      subnet_ip_availability: [{ subnet_id: subnet, subnet_name: '', cidr: '10.0.0.0/24', ip_version: 4, total_ips: 253, used_ips: 3 }],
    },
  });
  const count = async (query: string): Promise<number> => {
    const { body } = await rest.admin('GET', `/v2.0/network-ip-availabilities?${query}`);
    return (body['network_ip_availabilities'] as unknown[]).length;
  };
  assert.deepEqual([await count('ip_version=4'), await count('ip_version=6'), await count(`network_id=${network}`)], [2, 0, 1]);
  assert.deepEqual((await red('GET', '/v2.0/network-ip-availabilities')).body, { network_ip_availabilities: [] });
  assertNeutron(await red('GET', at), 404, 'NetworkNotFound', /could not be found/);
});

test('which nodes answer the DHCP of a network, and of which networks a node does', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const { network } = await makeNetwork(red);
  const at = `/v2.0/networks/${network}/dhcp-agents`;
  assert.deepEqual((await rest.admin('GET', at)).body, { agents: [] });
  assert.deepEqual((await rest.admin('GET', `/v2.0/agents/${nodeId(1)}/dhcp-networks`)).body, { networks: [] });
  const { id: port } = await make(red, 'ports', 'port', { network_id: network });
  assert.equal((await red('POST', '/v1/instances', { command: ['true'], port_id: port })).status, 201);
  for (const payload of rest.link.take('COMMAND START')) {
    const { instance_uuid } = (payload as { start: { instance_uuid: string } }).start;
    rest.link.routed(nodeId(9), Status.Reply, { instance_uuid, node_uuid: nodeId(2) });
  }
  await settle();
  const { agents } = (await rest.admin('GET', at)).body as { agents: { id: string }[] };
  assert.deepEqual(
    agents.map(({ id }) => id),
    [nodeId(2)],
  );
  const { networks } = (await rest.admin('GET', `/v2.0/agents/${nodeId(2)}/dhcp-networks`)).body as { networks: { id: string }[] };
  assert.deepEqual(
    networks.map(({ id }) => id),
    [network],
  );
  assertNeutron(await red('GET', at), 403, 'PolicyNotAuthorized', /dhcp-agents/);
  assertNeutron(await (await rest.as('blue'))('GET', at), 404, 'NetworkNotFound', /could not be found/);
});
