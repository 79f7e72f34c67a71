/** What happens to workloads, gateways and nodes, told in the event log. Read from what became durable, so each is told once. */
import type { ClusterState } from '@weft/core/cluster-state';
import type { Changes, Concentrator, Instance, Node } from '@weft/core/resource';
import type { ConcentratorId, NodeId } from '@weft/core/uuid';
import type { Cluster } from './cluster.ts';
import type { EventLog, NewEvent } from './event-log.ts';

export type LifeEventsDeps = Readonly<{ cluster: Cluster; events: EventLog }>;

export class LifeEvents {
  readonly #state: ClusterState;
  readonly #events: EventLog;
  /** Of each gateway: its newest generation that was told. */
  readonly #generations: Map<ConcentratorId, number>;

  constructor({ cluster, events }: LifeEventsDeps) {
    this.#state = cluster.state;
    this.#events = events;
    this.#generations = new Map(Array.from(cluster.state.concentrators.values(), ({ id, generation }) => [id, generation]));
    cluster.listen({ published: ({ changes }) => this.#published(changes), flushed: () => undefined });
  }

  /** A gateway runs where it is to run. */
  announced({ id, tenantId, nodeId }: Concentrator): void {
    const resources = { concentrator: id, ...(nodeId === undefined ? {} : { node: nodeId }) };
    this.#events.add({ tenantId, name: 'concentrator.announced', resources, message: `Concentrator ${id} is up` });
  }

  /** Its process has ended by itself. */
  instanceStopped(instance: Instance): void {
    this.#instance(instance, 'instance.stopped', 'has stopped');
  }

  nodeConnected(node: NodeId): void {
    this.#node(node, 'node.connected', `Node ${this.#nameOf(node)} is connected`);
  }

  nodeLost(node: NodeId): void {
    const message = `The connection to node ${this.#nameOf(node)} is lost`;
    this.#events.add({ tenantId: undefined, type: 'error', name: 'node.lost', resources: { node }, message });
  }

  #published({ put, remove }: Changes): void {
    for (const record of remove) {
      if (record.kind === 'instance') this.#instance(record, 'instance.deleted', 'was deleted');
      if (record.kind === 'node') this.#node(record.id, 'node.forgotten', `Node ${record.hostname} is forgotten`);
      if (record.kind !== 'concentrator') continue;
      this.#generations.delete(record.id);
      this.#concentrator(record, 'concentrator.retired', 'was retired');
    }
    for (const record of put) {
      if (record.kind === 'instance') {
        if (record.revision === 1) this.#instance(record, 'instance.created', 'was created');
        else if (record.nodeId !== undefined) this.#instance(record, 'instance.placed', 'was given a node');
      } else if (record.kind === 'node' && record.revision === 1) this.#joined(record);
      else if (record.kind === 'concentrator') this.#concentratorChanged(record);
    }
  }

  #joined({ id, hostname, roles }: Node): void {
    this.#node(id, 'node.joined', `Node ${hostname} has joined as ${roles.join(' and ')} node`);
  }

  #concentratorChanged(record: Concentrator): void {
    const before = this.#generations.get(record.id);
    this.#generations.set(record.id, record.generation);
    if (before === undefined) this.#concentrator(record, 'concentrator.made', 'was made');
    else if (record.generation > before && before === 0) this.#concentrator(record, 'concentrator.placed', 'was given a node');
    else if (record.generation > before) this.#concentrator(record, 'concentrator.moved', 'was moved to another node');
  }

  #instance({ id, tenantId, nodeId, portId, name }: Instance, event: NewEvent['name'], what: string): void {
    const resources = { instance: id, port: portId, ...(nodeId === undefined ? {} : { node: nodeId }) };
    this.#events.add({ tenantId, name: event, resources, message: `Instance ${name === '' ? id : name} ${what}` });
  }

  #concentrator({ id, tenantId, nodeId }: Concentrator, event: NewEvent['name'], what: string): void {
    const resources = { concentrator: id, ...(nodeId === undefined ? {} : { node: nodeId }) };
    this.#events.add({ tenantId, name: event, resources, message: `Concentrator ${id} ${what}` });
  }

  #node(node: NodeId, name: NewEvent['name'], message: string): void {
    this.#events.add({ tenantId: undefined, name, resources: { node }, message });
  }

  #nameOf(node: NodeId): string {
    return this.#state.nodes.get(node)?.hostname ?? node;
  }
}
