import type { Cidr } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import { isIpv6 } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import type { Ipv4 } from '../ipv4.ts';
import type { ClusterFacts } from '../plan/render.ts';
import type { Flow, GatewayProtocol, Verdict } from '../reach/flow.ts';
import { createReach } from '../reach/reach.ts';
import type { Reach } from '../reach/reach.ts';
import type { Changes } from '../resource.ts';
import type { PortId, TenantId } from '../uuid.ts';
import { concernedBy, portsOfTenant } from './concerned.ts';
import type { Concerned } from './concerned.ts';
import { Interests } from './interests.ts';
import type { OutsidePart, Service } from './interests.ts';
import { formatPorts } from './port-ranges.ts';
import type { PortRange } from './port-ranges.ts';

/** One end of what opens or closes: a port and its address; without a port a public address, or a prefix of the outside without some others. */
export type ReachEnd = Readonly<{ portId: PortId | undefined; address: string; except?: readonly Cidr[] }>;

/** `ports` like `22,80-89`, absent for icmp. `before` and `after`: `delivered`, or why it was dropped. */
export type ReachLine = Readonly<{
  from: ReachEnd;
  to: ReachEnd;
  protocol: GatewayProtocol;
  ports: string | undefined;
  before: string;
  after: string;
}>;

export type ReachDifference = Readonly<{
  opens: readonly ReachLine[];
  closes: readonly ReachLine[];
  /** Not all was asked, or not all is listed. */
  truncated: boolean;
}>;

export type DifferenceLimits = Readonly<{ flows: number; lines: number; ports: number }>;
export const DIFFERENCE_LIMITS: DifferenceLimits = { flows: 20_000, lines: 200, ports: 500 };

/**
 * What changes open and close: for the ports and public addresses that they may concern, from and to every port of their tenant and the
 * outside, for the services that the rules before and after tell apart. What leads somewhere else afterwards closes and opens.
 */
export function reachDifference(
  before: ClusterState,
  after: ClusterState,
  facts: ClusterFacts,
  changes: Changes,
  limits: DifferenceLimits = DIFFERENCE_LIMITS,
): ReachDifference {
  const states = [before, after] as const;
  const concerned = concernedBy(states, changes, limits.ports);
  const asked = new Asked(createReach(before, facts), createReach(after, facts), limits);
  const byTenant = Map.groupBy(concerned.ports, (portId) => (after.ports.get(portId) ?? before.ports.get(portId))?.tenantId);
  for (const [tenantId, portIds] of byTenant) {
    if (tenantId !== undefined) askTenant(states, tenantId, { ...concerned, ports: portIds }, asked);
  }
  return asked.result(!concerned.complete);
}

type Concerns = Omit<Concerned, 'ports'> & Readonly<{ ports: readonly PortId[] }>;

function askTenant(states: readonly [ClusterState, ClusterState], tenantId: TenantId, concerned: Concerns, asked: Asked): void {
  const ends = concerned.ports.flatMap((portId) => addressesOf(states, portId));
  const others = [
    ...new Set(states.flatMap((state) => [...portsOfTenant(state, tenantId), ...neighboursOf(state, tenantId, concerned.ports)])),
  ];
  const interests = new Interests();
  for (const state of states) {
    const looked = others.length <= MOST_OTHERS ? others : concerned.ports;
    interests.add(
      state,
      tenantId,
      looked.flatMap((id) => state.ports.get(id) ?? []),
    );
  }
  const [services, outside] = [interests.services(), interests.outside()];

  const publicEnds = publicEndsOf(states, tenantId, concerned);
  for (const end of publicEnds) asked.ask({ from: outside, to: [end], services });
  for (const end of ends) asked.ask({ from: [end], to: outside, services });
  const own = new Set(concerned.ports);
  const asksPublic = concerned.publicAddresses.size > 0 || concerned.ownAddresses.has(tenantId);
  for (const other of others) {
    const there = addressesOf(states, other);
    for (const end of ends) {
      if (end.portId === other) continue;
      asked.ask({ from: there, to: [end], services });
      // Both ends are concerned: the other direction has its own turn.
      if (!own.has(other)) asked.ask({ from: [end], to: there, services });
    }
    if (asksPublic) asked.ask({ from: there, to: publicEnds, services });
    if (asked.isFull) return;
  }
}

/** Who is on the shared networks that the tenant's ports are guests of. */
function* neighboursOf(state: ClusterState, tenantId: TenantId, portIds: readonly PortId[]): Generator<PortId> {
  const networks = new Set(portIds.flatMap((id) => state.ports.get(id)?.networkId ?? []));
  for (const networkId of networks) {
    if (state.networks.get(networkId)?.tenantId === tenantId) continue;
    for (const { id } of state.portsOf(networkId)) yield id;
  }
}

/** More ports than this are not looked at for what their groups tell apart. */
const MOST_OTHERS = 1000;

function addressesOf(states: readonly ClusterState[], portId: PortId): readonly Place[] {
  const addresses = new Set(states.flatMap((state) => state.ports.get(portId)?.fixedIps.map(({ address }) => address) ?? []));
  return [...addresses].map((address) => ({ portId, address }));
}

