import { createHash } from 'node:crypto';
import { parseCidr } from '@weft/core/cidr';
import { ClusterState } from '@weft/core/cluster-state';
import { placeConcentrator } from '@weft/core/command/concentrator';
import type { CommandContext } from '@weft/core/command/context';
import { createInstance, deleteInstance, placeInstance } from '@weft/core/command/instance';
import { createNetwork } from '@weft/core/command/network';
import { reportNode } from '@weft/core/command/node';
import { createPort, deletePort } from '@weft/core/command/port';
import { createSubnet } from '@weft/core/command/subnet';
import { createTenant } from '@weft/core/command/tenant';
import { ipv4FromNumber, ipv4ToNumber, parseIpv4 } from '@weft/core/ipv4';
import type { Changes, Instance, Network, Port } from '@weft/core/resource';
import type { NodeId, Uuid } from '@weft/core/uuid';

export type LargeClusterOptions = Readonly<{ nodes: number; tenants: number; portsPerTenant: number }>;

/** A state of any size, made by the commands themselves: each tenant one network, its ports spread over a tenth of the nodes. */
export class LargeCluster {
  readonly state = new ClusterState();
  readonly nodes: readonly NodeId[];
  readonly #context: CommandContext;
  readonly #networks: readonly Network[];
  readonly #options: LargeClusterOptions;
  #count = 0;

  constructor(options: LargeClusterOptions) {
    this.#options = options;
    const vteps = parseCidr('10.88.0.0/16');
    this.#context = {
      now: '2026-11-20T09:00:00Z',
      uuid: () => this.#uuid(),
      random: (bytes) =>
        createHash('sha256')
          .update(String((this.#count += 1)))
          .digest()
          .subarray(0, bytes),
      cluster: {
        mtu: 1450,
        vniRange: { first: 10_000, last: 16_777_215 },
        defaultTopology: 'mesh',
        computeCidrs: [vteps],
        managementCidrs: [parseCidr('192.168.0.0/24')],
        uplink: {
          cidr: parseCidr('198.18.0.0/15'),
          gateway: parseIpv4('198.18.0.1'),
          first: parseIpv4('198.18.0.2'),
          last: parseIpv4('198.19.255.254'),
        },
        sshPorts: { first: 30_000, last: 39_999 },
      },
    };
    this.nodes = Array.from({ length: options.nodes }, (_, n) => {
      const id = this.#uuid() as NodeId;
      const addresses = [ipv4FromNumber(ipv4ToNumber(parseIpv4('10.88.0.1')) + n)];
      this.state.apply(reportNode(this.state, this.#context, { id, hostname: `n${n}`, roles: ['compute', 'network'], addresses }));
      return id;
    });
    this.#networks = Array.from({ length: options.tenants }, (_, tenant) => this.#weave(tenant));
  }

  /** A port with an instance on it, placed: applied by `apply`, one change after the other. */
  endpoint(tenant: number, nodeId: NodeId, apply: (changes: Changes) => void): Readonly<{ port: Port; instance: Instance }> {
    const network = this.#networks[tenant % this.#networks.length]!;
    return this.#endpoint(network, nodeId, apply);
  }

  deleteEndpoint({ port, instance }: Readonly<{ port: Port; instance: Instance }>, apply: (changes: Changes) => void): void {
    apply(deleteInstance(this.state, this.#context, instance.id));
    apply(deletePort(this.state, this.#context, port.id));
  }

  /** The nodes that carry a tenant's network. */
  nodesOf(tenant: number): readonly NodeId[] {
    return [...this.state.nodesOf(this.#networks[tenant % this.#networks.length]!.id)];
  }

  #weave(tenant: number): Network {
    const apply = (changes: Changes): void => this.state.apply(changes);
    const created = createTenant(this.state, this.#context, { name: `t${tenant}`, tokenHash: `${tenant}` });
    apply(created);
    const common = { name: '', description: '' };
    const { network, ...changes } = createNetwork(this.state, this.#context, {
      ...common,
      tenantId: created.tenant.id,
      adminStateUp: true,
      portSecurityEnabled: true,
      external: false,
      topology: undefined,
      mtu: undefined,
    });
    apply(changes);
    apply(
      createSubnet(this.state, this.#context, {
        ...common,
        networkId: network.id,
        cidr: parseCidr('10.0.0.0/16'),
        gatewayIp: undefined,
        enableDhcp: true,
        dnsNameservers: [],
        allocationPools: undefined,
      }),
    );
    const share = Math.max(2, Math.ceil(this.nodes.length / 10));
    const node = (n: number): NodeId => this.nodes[(tenant * share + (n % share)) % this.nodes.length]!;
    const concentrator = this.state.concentratorOf(created.tenant.id);
    if (concentrator !== undefined) apply(placeConcentrator(this.state, this.#context, concentrator.id, node(0)));
    for (let n = 0; n < this.#options.portsPerTenant; n += 1) this.#endpoint(network, node(n), apply);
    return network;
  }

  #endpoint(network: Network, nodeId: NodeId, apply: (changes: Changes) => void): Readonly<{ port: Port; instance: Instance }> {
    const { port, ...ported } = createPort(this.state, this.#context, {
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
    });
    apply(ported);
    const { instance, ...started } = createInstance(this.state, this.#context, {
      tenantId: network.tenantId,
      name: '',
      command: ['sleep', 'infinity'],
      portId: port.id,
      addressing: 'static',
      nodeId: undefined,
    });
    apply(started);
    apply(placeInstance(this.state, this.#context, instance.id, nodeId));
    return { port, instance };
  }

  #uuid(): Uuid {
    return `00000000-0000-4000-8000-${(this.#count += 1).toString(16).padStart(12, '0')}` as Uuid;
  }
}
