import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseIpv4 } from '../ipv4.ts';
import type { Ipv4 } from '../ipv4.ts';
import { compile } from '../plan/compile.ts';
import type { Changes, FloatingIp, Network, Port, Tenant } from '../resource.ts';
import type { NodeId } from '../uuid.ts';
import { WeftError } from '../weft-error.ts';
import { releaseAddressHolds, withHolds } from './address-hold.ts';
import { placeConcentrator, retireConcentrator } from './concentrator.ts';
import { createFloatingIp, deleteFloatingIp, updateFloatingIp } from './floating-ip.ts';
import { deleteNode } from './node.ts';
import { deletePort } from './port.ts';
import { TestCluster, assertRefused } from './test-support.ts';

const POOL = { start: parseIpv4('203.0.113.60'), end: parseIpv4('203.0.113.61') };
const A = POOL.start;

/** Two tenants with a port each, an external network with two addresses, gateways on nodes 1 and 2. */
class World extends TestCluster {
  readonly nodes: readonly NodeId[] = [1, 2, 3].map((n) => this.node(n));
  readonly tenants: readonly [Tenant, Tenant] = [this.tenant('red'), this.tenant('blue')];
  readonly outside: Network = this.network(this.tenants[0].id, { external: true });
  readonly ports: readonly Port[];

  constructor() {
    super();
    this.subnet(this.outside, '203.0.113.0/24', { enableDhcp: false, allocationPools: [POOL] });
    this.ports = this.tenants.map((tenant, index) => {
      const network = this.network(tenant.id);
      this.subnet(network, '10.0.0.0/24');
      this.place(tenant, index + 1);
      return this.port(network);
    });
  }

  /** As the controller does it. */
  decide(changes: Changes): void {
    this.state.apply(withHolds(this.state, this.context, changes));
  }

  place(tenant: Tenant, n: number): void {
    const { id } = this.state.concentratorOf(tenant.id)!;
    this.decide(placeConcentrator(this.state, this.context, id, this.nodes[n - 1]!));
  }

  float(of: 0 | 1, options: Readonly<{ address?: Ipv4; target?: boolean }> = {}): Changes & Readonly<{ floatingIp: FloatingIp }> {
    const { address, target = true } = options;
    return createFloatingIp(this.state, this.context, {
      tenantId: this.tenants[of].id,
      description: '',
      floatingNetworkId: this.outside.id,
      subnetId: undefined,
      address,
      target: target ? { portId: this.ports[of]!.id, fixedIp: undefined } : undefined,
    });
  }

  /** Who the plans say answers for an address. */
  plannedAt(address: Ipv4): string[] {
    return this.nodes.filter((nodeId) => compile(this.state, { infrastructure: [] }, nodeId).get('publicip', address) !== undefined);
  }

  holds(): string[] {
    return [...this.state.addressHolds.values()].map(({ address, nodeId }) => `${address} ${this.nodes.indexOf(nodeId) + 1}`);
  }
}

test('a released address is held until its node has confirmed: nobody else gets it, explicitly or by chance', () => {
  const world = new World();
  const made = world.float(0, { address: A });
  world.decide(made);
  assert.deepEqual(world.holds(), [], 'giving takes nothing from anybody');
  world.decide(deleteFloatingIp(world.state, made.floatingIp.id));
  assert.deepEqual(world.holds(), [`${A} 1`]);
  assertRefused(world, () => world.float(1, { address: A }), 'ip_address_held', /has not confirmed/);
  world.decide(world.float(1));
  assert.equal([...world.state.floatingIps.values()][0]?.address, POOL.end, 'the only other one');
  assertRefused(world, () => world.float(1, { target: false }), 'ip_address_generation_failure');
  world.decide(releaseAddressHolds(world.state, world.state.addressHolds.keys()));
  world.decide(world.float(1, { address: A, target: false }));
});

test('the gateway that had an address may have it back at once', () => {
  const world = new World();
  const made = world.float(0, { address: A });
  world.decide(made);
  world.decide(deleteFloatingIp(world.state, made.floatingIp.id));
  world.decide(world.float(0, { address: A }));
  assert.deepEqual(world.plannedAt(A), [world.nodes[0]]);
});