/** The public addresses that changed, or that lead to what changed, and the gateway's own where it leads to somebody. */
function publicEndsOf(states: readonly ClusterState[], tenantId: TenantId, concerned: Concerns): readonly Place[] {
  const addresses = new Set<Ipv4>();
  for (const state of states) {
    for (const id of concerned.publicAddresses) {
      const floating = state.floatingIps.get(id);
      if (floating?.tenantId === tenantId) addresses.add(floating.address);
    }
    for (const portId of concerned.ports) {
      for (const { address } of state.floatingIpsOfPort(portId)) addresses.add(address);
      for (const { floatingIpId } of state.forwardingsTo(portId)) {
        const floating = state.floatingIps.get(floatingIpId);
        if (floating !== undefined) addresses.add(floating.address);
      }
    }
    for (const { uplink } of state.tenants.get(tenantId)?.sshReach === true ? state.concentratorsOf(tenantId) : [])
      if (uplink !== undefined) addresses.add(uplink.address);
    const uplink = state.concentratorOf(tenantId)?.uplink;
    for (const { direction, portId, floatingIpId } of state.natRulesOf(tenantId)) {
      if (portId !== undefined && !concerned.ports.includes(portId)) continue;
      const used = floatingIpId === undefined ? uplink : state.floatingIps.get(floatingIpId);
      if (used !== undefined && (direction === 'inbound' || floatingIpId !== undefined)) addresses.add(used.address);
    }
  }
  return [...addresses].map((address) => ({ portId: undefined, address }));
}

type Place = ReachEnd & Readonly<{ address: IpAddress }>;
type End = Place | OutsidePart;
type Question = Readonly<{ from: readonly End[]; to: readonly End[]; services: readonly Service[] }>;
type Gathered = Omit<ReachLine, 'ports'> & Readonly<{ pieces: PortRange[] }>;

/** Asks both states, and gathers what differs. */
class Asked {
  readonly #before: Reach;
  readonly #after: Reach;
  readonly #limits: DifferenceLimits;
  readonly #opens = new Map<string, Gathered>();
  readonly #closes = new Map<string, Gathered>();
  #flows = 0;

  constructor(before: Reach, after: Reach, limits: DifferenceLimits) {
    this.#before = before;
    this.#after = after;
    this.#limits = limits;
  }

  /** Enough was asked, or more differs than is listed. */
  get isFull(): boolean {
    return this.#flows >= this.#limits.flows || this.#opens.size + this.#closes.size > this.#limits.lines;
  }

  ask({ from, to, services }: Question): void {
    for (const source of from) {
      for (const destination of to) {
        if (isIpv6(source.address) !== isIpv6(destination.address)) continue;
        for (const service of services) {
          if (this.isFull) return;
          this.#flows += 1;
          this.#compare(source, destination, service);
        }
      }
    }
  }

  result(incomplete: boolean): ReachDifference {
    const { lines } = this.#limits;
    const listed = (all: ReadonlyMap<string, Gathered>): readonly ReachLine[] =>
      [...all.values()]
        .slice(0, lines)
        .map(({ pieces, ...line }) => ({ ...line, ports: line.protocol === 'icmp' ? undefined : formatPorts(pieces) }));
    const opens = listed(this.#opens);
    const closes = listed(this.#closes).slice(0, lines - opens.length);
    const all = this.#opens.size + this.#closes.size;
    return { opens, closes, truncated: incomplete || this.isFull || all > opens.length + closes.length };
  }

  #compare(source: End, destination: End, { protocol, range }: Service): void {
    const from = sourceOf(source);
    if (from === undefined) return;
    const flow: Flow = { from, destination: destination.address, protocol, port: range.first };
    const [was, will] = [this.#before(flow).verdict, this.#after(flow).verdict];
    const [wasAt, willBeAt] = [deliveredTo(was, destination), deliveredTo(will, destination)];
    if (wasAt === willBeAt) return;
    const line = { from: shown(source), to: shown(destination), protocol, before: reasonOf(was), after: reasonOf(will) };
    if (wasAt !== undefined) gather(this.#closes, line, range);
    if (willBeAt !== undefined) gather(this.#opens, line, range);
  }
}

function gather(lines: Map<string, Gathered>, line: Omit<Gathered, 'pieces'>, piece: PortRange): void {
  const key = JSON.stringify(line);
  const known = lines.get(key);
  if (known === undefined) lines.set(key, { ...line, pieces: [piece] });
  else known.pieces.push(piece);
}

/** Nothing comes from outside by IPv6. */
function sourceOf(end: End): Flow['from'] | undefined {
  const { address } = end;
  if ('portId' in end && end.portId !== undefined) return { kind: 'port', portId: end.portId, address };
  return isIpv6(address) ? undefined : { kind: 'outside', address };
}

function shown(end: End): ReachEnd {
  return 'prefix' in end ? { portId: undefined, address: end.prefix, except: end.except } : end;
}

/** A public address that is nobody's any more is the outside's, where nobody waits for it. */
function deliveredTo(verdict: Verdict, destination: End): string | undefined {
  if (verdict.kind === 'dropped') return undefined;
  const { to } = verdict;
  if (to.kind === 'outside') return 'prefix' in destination ? to.kind : undefined;
  return to.kind === 'port' ? to.portId : to.kind === 'gateway' ? to.concentratorId : to.networkId;
}

function reasonOf(verdict: Verdict): string {
  if (verdict.kind === 'delivered')
    return verdict.to.kind === 'port' ? `delivered to port ${verdict.to.portId}` : `delivered to the ${verdict.to.kind}`;
  return verdict.ruleId === undefined ? verdict.reason : `${verdict.reason} ${verdict.ruleId}`;
}
