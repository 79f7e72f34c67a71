/**
 * What becomes of public addresses: whether their gateways' nodes have done what the state says, told in the event log once for each fact,
 * and acted on where they have not.
 *
 *     associated ──node applied it, or says PublicIPAssigned──▶ Mapped
 *         └── AssignPublicIPFailure, never worked ──▶ Failed to map, taken off its port again
 *     taken away: held ──node has applied that──▶ Unmapped, free
 *                   └── UnassignPublicIPFailure ──▶ Failed to unmap, stays held
 *
 * What the node has *applied* is certain, and comes again whenever it connects; its events are prompt. Both say the same, so the first to
 * come is told and the other is not. What was mapped before this process began is not told again: a launcher sends its event only once.
 */
import { releaseAddressHolds } from '@weft/core/command/address-hold';
import { updateFloatingIp } from '@weft/core/command/floating-ip';
import type { ClusterState } from '@weft/core/cluster-state';
import type { AddressHold } from '@weft/core/address-hold';
import type { Ipv4 } from '@weft/core/ipv4';
import { gatewayKey } from '@weft/core/plan/gateway';
import { planRefText } from '@weft/core/plan/plan';
import { publicIpKey } from '@weft/core/plan/publicip';
import { answererOf } from '@weft/core/public-gateway';
import { renderPublicIp } from '@weft/core/plan/render';
import type { Changes, Concentrator, FloatingIp } from '@weft/core/resource';
import type { AddressHoldId, ConcentratorId, NodeId, TenantId } from '@weft/core/uuid';
import type { Logger } from '@weft/ssntp/logger';
import type { PublicIpEvent, PublicIpFailure } from '@weft/ssntp/payloads/public-ip';
import type { Cluster, Published } from './cluster.ts';
import type { EventLog, NewEvent } from './event-log.ts';
import type { NodeObservation } from './node-registry.ts';

export type PublicAddressesDeps = Readonly<{
  cluster: Cluster;
  observe: (nodeId: NodeId) => NodeObservation | undefined;
  events: EventLog;
  log: Logger;
}>;

/** A floating IP that leads to a port, with the gateway that is to answer for it. */
type Mapping = Readonly<{ floating: FloatingIp; internal: Ipv4; concentrator: Concentrator; nodeId: NodeId }>;

/** An infinite revision: it never comes about. */
type Association = Readonly<{ internal: Ipv4; revision: number }>;

const refText = (address: Ipv4): string => planRefText({ kind: 'publicip', key: publicIpKey(address) });

export class PublicAddresses {
  readonly #deps: PublicAddressesDeps;
  readonly #state: ClusterState;
  /** What was told to be mapped: public address → where it leads. */
  readonly #mapped = new Map<Ipv4, Ipv4>();
  /** Associated in this process's life, and not yet told to be mapped: where to, and with which revision. */
  readonly #awaited = new Map<Ipv4, Association>();
  /** Of each hold that is durable: which version of it, and the revision that its node has to have applied. */
  readonly #holds: Map<AddressHoldId, Readonly<{ version: number; applied: number }>>;
  /** Holds that are being released. */
  readonly #releasing = new Set<AddressHoldId>();
  /** Holds whose failure was told. */
  readonly #stuck = new Set<AddressHoldId>();
  readonly #tasks = new Set<Promise<void>>();

