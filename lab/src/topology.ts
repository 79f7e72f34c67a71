/**
 * The lab's map: which namespaces there are, how they are wired, who runs what (design §3, "lab").
 *
 *                 outside 198.51.100.1
 *                    │
 *     ┌──────────  gateway  (router: .200 on management, .254 elsewhere)
 *     │              │  ╲
 *     │ management   │   ╲ data (compute network)      uplink
 *     │ 192.168.0/24 │    ╲ 10.88.0/24                 203.0.113/24
 *     ├── control    │     ├── network ──────────────────┬─ (no address: gateways of tenants have theirs)
 *     ├── network    │     ├── network2 ─────────────────┤
 *     ├── network2   │     ├── compute1                  │
 *     ├── compute1   │     ├── compute2                  │
 *     ├── compute2   │     └── concentrator1 ────────────┤
 *     └── concentrator1                                  └─ gateway
 *
 * concentrator1 asks for its address in the compute network by DHCP; the gateway gives it one of a slice, 10.88.0.64/27.
 *
 * The gateway also routes to the compute network, as a careless data centre would: what keeps a tenant's packets from the tunnel ends is
 * Weft, not the lab.
 */
import { parseCidr } from '@weft/core/cidr';
import type { Cidr } from '@weft/core/cidr';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import type { NodeRole } from '@weft/core/resource';

export type LabNodeName = 'gateway' | 'outside' | 'control' | 'network' | 'network2' | 'compute1' | 'compute2' | 'concentrator1';
export type LabWireName = 'management' | 'data' | 'uplink' | 'outside';

/** A leg of a node on a wire. Without an address the interface is only up, and what runs there may ask for one. */
export type LabLeg = Readonly<{ wire: LabWireName; ifname: string; address: Ipv4 | undefined }>;

export type LabNodeSpec = Readonly<{
  name: LabNodeName;
  legs: readonly LabLeg[];
  defaultGateway: Ipv4 | undefined;
  /** Forwards between its legs. */
  router: boolean;
  daemon: 'server' | 'launcher' | 'concentrator' | undefined;
  /** What it is to the cluster; none for what is no node of it. */
  roles: readonly NodeRole[];
}>;

export type Topology = Readonly<{
  wires: Readonly<Record<LabWireName, Cidr>>;
  nodes: readonly LabNodeSpec[];
  /** Where concentrators meet the outside: their addresses `first`…`last`, next hop `gateway`. */
  uplink: Readonly<{ cidr: Cidr; gateway: Ipv4; first: Ipv4; last: Ipv4 }>;
  /** Addresses of the compute network that the gateway gives to those who ask by DHCP. */
  slice: Readonly<{ first: Ipv4; last: Ipv4 }>;
  /** What tenants' public addresses are taken from; none of the uplink's. */
  publicAddresses: Readonly<{ first: Ipv4; last: Ipv4 }>;
  /** Where concentrators offer the workloads' SSH servers. */
  sshPorts: Readonly<{ first: number; last: number }>;
  outsideHost: Ipv4;
  controlHost: Ipv4;
  ssntpPort: number;
  httpsPort: number;
}>;

/** Interface names say the wire, on every node alike. */
export const MANAGEMENT_IFNAME = 'mgmt0';
export const DATA_IFNAME = 'data0';
export const UPLINK_IFNAME = 'uplink0';
export const OUTSIDE_IFNAME = 'outside0';

const IFNAMES: Readonly<Record<LabWireName, string>> = {
  management: MANAGEMENT_IFNAME,
  data: DATA_IFNAME,
  uplink: UPLINK_IFNAME,
  outside: OUTSIDE_IFNAME,
};

/** The lab as the design draws it. */
export function labTopology(): Topology {
  const leg = (wire: LabWireName, address?: string): LabLeg => ({
    wire,
    ifname: IFNAMES[wire],
    address: address === undefined ? undefined : parseIpv4(address),
  });
  const gateway = parseIpv4('192.168.0.200');
  const compute = (name: LabNodeName, last: number): LabNodeSpec => ({
    name,
    legs: [leg('management', `192.168.0.${last}`), leg('data', `10.88.0.${last}`)],
    defaultGateway: gateway,
    router: false,
    daemon: 'launcher',
    roles: ['compute'],
  });
  const network = (name: LabNodeName, last: number): LabNodeSpec => ({
    ...compute(name, last),
    legs: [...compute(name, last).legs, leg('uplink')],
    roles: ['network'],
  });
  return {
    wires: {
      management: parseCidr('192.168.0.0/24'),
      data: parseCidr('10.88.0.0/24'),
      uplink: parseCidr('203.0.113.0/24'),
      outside: parseCidr('198.51.100.0/24'),
    },
    nodes: [
      {
        name: 'gateway',
        legs: [leg('management', gateway), leg('data', '10.88.0.200'), leg('uplink', '203.0.113.254'), leg('outside', '198.51.100.254')],
        defaultGateway: undefined,
        router: true,
        daemon: undefined,
        roles: [],
      },
      {
        name: 'outside',
        legs: [leg('outside', '198.51.100.1')],
        defaultGateway: parseIpv4('198.51.100.254'),
        router: false,
        daemon: undefined,
        roles: [],
      },
      {
        name: 'control',
        legs: [leg('management', '192.168.0.101')],
        defaultGateway: gateway,
        router: false,
        daemon: 'server',
        roles: [],
      },
      network('network', 102),
      network('network2', 105),
      compute('compute1', 103),
      compute('compute2', 104),
      {
        ...network('concentrator1', 106),
        legs: [leg('management', '192.168.0.106'), leg('data'), leg('uplink')],
        daemon: 'concentrator',
        roles: ['concentrator'],
      },
    ],
    uplink: {
      cidr: parseCidr('203.0.113.0/24'),
      gateway: parseIpv4('203.0.113.254'),
      first: parseIpv4('203.0.113.10'),
      last: parseIpv4('203.0.113.99'),
    },
    slice: { first: parseIpv4('10.88.0.64'), last: parseIpv4('10.88.0.95') },
    publicAddresses: { first: parseIpv4('203.0.113.100'), last: parseIpv4('203.0.113.199') },
    sshPorts: { first: 22_000, last: 22_999 },
    outsideHost: parseIpv4('198.51.100.1'),
    controlHost: parseIpv4('192.168.0.101'),
    ssntpPort: 8888,
    httpsPort: 8889,
  };
}

/** Those that are nodes of the cluster, each with a plan. */
export function clusterNodes(topology: Topology): readonly LabNodeSpec[] {
  return topology.nodes.filter((node) => node.roles.length > 0);
}

/** The node's address on that wire. Throws if it has none: then the topology is wrong. */
export function addressOn(node: LabNodeSpec, wire: LabWireName): Ipv4 {
  const address = node.legs.find((leg) => leg.wire === wire)?.address;
  if (address === undefined) throw new Error(`${node.name} has no address on the ${wire} wire`);
  return address;
}
