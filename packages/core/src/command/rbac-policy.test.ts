import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { ClusterState } from '../cluster-state.ts';
import { decideSharing } from '../plan/sharing-wish.testing.ts';
import type { Changes, Network, Port, Tenant } from '../resource.ts';
import { isExternalTo, isSharedWith } from '../sharing.ts';
import { WeftError } from '../weft-error.ts';
import { createFirewallRule } from './firewall-rule.ts';
import { createFloatingIp } from './floating-ip.ts';
import { createNatRule } from './nat-rule.ts';
import { deleteNetwork, updateNetwork } from './network.ts';
import { deletePort, updatePort } from './port.ts';
import { createPortForwarding } from './port-forwarding.ts';
import { createRbacPolicy, deleteRbacPolicy, updateRbacPolicy } from './rbac-policy.ts';
import { addRouterInterface } from './router-interface.ts';
import { createRouter } from './router.ts';
import { deleteTenant } from './tenant.ts';
import { assertRefused, TestCluster } from './test-support.ts';

type Scene = Readonly<{ cluster: TestCluster; owner: Tenant; guest: Tenant; network: Network }>;

/** A network of `owner` with 10.0.0.0/24, and a project that has nothing. */
function scene(): Scene {
  const cluster = new TestCluster();
  const [owner, guest] = [cluster.tenant('owner'), cluster.tenant('guest')];
  const network = cluster.network(owner.id);
  cluster.subnet(network, '10.0.0.0/24');
  return { cluster, owner, guest, network };
}

function share({ cluster, network }: Scene, target: string) {
  return cluster.do(createRbacPolicy(cluster.state, cluster.context, { objectId: network.id, action: 'access_as_shared', target }));
}

test('a port of another project is on a network only where a policy lets it, and it is its own project’s, groups and all', () => {
  const the = scene();
  const { cluster, guest, network } = the;
  const port = () => cluster.tryToPort(network, { tenantId: guest.id });
  assertRefused(cluster, port, 'network_not_shared', /is not shared with project/);
  share(the, guest.id);
  const [group] = cluster.state.groupsOf(guest.id);
  const made = cluster.do(port()).port;
  assert.deepEqual([made.tenantId, made.securityGroups], [guest.id, [group?.id]]);
  const [foreign] = cluster.state.groupsOf(network.tenantId);
  const securityGroups = foreign === undefined ? [] : [foreign.id];
  assertRefused(cluster, () => updatePort(cluster.state, cluster.context, made.id, { securityGroups }), 'not_found');
  assert.equal(cluster.state.ownedCount(guest.id, 'port'), 1, 'it counts for its own project');
  assertRefused(cluster, () => deleteTenant(cluster.state, guest.id), 'tenant_in_use', /still has ports on network/);
});

test('what a policy lets somebody have, it is not taken back from', () => {
  const the = scene();
  const { cluster, guest, network } = the;
  const { rbacPolicy } = share(the, guest.id);
  assertRefused(cluster, () => createRbacPolicy(cluster.state, cluster.context, rbacPolicy), 'duplicate_rbac_policy');
  const port = cluster.port(network, { tenantId: guest.id });
  const remove = () => deleteRbacPolicy(cluster.state, cluster.context, rbacPolicy.id);
  assertRefused(cluster, remove, 'rbac_policy_in_use', new RegExp(`port ${port.id}`));
  assertRefused(cluster, () => updateRbacPolicy(cluster.state, cluster.context, rbacPolicy.id, 'nobody'), 'rbac_policy_in_use');
  const all = cluster.do(updateNetwork(cluster.state, cluster.context, network.id, { shared: true }));
  assert.equal(all.put.length, 1, 'shared is a policy');
  cluster.do(remove());
  const unshare = () => updateNetwork(cluster.state, cluster.context, network.id, { shared: false });
  assertRefused(cluster, unshare, 'invalid_shared_setting', /Multiple tenants are using it/);
  cluster.do(deletePort(cluster.state, cluster.context, port.id));
  cluster.do(unshare());
  assert.equal(isSharedWith(cluster.state, network.id, guest.id), false);
  assert.deepEqual(cluster.do(unshare()).put, [], 'once more it is no change');
  cluster.do(updateNetwork(cluster.state, cluster.context, network.id, { shared: true }));
  cluster.do(deleteNetwork(cluster.state, network.id));
  assert.equal(cluster.state.rbacPolicies.size, 0, 'policies go with their network');
});

test('policies for a project go with the project', () => {
  const the = scene();
  share(the, the.guest.id);
  the.cluster.do(deleteTenant(the.cluster.state, the.guest.id));
  assert.equal(the.cluster.state.rbacPolicies.size, 0);
});