test('an address that waits for another gateway’s word is in no plan before, and then in one', () => {
  const world = new World();
  const { floatingIp, ...made } = world.float(0, { address: A });
  world.decide(made);
  world.decide(updateFloatingIp(world.state, world.context, floatingIp.id, { target: null }));
  world.decide(retireConcentrator(world.state, world.state.concentratorOf(world.tenants[0].id)!.id));
  assert.equal(world.holds().length, 2, 'the retired gateway’s own address, too');
  const target = { portId: world.ports[0]!.id, fixedIp: undefined };
  world.decide(updateFloatingIp(world.state, world.context, floatingIp.id, { target }));
  world.place(world.tenants[0], 3);
  assert.deepEqual(world.plannedAt(A), []);
  const held = [...world.state.holdsAt(A)].map(({ id }) => id);
  world.decide(releaseAddressHolds(world.state, held));
  assert.deepEqual(world.plannedAt(A), [world.nodes[2]]);
});

test('a gateway that moves takes its addresses along at once, and its old node holds them', () => {
  const world = new World();
  world.decide(world.float(0, { address: A }));
  world.place(world.tenants[0], 3);
  assert.deepEqual(world.plannedAt(A), [world.nodes[2]]);
  const { uplink } = world.state.concentratorOf(world.tenants[0].id)!;
  assert.deepEqual(world.holds().toSorted(), [`${A} 1`, `${uplink!.address} 1`].toSorted());
});

test('deleting a port frees nothing before the confirmation; forgetting the node does', () => {
  const world = new World();
  const made = world.float(0, { address: A });
  world.decide(made);
  world.decide(deletePort(world.state, world.context, world.ports[0]!.id));
  world.decide(deleteFloatingIp(world.state, made.floatingIp.id));
  assert.deepEqual(world.holds(), [`${A} 1`]);
  world.decide(retireConcentrator(world.state, world.state.concentratorOf(world.tenants[0].id)!.id));
  world.decide(deleteNode(world.state, world.nodes[0]!));
  assert.deepEqual(world.holds(), []);
});

test('whatever is decided and whenever nodes catch up, no address is answered for by two gateways', () => {
  const wish = fc.record({ verb: fc.nat(7), a: fc.nat(20), n: fc.integer({ min: 1, max: 3 }) });
  fc.assert(
    fc.property(fc.array(wish, { minLength: 40, maxLength: 80 }), (wishes) => {
      const world = new World();
      const { state, context } = world;
      /** What each node's kernel does: its plan when it last caught up. Address → gateway. */
      const kernels = new Map<NodeId, Map<string, string>>();
      const catchUp = (nodeId: NodeId): void => {
        const plan = compile(state, { infrastructure: [] }, nodeId);
        const answers = [...plan.of('publicip').values()].map(({ address, concentratorId }) => [address, concentratorId] as const);
        const uplinks = [...plan.of('gateway').values()].flatMap(({ uplink, concentratorId }) =>
          uplink === undefined ? [] : [[uplink.address, concentratorId] as const],
        );
        kernels.set(nodeId, new Map([...answers, ...uplinks]));
        world.decide(
          releaseAddressHolds(
            state,
            Array.from(state.holdsOn(nodeId), ({ id }) => id),
          ),
        );
      };
      for (const { verb, a, n } of wishes) {
        const floating = [...state.floatingIps.values()][a % Math.max(1, state.floatingIps.size)];
        const tenant = world.tenants[a % 2 === 0 ? 0 : 1];
        const concentrator = state.concentratorOf(tenant.id);
        try {
          if (verb === 0) world.decide(world.float(a % 2 === 0 ? 0 : 1, { address: a % 3 === 0 ? POOL.end : A }));
          if (verb === 1 && floating !== undefined) world.decide(deleteFloatingIp(state, floating.id));
          if (verb === 2 && floating !== undefined) {
            const port = world.ports.find(({ tenantId }) => tenantId === floating.tenantId)!;
            const target = n === 1 ? null : { portId: port.id, fixedIp: undefined };
            world.decide(updateFloatingIp(state, context, floating.id, { target }));
          }
          if (verb === 3 && concentrator !== undefined) world.place(tenant, n);
          if (verb === 4 && concentrator !== undefined) world.decide(retireConcentrator(state, concentrator.id));
        } catch (error) {
          if (!(error instanceof WeftError)) throw error;
        }
        if (verb >= 5) catchUp(world.nodes[n - 1]!);
        const answered = new Map<string, string>();
        for (const kernel of kernels.values()) {
          for (const [address, gateway] of kernel) {
            assert.equal(answered.get(address) ?? gateway, gateway, `two gateways answer for ${address}`);
            answered.set(address, gateway);
          }
        }
      }
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 200) },
  );
});
