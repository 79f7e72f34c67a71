import { isIpv4 } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import { instanceKey } from '@weft/core/plan/instance';
import type { InstanceBody } from '@weft/core/plan/instance';
import type { Plan } from '@weft/core/plan/plan';
import type { PortBody } from '@weft/core/plan/port';
import type { Vni } from '@weft/core/vni';

/**
 * Whose address is whose on which segment, kept so that one change does not cost a walk over all ports. The data path lets nothing come to a
 * segment's leg but what a port sends from one of its own addresses, and leads answers to that port alone: so (segment, address) is who asks.
 */
export class Askers {
  readonly #ports = new Map<string, PortBody>();
  readonly #byAddress = new Map<Vni, Map<Ipv4, string>>();
  #plan: Plan | undefined;

  /** The segments that somebody may ask on. */
  segments(): Iterable<Vni> {
    return this.#byAddress.keys();
  }

  has(vni: Vni): boolean {
    return this.#byAddress.has(vni);
  }

  takeAll(plan: Plan): void {
    this.#plan = plan;
    this.#ports.clear();
    this.#byAddress.clear();
    for (const [key, body] of plan.of('port')) this.#put(key, body);
  }

  /** The ports as they are in the plan now; returns the segments that they are and were on. */
  take(plan: Plan, keys: readonly string[]): ReadonlySet<Vni> {
    this.#plan = plan;
    const vnis = new Set<Vni>();
    // All that go before any that comes: an address may pass from one to the other.
    for (const key of keys) {
      const old = this.#ports.get(key);
      if (old === undefined) continue;
      vnis.add(old.vni);
      this.#remove(key, old);
    }
    for (const key of keys) {
      const body = plan.get('port', key);
      if (body === undefined) continue;
      vnis.add(body.vni);
      this.#put(key, body);
    }
    return vnis;
  }

  /** Undefined for nobody's address, and for an instance that is not here. */
  find(vni: Vni, address: string): InstanceBody | undefined {
    const key = this.#byAddress.get(vni)?.get(address as Ipv4);
    const port = key === undefined ? undefined : this.#ports.get(key);
    return port === undefined ? undefined : this.#plan?.get('instance', instanceKey(port.instanceId));
  }

  #put(key: string, body: PortBody): void {
    if (!body.adminStateUp) return;
    this.#ports.set(key, body);
    const addresses = this.#byAddress.get(body.vni) ?? new Map<Ipv4, string>();
    this.#byAddress.set(body.vni, addresses);
    for (const address of body.ips) if (isIpv4(address)) addresses.set(address, key);
  }

  #remove(key: string, body: PortBody): void {
    this.#ports.delete(key);
    const addresses = this.#byAddress.get(body.vni);
    for (const address of body.ips) if (isIpv4(address) && addresses?.get(address) === key) addresses.delete(address);
    if (addresses?.size === 0) this.#byAddress.delete(body.vni);
  }
}