test('a network is outside for whom a policy says so, and internal again with the last one', () => {
  const { cluster, owner, guest } = scene();
  const network = cluster.network(owner.id);
  const now = () => cluster.state.networks.get(network.id)!;
  const policy = (target: string) =>
    createRbacPolicy(cluster.state, cluster.context, { objectId: network.id, action: 'access_as_external', target });
  const { rbacPolicy } = cluster.do(policy(guest.id));
  assert.deepEqual([now().external, isExternalTo(cluster.state, now(), guest.id)], [true, true]);
  assert.equal(isExternalTo(cluster.state, now(), owner.id), false);
  cluster.subnet(now(), '203.0.113.0/24', { enableDhcp: false });
  const plain = { description: '', subnetId: undefined, address: undefined, target: undefined };
  cluster.do(createFloatingIp(cluster.state, cluster.context, { ...plain, tenantId: guest.id, floatingNetworkId: network.id }));
  const remove = () => deleteRbacPolicy(cluster.state, cluster.context, rbacPolicy.id);
  assertRefused(cluster, remove, 'rbac_policy_in_use', /floating IP/);
  const { rbacPolicy: all } = cluster.do(policy('*'));
  cluster.do(remove());
  assert.equal(isExternalTo(cluster.state, now(), owner.id), true);
  assertRefused(cluster, () => deleteRbacPolicy(cluster.state, cluster.context, all.id), 'rbac_policy_in_use', /floating IP/);
  const [floating] = cluster.state.floatingIps.values();
  cluster.do({ put: [], remove: floating === undefined ? [] : [floating] });
  cluster.do(deleteRbacPolicy(cluster.state, cluster.context, all.id));
  assert.equal(now().external, false);
});

test('an external network of before there were policies is everybody’s, and stays so beside a new policy', () => {
  const { cluster, owner, guest } = scene();
  const network = cluster.network(owner.id, { external: true });
  cluster.do({ put: [], remove: [...cluster.state.policiesOf(network.id)] });
  assert.equal(isExternalTo(cluster.state, network, guest.id), true);
  const wish = { objectId: network.id, action: 'access_as_external', target: owner.id } as const;
  cluster.do(createRbacPolicy(cluster.state, cluster.context, wish));
  assert.equal(isExternalTo(cluster.state, network, guest.id), true);
});

