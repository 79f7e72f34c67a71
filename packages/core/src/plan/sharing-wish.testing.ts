import { parseCidr } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import type { CommandContext } from '../command/context.ts';
import { updateNetwork } from '../command/network.ts';
import { createPort } from '../command/port.ts';
import { createRbacPolicy, deleteRbacPolicy, updateRbacPolicy } from '../command/rbac-policy.ts';
import { createSubnet } from '../command/subnet.ts';
import { EVERYBODY, RBAC_ACTIONS } from '../rbac-policy.ts';
import type { Changes } from '../resource.ts';

type Picking = Readonly<{ a: number; b: number; pick: <T>(items: Iterable<T>, n: number) => T }>;

/** A command about who else may use a network, or of one who does. */
export function decideSharing(state: ClusterState, ctx: CommandContext, { a, b, pick }: Picking): Changes {
  const tenantId = pick(state.tenants.values(), b).id;
  const shared = [...state.rbacPolicies.values()].filter(({ action }) => action === 'access_as_shared');
  switch (b % 8) {
    case 0:
      return updateNetwork(state, ctx, pick(state.networks.values(), a).id, { shared: a % 3 > 0 });
    case 1: {
      const action = RBAC_ACTIONS[a % 4 === 0 ? 1 : 0];
      return createRbacPolicy(state, ctx, { objectId: pick(state.networks.values(), a).id, action, target: tenantId });
    }
    case 2:
      return a % 3 === 0
        ? deleteRbacPolicy(state, ctx, pick(state.rbacPolicies.values(), a).id)
        : updateRbacPolicy(state, ctx, pick(state.rbacPolicies.values(), a).id, a % 4 === 1 ? EVERYBODY : tenantId);
    case 3:
      // Addresses that a project may have on no other network.
      return createSubnet(state, ctx, {
        networkId: pick(shared, a).objectId,
        name: '',
        description: '',
        cidr: parseCidr(`10.7.${a % 6}.0/28`),
        gatewayIp: undefined,
        enableDhcp: true,
        dnsNameservers: [],
        allocationPools: undefined,
      });
    default:
      return createPort(state, ctx, {
        networkId: pick(shared, a).objectId,
        tenantId,
        name: '',
        description: '',
        adminStateUp: true,
        mac: undefined,
        fixedIps: undefined,
        securityGroups: undefined,
        portSecurityEnabled: undefined,
        deviceId: '',
        deviceOwner: '',
      });
  }
}
