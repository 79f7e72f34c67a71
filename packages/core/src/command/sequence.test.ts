import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ClusterState } from '../cluster-state.ts';
import type { Changes, Resource } from '../resource.ts';
import type { TenantId, Uuid } from '../uuid.ts';
import { Conflict } from './context.ts';
import type { CommandContext } from './context.ts';
import { createNetwork, deleteNetwork } from './network.ts';
import { createPort, deletePort } from './port.ts';
import { sequence } from './sequence.ts';
import { createSubnet } from './subnet.ts';
import { createTenant } from './tenant.ts';
import { parseCidr } from '../cidr.ts';

function newContext(): CommandContext {
  let count = 0;
  return {
    now: '2026-11-20T09:00:00Z',
    uuid: () => `00000000-0000-4000-8000-${(++count).toString(16).padStart(12, '0')}` as Uuid,
    random: (bytes) => Uint8Array.from({ length: bytes }, (_, index) => (++count * 31 + index) % 256),
    cluster: {
      mtu: 1450,
      vniRange: { first: 10_000, last: 10_100 },
      defaultTopology: 'mesh',
      computeCidrs: [],
      managementCidrs: [],
      uplink: undefined,
      sshPorts: undefined,
    },
  };
}

function tenantState(context: CommandContext): Readonly<{ state: ClusterState; tenantId: TenantId }> {
  const state = new ClusterState();
  const changes = createTenant(state, context, { name: 't', tokenHash: 'x' });
  state.apply(changes);
  return { state, tenantId: changes.tenant.id };
}

const records = (state: ClusterState): readonly Resource[] => [...state.all()].toSorted((a, b) => (a.id < b.id ? -1 : 1));

type Step = 'network' | 'subnet' | 'port' | 'deletePort' | 'deleteNetwork';

/** Each step acts on whatever the state has by then. */
function command(step: Step, context: CommandContext, tenantId: TenantId, nth: number): (state: ClusterState) => Changes {
  return (state) => {
    const network = [...state.networks.values()].at(-1);
    const port = [...state.ports.values()].at(-1);
    const common = { name: '', description: '', adminStateUp: true };
    switch (step) {
      case 'network':
        return createNetwork(state, context, {
          ...common,
          tenantId,
          portSecurityEnabled: true,
          external: false,
          topology: undefined,
          mtu: undefined,
        });
      case 'subnet':
        if (network === undefined) return { put: [], remove: [] };
        return createSubnet(state, context, {
          networkId: network.id,
          name: '',
          description: '',
          // Room for more ports than any sequence here makes.
          cidr: parseCidr(`10.${nth}.0.0/24`),
          gatewayIp: undefined,
          enableDhcp: true,
          dnsNameservers: [],
          allocationPools: undefined,
        });
      case 'port':
        if (network === undefined) return { put: [], remove: [] };
        return createPort(state, context, {
          ...common,
          networkId: network.id,
          mac: undefined,
          fixedIps: undefined,
          securityGroups: undefined,
          portSecurityEnabled: undefined,
          deviceId: '',
          deviceOwner: '',
        });
      case 'deletePort':
        return port === undefined ? { put: [], remove: [] } : deletePort(state, context, port.id);
      case 'deleteNetwork':
        if (network === undefined || state.portCount(network.id) > 0) return { put: [], remove: [] };
        return deleteNetwork(state, network.id);
    }
  };
}

const steps = fc.array(fc.constantFrom<Step>('network', 'subnet', 'port', 'port', 'deletePort', 'deleteNetwork'), { maxLength: 24 });

test('a sequence leaves the state alone, and applied at once it equals its commands one by one', () => {
  fc.assert(
    fc.property(steps, steps, (before, during) => {
      const oneByOne = newContext();
      const single = tenantState(oneByOne);
      const together = newContext();
      const whole = tenantState(together);
      const run = (list: readonly Step[], from: number): void => {
        for (const [index, step] of list.entries()) {
          single.state.apply(command(step, oneByOne, single.tenantId, from + index)(single.state));
        }
      };
      run(before, 0);
      for (const [index, step] of before.entries()) {
        whole.state.apply(command(step, together, whole.tenantId, index)(whole.state));
      }
      const untouched = records(whole.state);
      const commands = during.map((step, index) => command(step, together, whole.tenantId, before.length + index));
      const changes = sequence(whole.state, commands);
      assert.deepEqual(records(whole.state), untouched);
      assert.equal(changes.results.length, during.length);
      whole.state.apply(changes);
      run(during, before.length);
      assert.deepEqual(records(whole.state), records(single.state));
    }),
  );
});

test('a command that throws takes back those before it', () => {
  const context = newContext();
  const { state, tenantId } = tenantState(context);
  const before = records(state);
  const network = command('network', context, tenantId, 0);
  const refuse = (): Changes => {
    throw new Conflict('port_in_use', 'no');
  };
  assert.throws(() => sequence(state, [network, network, refuse]), Conflict);
  assert.deepEqual(records(state), before);
});