test('nothing of its own project’s gateway leads to a guest, and each wish for that says so', () => {
  const the = scene();
  const { cluster, guest, network } = the;
  const external = cluster.network(the.owner.id, { external: true });
  cluster.subnet(external, '203.0.113.0/24', { enableDhcp: false });
  share(the, guest.id);
  const port = cluster.port(network, { tenantId: guest.id });
  const { state, context } = cluster;
  const plain = { tenantId: guest.id, description: '', subnetId: undefined, address: undefined, floatingNetworkId: external.id };
  const target = { portId: port.id, fixedIp: undefined };
  assertRefused(cluster, () => createFloatingIp(state, context, { ...plain, target }), 'external_gateway_not_found', /not reachable/);
  const { floatingIp } = cluster.do(createFloatingIp(state, context, { ...plain, target: undefined }));
  const forwarding = {
    description: '',
    protocol: 'tcp',
    externalFirst: 80,
    externalLast: 80,
    internalFirst: 80,
    internalLast: 80,
  } as const;
  const to = { internalPortId: port.id, internalAddress: port.fixedIps[0]!.address };
  assertRefused(
    cluster,
    () => createPortForwarding(state, context, floatingIp.id, { ...forwarding, ...to }),
    'invalid_port_forwarding',
    /another project's network/,
  );
  const rule = { tenantId: guest.id, portId: port.id, protocol: undefined, remoteCidr: undefined, portMin: undefined, portMax: undefined };
  const more = { priority: 1, description: '' };
  const firewall = () => createFirewallRule(state, context, { ...rule, ...more, direction: 'inbound', action: 'deny' });
  assertRefused(cluster, firewall, 'invalid_firewall_rule', /another project's network/);
  const nat = () =>
    createNatRule(state, context, { ...rule, ...more, direction: 'outbound', floatingIpId: floatingIp.id, toPort: undefined });
  assertRefused(cluster, nat, 'invalid_nat_rule', /another project's network/);
  const named = { name: '', description: '', adminStateUp: true, externalGateway: undefined };
  const { router } = cluster.do(createRouter(state, context, { ...named, tenantId: guest.id }));
  for (const wish of [
    { subnetId: port.fixedIps[0]!.subnetId, portId: undefined },
    { subnetId: undefined, portId: port.id },
  ]) {
    assertRefused(cluster, () => addRouterInterface(state, context, router.id, wish), 'foreign_network', /of another project/);
  }
});

test('a workload on a shared network brings the gateway of the network’s project back', () => {
  const the = scene();
  const { cluster, owner, guest, network } = the;
  share(the, guest.id);
  const gateway = cluster.state.concentratorOf(owner.id);
  cluster.do({ put: [], remove: gateway === undefined ? [] : [gateway] });
  cluster.instance(cluster.port(network, { tenantId: guest.id }).id);
  assert.ok(cluster.state.concentratorOf(owner.id) !== undefined);
  assert.equal(cluster.state.concentratorOf(guest.id), undefined);
});

test('on a shared network nobody has an address that is also a member’s elsewhere: neither by sharing, nor by subnets, nor by ports', () => {
  const the = scene();
  const { cluster, owner, guest, network } = the;
  const { state, context } = cluster;
  const other = cluster.network(owner.id);
  cluster.subnet(other, '10.0.0.0/16', { gatewayIp: null });
  const wish = { objectId: network.id, action: 'access_as_shared', target: guest.id } as const;
  assertRefused(cluster, () => createRbacPolicy(state, context, wish), 'shared_addresses_overlap', /cannot be shared/);
  assertRefused(cluster, () => updateNetwork(state, context, network.id, { shared: true }), 'shared_addresses_overlap');
  cluster.do(deleteNetwork(state, other.id));
  share(the, guest.id);
  const again = cluster.network(owner.id);
  assertRefused(cluster, () => cluster.tryToSubnet(again, '10.0.0.128/25', { gatewayIp: null }), 'subnet_overlap', /is shared/);

  const home = cluster.network(guest.id);
  const twin = cluster.subnet(home, '10.0.0.0/24');
  assertRefused(cluster, () => cluster.tryToPort(network, { tenantId: guest.id }), 'shared_addresses_overlap', new RegExp(twin.id));
  cluster.do({ put: [], remove: [twin] });
  cluster.port(network, { tenantId: guest.id });
  assertRefused(cluster, () => cluster.tryToSubnet(home, '10.0.0.0/24'), 'subnet_overlap', /one of the networks is shared/);
  cluster.subnet(home, '10.1.0.0/24');
  assertRefused(cluster, () => cluster.tryToSubnet(network, '10.1.0.0/24'), 'subnet_overlap', /what a project with ports on it has/);
  cluster.subnet(network, '10.2.0.0/24');
});

/** Ports that a port's groups would let in as members of a group of its project, though another project's, and in no group of it. */
function strangers(state: ClusterState): readonly (readonly [Port, Port])[] {
  return [...state.ports.values()].flatMap((port) =>
    [...state.portsOf(port.networkId)].flatMap((other) => {
      if (other.tenantId === port.tenantId) return [];
      const rules = port.securityGroups.flatMap((id) => [...state.rulesOf(id)]);
      const taken = rules.some(
        ({ remoteGroupId }) => remoteGroupId !== undefined && other.fixedIps.some(({ address }) => state.isMember(remoteGroupId, address)),
      );
      return taken ? [[port, other] as const] : [];
    }),
  );
}

test('whatever is shared, made and deleted, no group takes a stranger on its segment for a member of its project', () => {
  const wish = fc.record({ verb: fc.nat(6), a: fc.nat(20), b: fc.nat(20) });
  let guests = 0;
  fc.assert(
    fc.property(fc.array(wish, { minLength: 20, maxLength: 60, size: 'max' }), (wishes) => {
      const cluster = new TestCluster();
      const { state, context } = cluster;
      const tenants = [cluster.tenant(), cluster.tenant(), cluster.tenant()];
      for (const { id } of tenants) cluster.network(id);
      const pick = <T>(items: Iterable<T>, n: number): T => {
        const all = [...items];
        const item = all[n % Math.max(all.length, 1)];
        if (item === undefined) throw new WeftError('nothing_to_pick', 'there is none');
        return item;
      };
      const decide = ({ verb, a, b }: { verb: number; a: number; b: number }): Changes => {
        const network = (): Network => pick(state.networks.values(), a);
        switch (verb) {
          case 0:
            return cluster.tryToSubnet(network(), `10.${b % 4}.0.0/${b % 3 === 0 ? 16 : 24}`, { gatewayIp: null });
          case 1:
            return cluster.tryToPort(network());
          case 2:
            return deletePort(state, context, pick(state.ports.values(), a).id);
          default:
            return decideSharing(state, context, { a, b, pick });
        }
      };
      for (const each of wishes) {
        try {
          cluster.do(decide(each));
        } catch (error) {
          if (!(error instanceof WeftError)) throw error;
        }
        assert.deepEqual(strangers(state), []);
        for (const port of state.ports.values()) {
          if (state.networks.get(port.networkId)?.tenantId === port.tenantId) continue;
          assert.ok(isSharedWith(state, port.networkId, port.tenantId), 'a guest is let in by a policy');
          guests += 1;
        }
      }
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 60) },
  );
  assert.ok(guests > 0, 'some ports were guests');
});

test('a port wish without a project is the network’s; of a project that there is not, it is refused', () => {
  const { cluster, owner, network } = scene();
  assert.equal(cluster.port(network).tenantId, owner.id);
  const nobody = 'ffffffff-0000-4000-8000-000000000009' as Tenant['id'];
  assertRefused(cluster, () => cluster.tryToPort(network, { tenantId: nobody }), 'not_found', /tenant/);
});
