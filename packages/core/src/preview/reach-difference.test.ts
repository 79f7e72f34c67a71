import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { cidrContains, parseCidr } from '../cidr.ts';
import type { Cidr } from '../cidr.ts';
import { createFirewallRule } from '../command/firewall-rule.ts';
import { deleteFloatingIp, updateFloatingIp } from '../command/floating-ip.ts';
import { deleteInstance, placeInstance } from '../command/instance.ts';
import { placeConcentrator } from '../command/concentrator.ts';
import { deleteNatRule } from '../command/nat-rule.ts';
import { updatePort } from '../command/port.ts';
import { updateTenant } from '../command/tenant.ts';
import type { Ipv4 } from '../ipv4.ts';
import type { Flow, FlowSource } from '../reach/flow.ts';
import { choicesOf, FAR, nodeId, RANDOM_FACTS, RandomCluster, randomNatRule, ROUTER, SERVICES } from '../reach/random-cluster.testing.ts';
import type { Choose } from '../reach/random-cluster.testing.ts';
import { isDhcpPort } from '../dhcp-service.ts';
import { createReach } from '../reach/reach.ts';
import type { Changes, Resource } from '../resource.ts';
import type { TenantId } from '../uuid.ts';
import { WeftError } from '../weft-error.ts';
import { reachDifference } from './reach-difference.ts';
import type { ReachEnd, ReachLine } from './reach-difference.ts';

/** One change of something that is there. */
function randomChange({ cluster }: RandomCluster, choose: Choose): Changes {
  const { state, context } = cluster;
  const pick = <T>(items: Iterable<T>): T => {
    const list = [...items];
    const item = list[choose(Math.max(1, list.length))];
    if (item === undefined) throw new WeftError('nothing_to_pick', 'there is none');
    return item;
  };
  const port = pick(state.ports.values());
  switch (choose(12)) {
    case 0:
      return updatePort(state, context, port.id, { adminStateUp: !port.adminStateUp });
    case 1:
      return updatePort(state, context, port.id, { securityGroups: [pick(state.groupsOf(port.tenantId)).id], portSecurityEnabled: true });
    case 2:
      return deleteFloatingIp(state, pick(state.floatingIps.values()).id);
    case 3:
      return updateFloatingIp(state, context, pick(state.floatingIps.values()).id, { target: { portId: port.id, fixedIp: undefined } });
    case 4:
      return { put: [], remove: [pick<Resource>(state.securityGroupRules.values())] };
    case 5:
      return {
        put: [
          {
            ...pick(state.securityGroupRules.values()),
            id: context.uuid() as never,
            groupId: pick(state.groupsOf(port.tenantId)).id,
          },
        ],
        remove: [],
      };
    case 6:
      return createFirewallRule(state, context, {
        tenantId: port.tenantId,
        portId: choose(2) === 0 ? port.id : undefined,
        direction: choose(2) === 0 ? 'inbound' : 'outbound',
        action: choose(2) === 0 ? 'allow' : 'deny',
        protocol: 'tcp',
        remoteCidr: choose(2) === 0 ? parseCidr('198.51.100.0/24') : undefined,
        portMin: 80,
        portMax: 80,
        priority: choose(5),
        description: '',
      });
    case 7:
      return choose(2) === 0
        ? deleteInstance(state, context, pick(state.instances.values()).id)
        : placeInstance(state, context, pick(state.instances.values()).id, nodeId(1));
    case 8:
      return placeConcentrator(state, context, pick(state.concentrators.values()).id, nodeId(1));
    case 9:
      return randomNatRule(cluster, choose);
    case 10:
      return deleteNatRule(state, pick(state.natRules.values()).id);
    default:
      return updateTenant(state, context, port.tenantId, { sshReach: choose(2) === 0 });
  }
}

test('every flow of a tenant that fares otherwise after a change is in a line, and no other is', () => {
  let differing = 0;
  fc.assert(
    fc.property(fc.array(fc.nat(9999), { minLength: 350, maxLength: 350 }), (numbers) => {
      const random = new RandomCluster(choicesOf(numbers.slice(10)));
      let changes: Changes;
      try {
        changes = randomChange(random, choicesOf(numbers));
      } catch (error) {
        if (error instanceof WeftError) return;
        throw error;
      }
      const { state } = random.cluster;
      const after = state.fork();
      after.apply(changes);
      const { opens, closes, truncated } = reachDifference(state, after, RANDOM_FACTS, changes);
      if (truncated) return;
      const [was, will] = [createReach(state, RANDOM_FACTS), createReach(after, RANDOM_FACTS)];
      const at = (ask: typeof was, flow: Flow): string | undefined => {
        const { verdict } = ask(flow);
        // What leaves by the uplink although it is for somebody inside reaches nobody.
        const lost = verdict.kind === 'delivered' && verdict.to.kind === 'outside' && flow.destination !== FAR;
        return verdict.kind === 'dropped' || lost ? undefined : JSON.stringify(verdict.to);
      };
      for (const [flow, tenantId] of flowsOf(random)) {
        const [before, now] = [at(was, flow), at(will, flow)];
        const what = `after ${[...changes.put, ...changes.remove].map(({ kind, id }) => `${kind} ${id}`).join()}: ${JSON.stringify(flow)} of ${tenantId}: ${before} → ${now}`;
        if (before !== now) differing += 1;
        assert.equal(
          opens.some((line) => covers(line, flow)),
          now !== undefined && before !== now,
          `${what} opens`,
        );
        assert.equal(
          closes.some((line) => covers(line, flow)),
          before !== undefined && before !== now,
          `${what} closes`,
        );
      }
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 150) },
  );
  assert.ok(differing > 0, 'something differed');
});

