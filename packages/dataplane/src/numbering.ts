import type { Vni } from '@weft/core/vni';
import { WeftError } from '@weft/core/weft-error';
import type { KernelObject } from './kernel-object.ts';
import { tunnelName } from './names.ts';
import { LARGEST_NUMBER, MARK_STATELESS, TRUSTED_NUMBER } from './ruleset/fabric.ts';

/**
 * The node's own numbers: a port's (it travels in the packet's mark) and a segment's connection tracking zone. They mean nothing elsewhere,
 * but must not change while packets flow: a restarted launcher learns them from the kernel it finds. What is freed is used last.
 */
export class Numbering {
  readonly #ports = new NumberPool(1, LARGEST_NUMBER);
  readonly #trusted = new NumberPool(TRUSTED_NUMBER + 1, TRUSTED_NUMBER + LARGEST_NUMBER);
  readonly #zones = new NumberPool(1, 65_535);
  #newZones: number[] = [];

  /** Takes over the numbers of an observed fabric: the elements of `number` and, through a tunnel's, of `zone`. */
  learn(observed: Iterable<KernelObject>): void {
    const zones = new Map<string, string>();
    const numbers: { link: string; number: string }[] = [];
    for (const object of observed) {
      if (object.kind !== 'element' || object.place !== 'fabric' || object.value === undefined) continue;
      const [key] = object.key;
      if (key === undefined) continue;
      if (object.set === 'number') numbers.push({ link: key, number: object.value });
      if (object.set === 'zone') zones.set(key, object.value);
    }
    for (const { link, number } of numbers) {
      const plain = Number(number) & ~MARK_STATELESS;
      (plain > TRUSTED_NUMBER ? this.#trusted : this.#ports).claim(link, plain);
      const zone = zones.get(number);
      if (link.startsWith('wx') && zone !== undefined) this.#zones.claim(link, Number(zone));
    }
  }

  /** The number of a workload's port, by link name. */
  port(link: string): number {
    return this.#ports.of(link).number;
  }

  /** The number of a tunnel or a gateway's port. */
  trusted(link: string): number {
    return this.#trusted.of(link).number;
  }

  /** The number of a link that has one. */
  known(link: string): number | undefined {
    return this.#ports.known(link) ?? this.#trusted.known(link);
  }

  /** A segment's zone, given to its tunnel. */
  zone(vni: Vni): number {
    const { number, anew } = this.#zones.of(tunnelName(vni));
    if (anew) this.#newZones.push(number);
    return number;
  }

  /** The zone of a segment that has one. */
  knownZone(vni: Vni): number | undefined {
    return this.#zones.known(tunnelName(vni));
  }

  /** Zones that were handed out since the last call: connections of an earlier holder may still be in them. */
  takeNewZones(): readonly number[] {
    const zones = this.#newZones;
    this.#newZones = [];
    return zones;
  }

  /** A link that is gone for good gives its numbers back; returns the zone, if it was a tunnel's. */
  release(link: string): number | undefined {
    this.#ports.release(link);
    this.#trusted.release(link);
    return this.#zones.release(link);
  }
}

class NumberPool {
  readonly #first: number;
  readonly #last: number;
  readonly #byName = new Map<string, number>();
  readonly #taken = new Set<number>();
  #next: number;

  constructor(first: number, last: number) {
    this.#first = first;
    this.#last = last;
    this.#next = first;
  }

  known(name: string): number | undefined {
    return this.#byName.get(name);
  }

  of(name: string): Readonly<{ number: number; anew: boolean }> {
    const known = this.#byName.get(name);
    if (known !== undefined) return { number: known, anew: false };
    for (let tries = this.#first; tries <= this.#last; tries += 1) {
      const number = this.#next;
      this.#next = number === this.#last ? this.#first : number + 1;
      if (!this.#taken.has(number)) {
        this.claim(name, number);
        return { number, anew: true };
      }
    }
    throw new WeftError('node_full', `all ${this.#last - this.#first + 1} numbers of this kind are in use on this node`, {
      remedy: 'Move workloads to another node.',
    });
  }

  claim(name: string, number: number): void {
    if (number < this.#first || number > this.#last || this.#taken.has(number)) return;
    this.release(name);
    this.#byName.set(name, number);
    this.#taken.add(number);
  }

  release(name: string): number | undefined {
    const number = this.#byName.get(name);
    if (number === undefined) return undefined;
    this.#byName.delete(name);
    this.#taken.delete(number);
    return number;
  }
}
