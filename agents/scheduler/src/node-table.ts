import type { NodeId, Uuid } from '@weft/core/uuid';
import type { Ready } from '@weft/ssntp/payloads/ready';
import { Role, hasAnyRole } from '@weft/ssntp/role';
import type { NodeStatus, PlacementResult, Requirements } from './placement.ts';
import { place } from './placement.ts';

/** A connected node as the scheduler knows it: in memory only, rebuilt from READY frames after a restart. Megabytes. */
export type NodeRecord = {
  readonly uuid: NodeId;
  readonly roles: number;
  status: NodeStatus;
  hostname: string;
  memTotalMb: number;
  memAvailableMb: number;
  diskTotalMb: number;
  diskAvailableMb: number;
  load: number;
};

/** Nodes of one kind in order of connection, and the place of the one that got work last. */
type Ring = { readonly nodes: NodeRecord[]; last: number };

/** The nodes, with what is left on each. A node with both roles is in both rings but has one record, for it has one memory. */
export class NodeTable {
  readonly #nodes = new Map<Uuid, NodeRecord>();
  readonly #compute: Ring = { nodes: [], last: -1 };
  readonly #network: Ring = { nodes: [], last: -1 };

  get size(): number {
    return this.#nodes.size;
  }

  values(): IterableIterator<NodeRecord> {
    return this.#nodes.values();
  }

  add(uuid: NodeId, roles: number): void {
    this.remove(uuid);
    const figures = { memTotalMb: -1, memAvailableMb: -1, diskTotalMb: -1, diskAvailableMb: -1, load: -1 };
    const node: NodeRecord = { uuid, roles, status: 'connected', hostname: '', ...figures };
    this.#nodes.set(uuid, node);
    for (const ring of this.#ringsOf(roles)) ring.nodes.push(node);
  }

  remove(uuid: Uuid): void {
    const node = this.#nodes.get(uuid);
    if (node === undefined) return;
    this.#nodes.delete(uuid);
    for (const ring of this.#ringsOf(node.roles)) {
      const index = ring.nodes.indexOf(node);
      ring.nodes.splice(index, 1);
      if (index <= ring.last) ring.last--;
    }
  }

  /** New figures; they count from now on, and what was reserved on the old ones is forgotten. */
  ready(uuid: Uuid, ready: Ready): void {
    const node = this.#nodes.get(uuid);
    if (node === undefined) return;
    node.status = 'ready';
    node.hostname = ready.hostname;
    node.memTotalMb = ready.mem_total_mb;
    node.memAvailableMb = ready.mem_available_mb;
    node.diskTotalMb = ready.disk_total_mb;
    node.diskAvailableMb = ready.disk_available_mb;
    node.load = ready.load;
  }

  setStatus(uuid: Uuid, status: Exclude<NodeStatus, 'connected' | 'ready'>): void {
    const node = this.#nodes.get(uuid);
    if (node !== undefined) node.status = status;
  }

  /** Places and reserves: the memory and disk are off the node's figures until its next READY. */
  reserve(wanted: Requirements): PlacementResult<NodeRecord> {
    const ring = wanted.networkNode ? this.#network : this.#compute;
    // Who names a node does not pay for looking at all of them, nor take part in the round.
    const pinned = wanted.nodeId === undefined ? undefined : this.#nodes.get(wanted.nodeId);
    const result = wanted.nodeId === undefined ? place(ring.nodes, wanted, ring.last) : place(pinned === undefined ? [] : [pinned], wanted);
    if (result.kind === 'placed') {
      if (wanted.nodeId === undefined) ring.last = result.index;
      result.node.memAvailableMb -= wanted.memMb;
      result.node.diskAvailableMb -= wanted.diskMb;
    }
    return result;
  }

  #ringsOf(roles: number): Ring[] {
    return [
      ...(hasAnyRole(roles, Role.CNAgent) ? [this.#compute] : []),
      ...(hasAnyRole(roles, Role.NetworkingAgent) ? [this.#network] : []),
    ];
  }
}
