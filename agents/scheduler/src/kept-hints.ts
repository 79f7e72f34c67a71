/**
 * Hints (TenantAdded) that a concentrator's host may not have got: the latest of each agent about each segment.
 *
 * A host whose connection is cut takes a few seconds to be missed, and what was sent to it then is lost; so every hint is kept, delivered
 * or not, and goes to the host again whenever it announces the concentrator. That also serves a host that was started anew. The receiver
 * takes a hint twice as once.
 *
 * A hint has a time to live, which ends it only while a controller is connected: its plans say more, and better. Without one a hint may be
 * all there is. Beyond the bounds the oldest goes, the agent's own first: nobody pushes out what others have said.
 */
import { MultiMap } from '@weft/core/multi-map';
import type { Uuid } from '@weft/core/uuid';
import type { Clock } from '@weft/ssntp/clock';
import type { TenantEvent } from '@weft/ssntp/payloads/tenant-event';

export type KeptHintsOptions = Readonly<{
  lifeMs: number;
  /** Of payloads. All may be for one host, whose queue must hold them. */
  maxBytes: number;
  maxBytesPerAgent: number;
}>;

/** Whose hint about what. */
export type HintName = Readonly<Pick<TenantEvent, 'agent_uuid' | 'concentrator_uuid' | 'vni'>>;

type Kept = Readonly<{ agent: Uuid; concentrator: Uuid; atMs: number; payload: Uint8Array }>;

export class KeptHints {
  readonly #options: KeptHintsOptions;
  readonly #deps: Readonly<{ clock: Clock; isLed: () => boolean }>;
  /** Oldest first. */
  readonly #hints = new Map<string, Kept>();
  readonly #byConcentrator = new MultiMap<Uuid, string>();
  readonly #byAgent = new MultiMap<Uuid, string>();
  readonly #bytesOfAgent = new Map<Uuid, number>();
  #bytes = 0;

  /** `isLed`: whether a controller is connected. */
  constructor(options: KeptHintsOptions, deps: Readonly<{ clock: Clock; isLed: () => boolean }>) {
    this.#options = options;
    this.#deps = deps;
  }

  get size(): number {
    return this.#hints.size;
  }

  /** Keeps a hint in place of the one that its agent gave before about the segment. The payload is copied. */
  keep(name: HintName, payload: Uint8Array): void {
    const { maxBytes, maxBytesPerAgent } = this.#options;
    const key = keyOf(name);
    const { agent_uuid: agent, concentrator_uuid: concentrator } = name;
    this.#delete(key);
    this.#expire();
    this.#hints.set(key, { agent, concentrator, atMs: this.#deps.clock.now(), payload: payload.slice() });
    this.#byConcentrator.add(concentrator, key);
    this.#byAgent.add(agent, key);
    this.#count(agent, payload.length);
    while ((this.#bytesOfAgent.get(agent) ?? 0) > maxBytesPerAgent) this.#delete(firstOf(this.#byAgent.of(agent)));
    while (this.#bytes > maxBytes) this.#delete(firstOf(this.#hints.keys()));
  }

  forget(name: HintName): void {
    this.#delete(keyOf(name));
  }

  /** The payloads for a concentrator's host, oldest first. */
  for(concentrator: Uuid): readonly Uint8Array[] {
    this.#expire();
    return Array.from(this.#byConcentrator.of(concentrator), (key) => this.#hints.get(key)!.payload);
  }

  #expire(): void {
    if (!this.#deps.isLed()) return;
    const before = this.#deps.clock.now() - this.#options.lifeMs;
    for (const [key, { atMs }] of this.#hints) {
      if (atMs > before) return;
      this.#delete(key);
    }
  }

  #delete(key: string | undefined): void {
    const kept = key === undefined ? undefined : this.#hints.get(key);
    if (key === undefined || kept === undefined) return;
    this.#hints.delete(key);
    this.#byConcentrator.remove(kept.concentrator, key);
    this.#byAgent.remove(kept.agent, key);
    this.#count(kept.agent, -kept.payload.length);
  }

  #count(agent: Uuid, bytes: number): void {
    this.#bytes += bytes;
    const own = (this.#bytesOfAgent.get(agent) ?? 0) + bytes;
    if (own === 0) this.#bytesOfAgent.delete(agent);
    else this.#bytesOfAgent.set(agent, own);
  }
}

function firstOf<T>(items: Iterable<T>): T | undefined {
  for (const item of items) return item;
  return undefined;
}

function keyOf({ agent_uuid, concentrator_uuid, vni }: HintName): string {
  return `${concentrator_uuid} ${agent_uuid} ${vni}`;
}
