import type { Ipv4 } from '@weft/core/ipv4';
import { gatewayKey } from '@weft/core/plan/gateway';
import type { GatewayBody } from '@weft/core/plan/gateway';
import { planRefText } from '@weft/core/plan/plan';
import type { PlanRef } from '@weft/core/plan/plan';
import type { ConcentratorId, InstanceId } from '@weft/core/uuid';
import type { ErrorInfo } from '@weft/core/weft-error';
import type { Clock } from '@weft/ssntp/clock';
import type { Frame } from '@weft/ssntp/frame';
import type { Logger } from '@weft/ssntp/logger';
import type { NodeFacts } from './node-facts.ts';
import { gatewayAddedFrame, readyFrame, statsFrames } from './reports.ts';
import type { ReportingNode } from './reports.ts';
import type { InstanceState } from './runner.ts';

export type AnnouncerDeps = Readonly<{
  send: (frame: Frame) => boolean;
  facts: () => NodeFacts;
  instances: () => readonly Readonly<{ instanceId: InstanceId; state: InstanceState }>[];
  clock: Clock;
  random: () => number;
  log: Logger;
}>;

const PERIOD_MS = 5000;

/** Tells the scheduler and the controller about the node: resources and instances all the time, each gateway once a connection. */
export class Announcer {
  readonly #node: ReportingNode;
  readonly #deps: AnnouncerDeps;
  readonly #announced = new Set<ConcentratorId>();
  /** Announced on this connection, also if they are gone since. */
  readonly #spokenFor = new Set<ConcentratorId>();
  #timer: unknown;
  /** The node's VTEP address, once it is known. */
  vtep: () => Ipv4 | undefined = () => undefined;

  constructor(node: ReportingNode, deps: AnnouncerDeps) {
    this.#node = node;
    this.#deps = deps;
  }

  /** There is a connection: reports at once, then every 5 s, and knows of no announced gateway. */
  resume(): void {
    this.pause();
    this.#announced.clear();
    this.#spokenFor.clear();
    this.#tick();
  }

  /** The node's address is another one: says so at once, and no gateway is known to be there. */
  relocated(): void {
    this.#announced.clear();
    if (this.#timer === undefined) return;
    this.pause();
    this.#tick();
  }

  pause(): void {
    this.#deps.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Announces those that are applied – `settled`, and not failed – and that the other side does not know of. */
  gateways(bodies: Iterable<GatewayBody>, failed: ReadonlyMap<string, ErrorInfo>, settled: (ref: PlanRef) => boolean): void {
    const present = new Set<ConcentratorId>();
    let count = 0;
    for (const body of bodies) {
      present.add(body.concentratorId);
      if (this.#announced.has(body.concentratorId)) continue;
      const ref: PlanRef = { kind: 'gateway', key: gatewayKey(body.concentratorId) };
      if (failed.has(planRefText(ref)) || !settled(ref)) continue;
      const vtep = this.vtep();
      const frame = vtep === undefined ? undefined : gatewayAddedFrame(body, vtep);
      if (frame === undefined || !this.#deps.send(frame)) continue;
      this.#announced.add(body.concentratorId);
      this.#spokenFor.add(body.concentratorId);
      count += 1;
    }
    if (count > 0) this.#deps.log.info({ count, vtep: this.vtep() }, 'gateways announced');
    for (const id of this.#announced) if (!present.has(id)) this.#announced.delete(id);
  }

  /** Whether the scheduler passes on what is said in this gateway's name. */
  speaksFor(id: ConcentratorId): boolean {
    return this.#spokenFor.has(id);
  }

  #tick(): void {
    const { send, facts, instances, clock, random } = this.#deps;
    const now = facts();
    send(readyFrame(this.#node, now));
    for (const frame of statsFrames({ ...this.#node, vtep: this.vtep() }, now, instances())) send(frame);
    const timer = clock.setTimeout(() => this.#tick(), PERIOD_MS * (0.9 + 0.2 * random()));
    // A report keeps no process alive.
    (timer as { unref?: () => void }).unref?.();
    this.#timer = timer;
  }
}
