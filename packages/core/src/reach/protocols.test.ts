import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeConcentrator } from '../command/concentrator.ts';
import { placeInstance } from '../command/instance.ts';
import { TestCluster } from '../command/test-support.ts';
import { parseIpProtocol } from '../ip-protocol.ts';
import type { IpAddress } from '../ip.ts';
import type { Flow } from './flow.ts';
import { createReach } from './reach.ts';

type Service = Pick<Flow, 'protocol' | 'port' | 'icmp'>;
const SCTP: Service = { protocol: 'sctp', port: 80 };
const GRE: Service = { protocol: '47' };
const ECHO: Service = { protocol: 'icmp' };
const TIMESTAMP: Service = { protocol: 'icmp', icmp: { type: 13, code: 0 } };

/** A network with a gateway and two ports, of which the second has one rule for what it gets. */
function scene() {
  const cluster = new TestCluster();
  const nodeId = cluster.node(1);
  const tenant = cluster.tenant();
  const network = cluster.network(tenant.id);
  cluster.subnet(network, '10.0.0.0/24');
  const [from, to] = [cluster.port(network), cluster.port(network)];
  const { state, context } = cluster;
  for (const { id } of [from, to]) cluster.do(placeInstance(state, context, cluster.instance(id).id, nodeId));
  cluster.do(placeConcentrator(state, context, state.concentratorOf(tenant.id)!.id, nodeId));
  const old = [...state.securityGroupRules.values()].find(({ direction, ethertype }) => direction === 'ingress' && ethertype === 'IPv4')!;
  const rule = (protocol: string | undefined, portMin?: number, portMax?: number): void => {
    const word = protocol === undefined ? undefined : parseIpProtocol(protocol, 'protocol');
    cluster.do({ put: [{ ...old, protocol: word, portMin, portMax, remoteGroupId: undefined }], remove: [] });
  };
  const fate = (destination: IpAddress, service: Service): string => {
    const { verdict } = createReach(state, { infrastructure: [] })({ from: { kind: 'port', portId: from.id }, destination, ...service });
    return verdict.kind === 'dropped' ? verdict.reason : verdict.to.kind;
  };
  return { rule, fate, to: to.fixedIps[0]!.address };
}

test('a group’s rules tell protocols and ICMP messages apart', () => {
  const { rule, fate, to } = scene();
  const passing = (...of: Parameters<typeof rule>): boolean[] => {
    rule(...of);
    return [SCTP, GRE, ECHO, TIMESTAMP].map((service) => fate(to, service) === 'port');
  };
  assert.deepEqual(passing(undefined), [true, true, true, true]);
  assert.deepEqual(passing('sctp', 79, 80), [true, false, false, false]);
  assert.deepEqual(passing('132', 81), [false, false, false, false]);
  assert.deepEqual(passing('gre'), [false, true, false, false]);
  assert.deepEqual(passing('icmp'), [false, false, true, true]);
  assert.deepEqual(passing('icmp', 13, 0), [false, false, false, true]);
  assert.deepEqual(passing('icmp', 8), [false, false, true, false]);
});

test('a gateway answers echo requests, and no other ICMP message or protocol', () => {
  const { fate } = scene();
  const fates = [ECHO, TIMESTAMP, GRE, SCTP].map((service) => fate('10.0.0.1' as IpAddress, service));
  assert.deepEqual(fates, ['gateway', 'gateway_closed', 'gateway_closed', 'gateway_closed']);
});