/** Of each tenant: between its ports, from outside to its public addresses, and from its ports outside. */
function* flowsOf({ cluster: { state } }: RandomCluster): Generator<readonly [Flow, TenantId]> {
  const outside: FlowSource[] = [ROUTER, FAR].map((address) => ({ kind: 'outside', address }));
  for (const tenant of state.tenants.values()) {
    const ports = [...state.ports.values()].filter((port) => port.tenantId === tenant.id && !isDhcpPort(port));
    const inside = ports.flatMap(({ id, fixedIps }) => fixedIps.map(({ address }) => ({ kind: 'port', portId: id, address }) as const));
    const publicAddresses = [...state.floatingIpsOf(tenant.id)].map(({ address }) => address);
    const own = state.concentratorOf(tenant.id)?.uplink;
    for (const [protocol, port] of SERVICES) {
      const common = { protocol, port };
      for (const from of inside) {
        for (const { portId, address } of inside) if (portId !== from.portId) yield [{ from, destination: address, ...common }, tenant.id];
      }
      for (const from of outside) for (const destination of publicAddresses) yield [{ from, destination, ...common }, tenant.id];
      // An echo request to the gateway's own address leads to nobody, and is not asked about.
      if (own !== undefined && protocol !== 'icmp') {
        for (const from of outside) yield [{ from, destination: own.address, ...common }, tenant.id];
      }
      for (const from of inside) yield [{ from, destination: FAR, ...common }, tenant.id];
    }
  }
}

function covers({ from, to, protocol, ports }: ReachLine, flow: Flow): boolean {
  const source =
    flow.from.kind === 'port'
      ? { portId: flow.from.portId, address: flow.from.address! }
      : { portId: undefined, address: (flow.from as { address: string }).address };
  const isPort =
    ports === undefined ||
    ports.split(',').some((range) => {
      const [first, last = first] = range.split('-').map(Number);
      return flow.port! >= first! && flow.port! <= last!;
    });
  // A prefix means what is outside of it only.
  if (to.address.includes('/') && flow.destination !== FAR) return false;
  return protocol === flow.protocol && isPort && isEnd(from, source) && isEnd(to, { portId: to.portId, address: flow.destination });
}

function isEnd(end: ReachEnd, { portId, address }: ReachEnd): boolean {
  if (end.portId !== portId) return false;
  const holds = (prefix: string): boolean => cidrContains(prefix as Cidr, address as Ipv4);
  return end.address.includes('/') ? holds(end.address) && end.except?.some(holds) !== true : end.address === address;
}

test('a change that concerns more than is asked or listed says so, and lists no more than that', () => {
  const { cluster } = new RandomCluster(choicesOf([2]));
  const { state } = cluster;
  const network = cluster.network(cluster.tenant().id);
  cluster.subnet(network, '10.5.0.0/24');
  const ports = Array.from({ length: 6 }, () => cluster.port(network));
  for (const { id } of ports) cluster.do(placeInstance(state, cluster.context, cluster.instance(id).id, nodeId(1)));
  const rules = [...state.rulesOf(ports[0]!.securityGroups[0]!)];
  const changes = { put: [], remove: rules.filter(({ direction }) => direction === 'ingress') };
  const after = state.fork();
  after.apply(changes);
  const all = reachDifference(state, after, RANDOM_FACTS, changes);
  assert.deepEqual([all.opens.length, all.closes.length, all.truncated], [0, 6 * 5 * 3, false]);
  assert.deepEqual(
    new Set(all.closes.map(({ protocol, ports: range, after: then }) => `${protocol} ${range} ${then}`)),
    new Set(['icmp undefined ingress_group', 'tcp 1-65535 ingress_group', 'udp 1-65535 ingress_group']),
  );
  for (const limits of [
    { flows: 40, lines: 200, ports: 500 },
    { flows: 20_000, lines: 7, ports: 500 },
    { flows: 20_000, lines: 200, ports: 2 },
  ]) {
    const { opens, closes, truncated } = reachDifference(state, after, RANDOM_FACTS, changes, limits);
    assert.equal(truncated, true, JSON.stringify(limits));
    assert.ok(opens.length + closes.length <= Math.min(limits.lines, limits.flows) && closes.length > 0, JSON.stringify(limits));
  }
});
