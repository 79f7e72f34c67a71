import { PUBLIC } from '@weft/core/plan/dnsname';
import type { Plan, PlanBodies } from '@weft/core/plan/plan';
import type { ConcentratorId } from '@weft/core/uuid';

/** `body` is undefined for what is no longer in the plan. */
export type FileChange<B> = Readonly<{ name: string; body: B | undefined }>;

type Kind = 'dhcphost' | 'dnsname';

/** What is kept in a file each: `<vni>-<address>`, or `public-<address>`. dnsmasq passes over names that begin with a dot, so an unfinished file is never read. */
export const fileName = ({ vni, address }: Pick<PlanBodies['dnsname'], 'vni' | 'address'>): string => `${vni ?? PUBLIC}-${address}`;

/** The plan's resources of a kind by gateway and file name, kept so that one change does not cost a walk over all. */
export class ByGateway<K extends Kind> {
  readonly #kind: K;
  #bodies = new Map<ConcentratorId, Map<string, PlanBodies[K]>>();
  /** Plan key → whose it is. */
  #owners = new Map<string, ConcentratorId>();

  constructor(kind: K) {
    this.#kind = kind;
  }

  of(id: ConcentratorId): ReadonlyMap<string, PlanBodies[K]> {
    return this.#bodies.get(id) ?? new Map<string, PlanBodies[K]>();
  }

  takeAll(plan: Plan): void {
    this.#bodies = new Map();
    this.#owners = new Map();
    for (const [key, body] of plan.of(this.#kind)) this.#put(key, body);
  }

  /** One resource as it is in the plan now: what that changes, of one gateway or of two. */
  take(plan: Plan, key: string): (readonly [ConcentratorId, FileChange<PlanBodies[K]>])[] {
    const name = key.replace('/', '-');
    const owner = this.#owners.get(key);
    this.#owners.delete(key);
    if (owner !== undefined) this.#bodies.get(owner)?.delete(name);
    const body = plan.get(this.#kind, key);
    const changes: (readonly [ConcentratorId, FileChange<PlanBodies[K]>])[] = [];
    if (owner !== undefined && owner !== body?.concentratorId) changes.push([owner, { name, body: undefined }]);
    if (body !== undefined) {
      this.#put(key, body);
      changes.push([body.concentratorId, { name, body }]);
    }
    return changes;
  }

  #put(key: string, body: PlanBodies[K]): void {
    const bodies = this.#bodies.get(body.concentratorId);
    if (bodies === undefined) this.#bodies.set(body.concentratorId, new Map([[fileName(body), body]]));
    else bodies.set(fileName(body), body);
    this.#owners.set(key, body.concentratorId);
  }
}