  constructor(deps: PublicAddressesDeps) {
    this.#deps = deps;
    this.#state = deps.cluster.state;
    // When exactly they were made is not known any more; at this revision they were.
    const applied = deps.cluster.openedRevision;
    this.#holds = new Map(Array.from(this.#state.addressHolds.values(), ({ id, revision: version }) => [id, { version, applied }]));
    deps.cluster.listen({ published: (commit) => this.#published(commit), flushed: () => undefined });
  }

  /** Resolves when what is under way is through. */
  async drain(): Promise<void> {
    await Promise.all(this.#tasks);
  }

  /** A node has told how far it is. */
  reported(nodeId: NodeId): void {
    const progress = this.#deps.observe(nodeId)?.progress;
    if (progress === undefined) return;
    for (const [address, { internal, revision }] of this.#awaited) {
      // A report that was under way when the port was associated knows nothing of it.
      if (progress.applied === undefined || progress.applied < revision) continue;
      const mapping = this.#mappingOf(address);
      // What the state says may be ahead of what is durable, which is what the node was told.
      if (mapping?.nodeId !== nodeId || mapping.internal !== internal || !progress.isApplied(refText(address))) continue;
      this.#tellMapped(mapping.floating, internal);
    }
    const free: AddressHoldId[] = [];
    for (const { id, revision: version, address, concentratorId } of this.#state.holdsOn(nodeId)) {
      const known = this.#holds.get(id);
      // Not durable yet, or on its way out.
      if (known?.version !== version || this.#releasing.has(id)) continue;
      const gateway = planRefText({ kind: 'gateway', key: gatewayKey(concentratorId) });
      if (progress.hasLetGo(known.applied, [refText(address), gateway])) free.push(id);
    }
    if (free.length > 0) this.#own(this.#release(free));
  }

  /** PublicIPAssigned. */
  assigned({ concentrator_uuid: id, public_ip: address, private_ip: internal }: PublicIpEvent): void {
    const mapping = this.#mappingOf(address);
    if (mapping !== undefined && mapping.concentrator.id === id && mapping.internal === internal) {
      return this.#tellMapped(mapping.floating, mapping.internal);
    }
    // Taken away meanwhile; it was mapped all the same, and is told to be unmapped next.
    const held = this.#holdOf(address, id);
    if (held?.internal === undefined || held.internal !== internal || this.#mapped.get(address) === internal)
      return this.#ignored(address, id);
    this.#awaited.delete(address);
    this.#tell({ tenantId: held.formerTenantId, name: 'public_ip.mapped', address, internal, message: `Mapped ${address} to ${internal}` });
    this.#mapped.set(address, internal);
  }

  /** PublicIPUnassigned: the report that the node sent before it said so already, and with certainty. */
  unassigned({ concentrator_uuid: id, public_ip: address }: PublicIpEvent): void {
    const held = this.#holdOf(address, id);
    if (held !== undefined) this.reported(held.nodeId);
  }

  /** AssignPublicIPFailure: counts where the state agrees that it is that gateway's now, and its node's report says the same. */
  assignFailure({ concentrator_uuid: id, public_ip: address, private_ip: internal, reason }: PublicIpFailure): void {
    if (!this.#isRefused(address, id, internal)) return this.#ignored(address, id);
    this.#own(this.#takeBack(address, id, internal, reason));
  }

  /** UnassignPublicIPFailure: the address stays held until the node can. */
  unassignFailure({ concentrator_uuid: id, public_ip: address, reason }: PublicIpFailure): void {
    const held = this.#holdOf(address, id);
    if (held?.internal === undefined) return this.#ignored(address, id);
    if (this.#stuck.has(held.id)) return;
    this.#stuck.add(held.id);
    const { formerTenantId: tenantId, internal } = held;
    const message = `Failed to unmap ${address} from ${internal}: ${reason}`;
    this.#tell({ tenantId, type: 'error', name: 'public_ip.unmap_failed', address, internal, message });
  }

  #published({ revision, changes }: Published): void {
    for (const record of changes.put) {
      if (record.kind === 'addressHold') this.#holds.set(record.id, { version: record.revision, applied: revision });
    }
    const forgotten = new Set<NodeId>(changes.remove.flatMap((record) => (record.kind === 'node' ? [record.id] : [])));
    for (const record of changes.remove) {
      if (record.kind !== 'addressHold') continue;
      for (const known of [this.#holds, this.#releasing, this.#stuck]) known.delete(record.id);
      this.#tellUnmapped(record, forgotten.has(record.nodeId) ? ': its node is forgotten and has not confirmed it' : '');
    }
    for (const record of changes.put) {
      if (record.kind !== 'floatingIp') continue;
      if (record.fixedIp === undefined) this.#noLonger(record);
      else if (this.#mapped.get(record.address) !== record.fixedIp) {
        this.#awaited.set(record.address, { internal: record.fixedIp, revision });
      }
    }
    for (const record of changes.remove) if (record.kind === 'floatingIp') this.#noLonger(record);
  }

  /** It leads nowhere now. What its node may still do is told by the end of the hold. */
  #noLonger({ address, tenantId }: FloatingIp): void {
    for (const _ of this.#state.holdsAt(address)) return;
    this.#awaited.delete(address);
    const internal = this.#mapped.get(address);
    if (internal !== undefined) this.#unmapped(tenantId, address, internal);
  }

  #tellMapped({ address, tenantId, id, portId }: FloatingIp, internal: Ipv4): void {
    this.#awaited.delete(address);
    const before = this.#mapped.get(address);
    if (before === internal) return;
    if (before !== undefined) this.#unmapped(tenantId, address, before);
    this.#mapped.set(address, internal);
    const ids = { floating_ip: id, ...(portId === undefined ? {} : { port: portId }) };
    this.#tell({ tenantId, name: 'public_ip.mapped', address, internal, ids, message: `Mapped ${address} to ${internal}` });
  }

  /** A hold is over. It is no news if the mapping lives on at another node, or never was. */
  #tellUnmapped({ address, internal, formerTenantId }: AddressHold, why: string): void {
    if (internal === undefined || this.#state.floatingIpByAddress(address)?.fixedIp === internal) return;
    const never = this.#awaited.get(address)?.internal === internal;
    if (this.#state.floatingIpByAddress(address)?.fixedIp === undefined) this.#awaited.delete(address);
    if (!never) this.#unmapped(formerTenantId, address, internal, why);
  }

  #unmapped(tenantId: TenantId, address: Ipv4, internal: Ipv4, why = ''): void {
    if (this.#mapped.get(address) === internal) this.#mapped.delete(address);
    this.#tell({ tenantId, name: 'public_ip.unmapped', address, internal, message: `Unmapped ${address} from ${internal}${why}` });
  }

  /**
   * Whether a failure takes a mapping back: only one that is new. One that has worked is never taken away because its gateway was moved or
   * its node is in trouble; the node goes on trying, and the floating IP shows ERROR.
   */
  #isRefused(address: Ipv4, concentratorId: ConcentratorId, internal: Ipv4): boolean {
    const mapping = this.#mappingOf(address);
    if (mapping?.concentrator.id !== concentratorId || mapping.internal !== internal) return false;
    if (this.#mapped.get(address) === internal) return false;
    const { concentrator, floating, nodeId } = mapping;
    const hasMoved = concentrator.generation > 1 && concentrator.updatedAt >= floating.updatedAt;
    const progress = this.#deps.observe(nodeId)?.progress;
    return !hasMoved && progress !== undefined && Object.hasOwn(progress.failed, refText(address));
  }

  async #takeBack(address: Ipv4, concentratorId: ConcentratorId, internal: Ipv4, reason: string): Promise<void> {
    const { cluster } = this.#deps;
    const taken: FloatingIp[] = [];
    await cluster.decide((state, context): Changes => {
      const floating = state.floatingIpByAddress(address);
      // Decided twice at once, or something else meanwhile.
      if (floating === undefined || !this.#isRefused(address, concentratorId, internal)) return { put: [], remove: [] };
      taken.push(floating);
      this.#awaited.set(address, { internal, revision: Number.POSITIVE_INFINITY });
      return updateFloatingIp(state, context, floating.id, { target: null });
    });
    for (const { id, tenantId, portId } of taken) {
      const ids = { floating_ip: id, ...(portId === undefined ? {} : { port: portId }) };
      const message = `Failed to map ${address} to ${internal}: ${reason}`;
      this.#tell({ tenantId, type: 'error', name: 'public_ip.map_failed', address, internal, ids, message });
      this.#deps.log.warn({ tenant: tenantId, floatingIp: id, address, reason }, 'a public address could not be mapped and was taken back');
    }
  }

  async #release(ids: readonly AddressHoldId[]): Promise<void> {
    for (const id of ids) this.#releasing.add(id);
    await this.#deps.cluster.decide((state) => releaseAddressHolds(state, ids));
  }

  #mappingOf(address: Ipv4): Mapping | undefined {
    const floating = this.#state.floatingIpByAddress(address);
    const concentrator = floating === undefined ? undefined : answererOf(this.#state, floating);
    if (floating === undefined || concentrator?.nodeId === undefined) return undefined;
    const { nodeId } = concentrator;
    // Also where it leads somewhere it may be in no plan: while another gateway holds the address.
    const internal = renderPublicIp(this.#state, nodeId, address)?.internal;
    return internal === undefined ? undefined : { floating, internal, concentrator, nodeId };
  }

  #holdOf(address: Ipv4, concentratorId: ConcentratorId): AddressHold | undefined {
    return [...this.#state.holdsAt(address)].find((hold) => hold.concentratorId === concentratorId);
  }

  #tell(event: Omit<NewEvent, 'resources'> & Readonly<{ address: Ipv4; internal: Ipv4; ids?: Readonly<Record<string, string>> }>): void {
    const { address, internal, ids, ...rest } = event;
    this.#deps.events.add({ ...rest, resources: { ...ids, public_ip: address, private_ip: internal } });
  }

  #own(task: Promise<void>): void {
    const owned = task
      .catch((err: unknown) => this.#deps.log.warn({ err }, 'a public address was not freed'))
      .finally(() => this.#tasks.delete(owned));
    this.#tasks.add(owned);
  }

  #ignored(address: Ipv4, concentrator: ConcentratorId): void {
    this.#deps.log.debug({ address, concentrator }, 'event ignored: that gateway is not to answer for the address');
  }
}
