import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WeftError } from '@weft/core/weft-error';
import { Status } from '@weft/ssntp/operands';
import { nodeId, settle } from '../test-support.ts';
import { assertProblem, make, makeNetwork, openRest } from './rest-support.ts';
import type { Call, TestRest } from './rest-support.ts';

type Why = { drops: { where: string; reason: string; direction: string | null; packets: number }[]; notes: { code: string }[] };

/** Red's workload on node 1, its gateway on node 2; both nodes have applied all. */
async function running(rest: TestRest): Promise<Readonly<{ red: Call; port: string; network: string }>> {
  const red = await rest.as('red');
  const { network } = await makeNetwork(red);
  const port = String((await make(red, 'ports', 'port', { network_id: network }))['id']);
  await red('POST', '/v1/instances', { name: 'i', command: ['sleep', '1'], port_id: port });
  for (const n of [1, 2]) {
    rest.link.nodeConnected(nodeId(n));
    rest.link.synced(nodeId(n), { epoch: undefined, revision: 0, digests: {}, kinds: {} });
    rest.link.stats(n, n === 2 ? { roles: ['compute', 'network'] } : {});
  }
  await settle();
  for (const payload of rest.link.take('COMMAND START')) {
    const { start } = payload as { start: { instance_uuid: string; requirements: { network_node: boolean } } };
    const node_uuid = nodeId(start.requirements.network_node ? 2 : 1);
    rest.link.routed(nodeId(9), Status.Reply, { instance_uuid: start.instance_uuid, node_uuid });
  }
  await settle();
  const { epoch, revision } = rest.controller.cluster;
  for (const n of [1, 2]) rest.link.synced(nodeId(n), { epoch, revision, failed: {} });
  return { red, port, network };
}

test('both nodes of a port are asked, and their drops are explained', async () => {
  await using rest = await openRest();
  const { red, port } = await running(rest);
  rest.link.answers = async (op) => ({
    drops:
      op === 'port_drops'
        ? [
            { kind: 'port group received', packets: 5, bytes: 300 },
            { kind: 'port loop none', packets: 1, bytes: 60 },
            { kind: 'port of_a_newer_release sent', packets: 1, bytes: 60 },
          ]
        : [{ kind: 'gateway firewall sent', packets: 2, bytes: 120 }],
  });
  const reply = await red('GET', `/v1/ports/${port}/why`);
  assert.equal(reply.status, 200, reply.raw);
  const { drops, ...rest_ } = reply.body as Why;
  assert.deepEqual(
    drops.map(({ where, reason, direction, packets }) => [where, reason, direction, packets]),
    [
      ['port', 'group', 'received', 5],
      ['port', 'loop', null, 1],
      ['gateway', 'firewall', 'sent', 2],
    ],
  );
  assert.deepEqual(Object.keys(drops[0]!), ['where', 'reason', 'direction', 'packets', 'bytes', 'explanation', 'remedy']);
  assert.deepEqual(rest_, { port_id: port, node_id: nodeId(1), gateway_node_id: nodeId(2), notes: [], unanswered: [] });
  const { mac_address, fixed_ips } = (await red('GET', `/v2.0/ports/${port}`)).body['port'] as {
    mac_address: string;
    fixed_ips: { ip_address: string }[];
  };
  const vni = ((await rest.admin('GET', '/v2.0/networks')).body['networks'] as Record<string, unknown>[])[0]!['provider:segmentation_id'];
  const [gateway] = rest.controller.cluster.state.concentrators.keys();
  assert.deepEqual(rest.link.asked, [
    { op: 'port_drops', destination: nodeId(1), body: { port_id: port, concentrator_uuid: gateway, vni, mac: mac_address } },
    {
      op: 'gateway_drops',
      destination: nodeId(2),
      body: {
        concentrator_uuid: gateway,
        addresses: [fixed_ips[0]!.ip_address],
        public_addresses: [],
        vni,
        mac: mac_address,
      },
    },
  ]);
});

test('a node that is gone, silent or talks nonsense is named, and the other one’s answer is given', async () => {
  await using rest = await openRest();
  const { red, port } = await running(rest);
  const why = async (): Promise<unknown[]> => {
    const { drops, notes, ...body } = (await red('GET', `/v1/ports/${port}/why`)).body as Why & { unanswered: string[] };
    return [drops.length, notes.map(({ code }) => code), body.unanswered];
  };
  const answers = { drops: [{ kind: 'gateway service sent', packets: 1, bytes: 60 }] };
  for (const broken of [
    () => Promise.reject(new WeftError('request_timed_out', 'no answer within 2000 ms')),
    () => Promise.resolve({ drops: [{ kind: 'port mtu sent', packets: -1, bytes: 0 }] }),
    () => Promise.resolve(null),
  ]) {
    rest.link.answers = (op) => (op === 'port_drops' ? broken() : Promise.resolve(answers));
    assert.deepEqual(await why(), [1, ['node_silent'], [nodeId(1)]]);
  }
  rest.link.answers = () => Promise.resolve(answers);
  rest.link.nodeDisconnected(nodeId(2));
  rest.link.asked.length = 0;
  assert.deepEqual((await why()).slice(1), [['node_not_connected'], [nodeId(2)]]);
  assert.deepEqual(
    rest.link.asked.map(({ destination }) => destination),
    [nodeId(1)],
    'and is not asked',
  );
});

test('a tenant sees its own ports only, an administrator all', async () => {
  await using rest = await openRest();
  const { port } = await running(rest);
  rest.link.answers = () => Promise.resolve({ drops: [] });
  const blue = await rest.as('blue');
  assertProblem(await blue('GET', `/v1/ports/${port}/why`), 404, 'not_found', /^port /);
  assert.deepEqual(rest.link.asked, []);
  assert.equal((await rest.admin('GET', `/v1/ports/${port.toUpperCase()}/why`)).status, 200);
  assertProblem(await blue('GET', '/v1/ports/nonsense/why'), 404, 'not_found', /^port /);
});

test('what is plainly in the way is said without asking anybody', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const { network } = await makeNetwork(red);
  const port = String((await make(red, 'ports', 'port', { network_id: network, security_groups: [] }))['id']);
  const codes = async (): Promise<string[]> => ((await red('GET', `/v1/ports/${port}/why`)).body as Why).notes.map(({ code }) => code);
  assert.deepEqual(await codes(), ['nothing_let_in', 'nothing_let_out', 'not_plugged', 'no_gateway']);
  await red('PUT', `/v2.0/ports/${port}`, { port: { admin_state_up: false, port_security_enabled: false } });
  await red('PUT', `/v2.0/networks/${network}`, { network: { admin_state_up: false } });
  await red('POST', '/v1/instances', { name: 'i', command: ['sleep', '1'], port_id: port });
  assert.deepEqual(await codes(), ['port_disabled', 'network_disabled', 'not_placed', 'no_gateway']);
  assert.deepEqual(rest.link.asked, []);
});
