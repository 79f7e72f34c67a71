import type { Socket } from 'node:net';
import type { Plan } from '@weft/core/plan/plan';
import { planRefText } from '@weft/core/plan/plan';
import { segmentKey } from '@weft/core/plan/segment';
import type { InstanceId } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';
import { errorInfo } from '@weft/core/weft-error';
import type { ErrorInfo } from '@weft/core/weft-error';
import type { Clock } from '@weft/ssntp/clock';
import type { Logger } from '@weft/ssntp/logger';
import type { DataplanePort } from '../dataplane-port.ts';
import type { Follower, Scope } from '../reconciler.ts';
import { Askers } from './askers.ts';
import { metadataAt } from './content.ts';
import { legIdentity, LegListener } from './leg-listener.ts';
import type { Leg } from './leg-listener.ts';
import { MetadataHttp } from './metadata-http.ts';
import type { Answer } from './metadata-http.ts';

export type MetadataServiceDeps = Readonly<{
  dataplane: Pick<DataplanePort, 'metadataLeg'>;
  clock: Clock;
  log: Logger;
  /** `failures` changed. */
  onFailures: () => void;
}>;

const RETRY_MS = 1000;

/** Who a connection belongs to: what the address becomes while it is open is another's. */
type Asker = Readonly<{ vni: Vni; address: string; instanceId: InstanceId }>;

/**
 * Tells workloads of this node who they are, at 169.254.169.254: one listener for each segment with ports, in the namespace that the data
 * path makes for it. The sockets die with this process and are opened anew by the next; nothing else is kept.
 */
export class MetadataService implements Follower {
  readonly #domain: string;
  readonly #deps: MetadataServiceDeps;
  readonly #askers = new Askers();
  readonly #listeners = new Map<Vni, LegListener>();
  readonly #connections = new WeakMap<Socket, Asker>();
  readonly #failures = new Map<Vni, ErrorInfo>();
  readonly #http: MetadataHttp;
  #retry: unknown;
  #closed = false;

  /** `domain`: what names of tenants end with. */
  constructor(options: Readonly<{ domain: string }>, deps: MetadataServiceDeps) {
    this.#domain = options.domain;
    this.#deps = deps;
    this.#http = new MetadataHttp({ clock: deps.clock, answer: (socket, path) => this.#answer(socket, path) });
  }

  /** A namespace lives as long as a socket in it does: those of segments that leave are closed first. */
  retire(plan: Plan, scope: Scope): undefined {
    const concerned = this.#take(plan, scope);
    for (const vni of concerned) if (!this.#askers.has(vni)) this.#close(vni);
  }

  apply(plan: Plan, scope: Scope): void {
    for (const vni of this.#take(plan, scope)) this.#ensure(vni);
    this.#scheduleRetry();
  }

  failures(): ReadonlyMap<string, ErrorInfo> {
    return new Map(Array.from(this.#failures, ([vni, error]) => [planRefText({ kind: 'segment', key: segmentKey(vni) }), error]));
  }

  /** Nobody is answered any more, until the next process. */
  close(): void {
    this.#closed = true;
    this.#deps.clock.clearTimeout(this.#retry);
    for (const vni of this.#listeners.keys()) this.#close(vni);
  }

  /** Takes the plan over; returns the segments of which the listener may have to change. */
  #take(plan: Plan, scope: Scope): Iterable<Vni> {
    if (typeof scope !== 'string') {
      const named = [...scope.values()];
      const ports = this.#askers.take(
        plan,
        named.flatMap(({ kind, key }) => (kind === 'port' ? [key] : [])),
      );
      const segments = named.flatMap(({ kind, key }) => (kind === 'segment' ? [Number(key) as Vni] : []));
      return new Set([...ports, ...segments]);
    }
    this.#askers.takeAll(plan);
    return new Set([...this.#listeners.keys(), ...this.#failures.keys(), ...this.#askers.segments()]);
  }

  #ensure(vni: Vni): void {
    if (this.#closed) return;
    if (!this.#askers.has(vni)) return this.#close(vni);
    try {
      const leg = this.#deps.dataplane.metadataLeg(vni);
      const identity = legIdentity(leg);
      // The data path failed, and reports that; or somebody took it away, and then everything is compared before long.
      if (identity === undefined) return this.#close(vni);
      if (this.#listeners.get(vni)?.identity !== identity) this.#listen(vni, leg, identity);
      this.#note(vni, undefined);
    } catch (error) {
      this.#stop(vni);
      this.#note(vni, error);
    }
  }

  #listen(vni: Vni, leg: Leg, identity: string): void {
    this.#stop(vni);
    const listener = new LegListener(
      { ...leg, identity },
      {
        connected: (socket) => this.#connected(vni, socket),
        failed: (error) => {
          if (this.#listeners.get(vni) !== listener) return;
          this.#stop(vni);
          this.#note(vni, error);
          this.#scheduleRetry();
        },
      },
    );
    this.#listeners.set(vni, listener);
  }

  #connected(vni: Vni, socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const instance = this.#askers.find(vni, address);
    if (instance !== undefined) this.#connections.set(socket, { vni, address, instanceId: instance.instanceId });
    this.#http.take(socket);
  }

  #answer(socket: Socket, path: string): Answer {
    const asker = this.#connections.get(socket);
    const instance = asker === undefined ? undefined : this.#askers.find(asker.vni, asker.address);
    if (instance === undefined || instance.instanceId !== asker?.instanceId) return 'stranger';
    return metadataAt({ instance, domain: this.#domain }, path) ?? 'absent';
  }

  #close(vni: Vni): void {
    this.#stop(vni);
    this.#note(vni, undefined);
  }

  #stop(vni: Vni): void {
    this.#listeners.get(vni)?.close();
    this.#listeners.delete(vni);
  }

  #note(vni: Vni, error: unknown): void {
    const before = this.#failures.get(vni);
    const failure = error === undefined ? undefined : errorInfo(error);
    if (before?.code === failure?.code && before?.message === failure?.message) return;
    if (failure === undefined) this.#failures.delete(vni);
    else this.#failures.set(vni, failure);
    if (before === undefined) this.#deps.log.warn({ vni, err: error }, 'the metadata service cannot listen on a segment, trying again');
    this.#deps.onFailures();
  }

  #scheduleRetry(): void {
    const { clock } = this.#deps;
    clock.clearTimeout(this.#retry);
    if (this.#failures.size === 0 || this.#closed) return;
    this.#retry = clock.setTimeout(() => {
      for (const vni of this.#failures.keys()) this.#ensure(vni);
      this.#scheduleRetry();
    }, RETRY_MS);
  }
}
