import type { NodeId } from '@weft/core/uuid';
import { WeftError } from '@weft/core/weft-error';
import type { SchedulerLink } from './link.ts';
import { NodeNotConnected } from './node-registry.ts';

/** A node that has not answered by then is not waited for: whoever asks gets the rest. */
const DEADLINE_MS = 2_000;
/** So that questions to a node that hangs pile up neither there nor here, and leave room for the others'. */
const MAX_OPEN_PER_NODE = 8;
const MAX_OPEN = 128;

/** Too much is being asked already; nothing was sent. */
export class TooManyCalls extends WeftError {
  constructor(nodeId: NodeId) {
    super('too_many_calls', `asking node ${nodeId}: too many questions are open`, {
      details: { node: nodeId },
      retryable: true,
      remedy: 'Ask again in a few seconds.',
    });
  }
}

export type NodeCallsDeps = Readonly<{
  isConnected: (nodeId: NodeId) => boolean;
  request: SchedulerLink['request'];
}>;

/** Questions to nodes, each with a deadline, and never more than a few open at once. */
export class NodeCalls {
  readonly #deps: NodeCallsDeps;
  readonly #open = new Map<NodeId, number>();
  #count = 0;

  constructor(deps: NodeCallsDeps) {
    this.#deps = deps;
  }

  /** Rejects with a WeftError: NodeNotConnected and TooManyCalls at once, RequestTimedOut after two seconds, RemoteError when the node refuses. */
  async ask(nodeId: NodeId, op: string, body: unknown): Promise<unknown> {
    if (!this.#deps.isConnected(nodeId)) throw new NodeNotConnected(nodeId);
    const open = this.#open.get(nodeId) ?? 0;
    if (open >= MAX_OPEN_PER_NODE || this.#count >= MAX_OPEN) throw new TooManyCalls(nodeId);
    this.#open.set(nodeId, open + 1);
    this.#count += 1;
    try {
      return await this.#deps.request(op, body, { destination: nodeId, timeoutMs: DEADLINE_MS });
    } finally {
      this.#count -= 1;
      const left = (this.#open.get(nodeId) ?? 1) - 1;
      if (left === 0) this.#open.delete(nodeId);
      else this.#open.set(nodeId, left);
    }
  }
}
