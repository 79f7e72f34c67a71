/** What the tests of the commands share: a small cluster, and commands with all that a test does not care about filled in. */
import assert from 'node:assert/strict';
import { parseCidr } from '../cidr.ts';
import { ClusterState } from '../cluster-state.ts';
import { parseIpCidr } from '../ip.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Changes, Instance, Network, Port, Resource, Tenant } from '../resource.ts';
import type { Subnet } from '../subnet.ts';
import type { NodeId, PortId, TenantId, Uuid } from '../uuid.ts';
import { WeftError } from '../weft-error.ts';
import type { ClusterConfig, CommandContext } from './context.ts';
import { createInstance } from './instance.ts';
import { createNetwork } from './network.ts';
import type { CreateNetwork } from './network.ts';
import { reportNode } from './node.ts';
import { createPort } from './port.ts';
import type { CreatePort } from './port.ts';
import { createSubnet } from './subnet.ts';
import type { CreateSubnet } from './subnet.ts';
import { createTenant } from './tenant.ts';

/** The n-th test id; never one that a {@link TestCluster} gives. */
export const testId = <T extends Uuid>(n: number): T => `ffffffff-0000-4000-8000-${String(n).padStart(12, '0')}` as T;

export const TEST_CONFIG: ClusterConfig = {
  mtu: 1450,
  vniRange: { first: 10_000, last: 10_999 },
  defaultTopology: 'mesh',
  computeCidrs: [parseCidr('10.88.0.0/24')],
  managementCidrs: [parseCidr('192.168.0.0/24')],
  uplink: {
    cidr: parseCidr('203.0.113.0/24'),
    gateway: parseIpv4('203.0.113.1'),
    first: parseIpv4('203.0.113.10'),
    last: parseIpv4('203.0.113.200'),
  },
  sshPorts: { first: 30_000, last: 30_999 },
};

/** A state and the commands on it. Ids count up; chance is a fixed sequence, unless a test gives its own. */
export class TestCluster {
  readonly state = new ClusterState();
  readonly context: CommandContext;
  #count = 0;

  constructor(
    options: Readonly<{ cluster?: Partial<ClusterConfig>; random?: (bytes: number) => Uint8Array; uuid?: (n: number) => Uuid }> = {},
  ) {
    this.context = {
      now: '2026-11-20T09:00:00Z',
      uuid: () => options.uuid?.((this.#count += 1)) ?? (`00000000-0000-4000-8000-${this.#next()}` as Uuid),
      random: options.random ?? ((bytes) => Buffer.from(this.#next(), 'hex').subarray(6 - bytes)),
      cluster: { ...TEST_CONFIG, ...options.cluster },
    };
  }

  /** Applies a decision, and gives it back. */
  do<C extends Changes>(changes: C): C {
    this.state.apply(changes);
    return changes;
  }

  tenant(name = `tenant ${this.#next()}`): Tenant {
    return this.do(createTenant(this.state, this.context, { name, tokenHash: `hash of ${name}` })).tenant;
  }

  network(tenantId: TenantId, request: Partial<CreateNetwork> = {}): Network {
    return this.do(
      createNetwork(this.state, this.context, {
        tenantId,
        name: '',
        description: '',
        adminStateUp: true,
        portSecurityEnabled: true,
        external: false,
        topology: undefined,
        mtu: undefined,
        ...request,
      }),
    ).network;
  }

  subnet(network: Network, cidr: string, request: Partial<CreateSubnet> = {}): Subnet {
    return this.do(this.tryToSubnet(network, cidr, request)).subnet;
  }

  tryToSubnet(network: Network, cidr: string, request: Partial<CreateSubnet> = {}): Changes & Readonly<{ subnet: Subnet }> {
    return createSubnet(this.state, this.context, {
      networkId: network.id,
      name: '',
      description: '',
      cidr: parseIpCidr(cidr),
      gatewayIp: undefined,
      enableDhcp: true,
      dnsNameservers: [],
      allocationPools: undefined,
      ...request,
    });
  }

  port(network: Network, request: Partial<CreatePort> = {}): Port {
    return this.do(this.tryToPort(network, request)).port;
  }

  tryToPort(network: Network, request: Partial<CreatePort> = {}): Changes & Readonly<{ port: Port }> {
    return createPort(this.state, this.context, {
      networkId: network.id,
      name: '',
      description: '',
      adminStateUp: true,
      mac: undefined,
      fixedIps: undefined,
      securityGroups: undefined,
      portSecurityEnabled: undefined,
      deviceId: '',
      deviceOwner: '',
      ...request,
    });
  }

  instance(portId: PortId): Instance {
    const port = this.state.ports.get(portId);
    assert.ok(port !== undefined, `no port ${portId}`);
    return this.do(
      createInstance(this.state, this.context, {
        tenantId: port.tenantId,
        name: '',
        command: ['true'],
        portId,
        addressing: 'static',
        nodeId: undefined,
      }),
    ).instance;
  }

  /** A node for everything, with VTEP 10.88.0.`n`. */
  node(n: number): NodeId {
    const id = testId<NodeId>(n);
    this.do(
      reportNode(this.state, this.context, {
        id,
        hostname: `n${n}`,
        roles: ['compute', 'network'],
        addresses: [parseIpv4(`10.88.0.${n}`)],
      }),
    );
    return id;
  }

  records(): readonly Resource[] {
    return [...this.state.all()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  #next(): string {
    this.#count += 1;
    return this.#count.toString(16).padStart(12, '0');
  }
}

/** The command throws a WeftError of this code that says `message`, and the state is the same as before. */
export function assertRefused(cluster: TestCluster, command: () => Changes, code: string, message?: RegExp): void {
  const before = cluster.records();
  assert.throws(command, (error) => {
    assert.ok(error instanceof WeftError, String(error));
    assert.equal(error.code, code);
    if (message !== undefined) assert.match(error.message, message);
    return true;
  });
  assert.deepEqual(cluster.records(), before);
}
