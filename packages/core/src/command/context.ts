import { canonicalJson } from '../canonical-json.ts';
import type { Cidr } from '../cidr.ts';
import type { Ipv4 } from '../ipv4.ts';
import type { QuotaLimits } from '../quota.ts';
import type { Resource, Topology } from '../resource.ts';
import type { Uuid } from '../uuid.ts';
import { WeftError } from '../weft-error.ts';

/**
 * A command is a pure function `(state, context, request) → Changes`; it throws a WeftError and decides nothing when the request cannot
 * be. Time, chance and the cluster's configuration come in here.
 */
export type CommandContext = Readonly<{
  /** RFC 3339, second precision: `2026-11-20T09:00:00Z`. */
  now: string;
  uuid: () => Uuid;
  random: (bytes: number) => Uint8Array;
  cluster: ClusterConfig;
}>;

/** What the operator fixed for the whole cluster. */
export type ClusterConfig = Readonly<{
  /** Largest MTU of a tenant network: the underlay's less the encapsulation. */
  mtu: number;
  vniRange: Readonly<{ first: number; last: number }>;
  defaultTopology: Topology;
  /** Underlay and management prefixes: nodes' addresses, kept from tenants. */
  computeCidrs: readonly Cidr[];
  managementCidrs: readonly Cidr[];
  /** Where gateways get their addresses on the outside; absent: no gateway has an uplink. */
  uplink: Readonly<{ cidr: Cidr; gateway: Ipv4; first: Ipv4; last: Ipv4 }> | undefined;
  /** Addresses in a compute network for machines of concentrators that ask for one; absent: each brings its own. */
  concentratorAddresses?: Readonly<{ cidr: Cidr; first: Ipv4; last: Ipv4 }> | undefined;
  /** Ports of a gateway's own address that lead to workloads' SSH servers; absent: there is no such reach. */
  sshPorts: Readonly<{ first: number; last: number }> | undefined;
  /** What names of tenants end with; absent: `weft.internal`. */
  dnsDomain?: string;
  /** Of every tenant without limits of its own, in place of Neutron's defaults. */
  quotas?: Readonly<Partial<QuotaLimits>>;
}>;

/** No object of that id that the caller may see. `type` is Neutron's exception class. */
export class NotFound extends WeftError {
  readonly kind: Named;

  constructor(kind: Named, id: string) {
    super('not_found', `${kind} ${id} could not be found`, { details: { kind, id } });
    this.kind = kind;
  }
}

/** A record, or what is fixed and has an id nevertheless. */
type Named = Resource['kind'] | 'role' | 'domain' | 'token';

/** The request contradicts what exists: taken, in use, exhausted. `code` tells which. */
export class Conflict extends WeftError {}

/** The request is well formed but cannot be, whatever exists. `code` tells which. */
export class Refused extends WeftError {}

/** Stamps of a new record. */
export function stamps(context: CommandContext): Readonly<{ revision: number; createdAt: string; updatedAt: string }> {
  return { revision: 1, createdAt: context.now, updatedAt: context.now };
}

/** What a request makes of a record: the record itself if it says nothing new, so that a repetition is no change ({@link putChanged}). */
export function updated<T extends Resource>(context: CommandContext, old: T, wanted: Partial<Omit<T, 'kind' | 'id'>>): T {
  return canonicalJson({ ...old, ...wanted }) === canonicalJson(old) ? old : revised(context, old, wanted);
}

/** What to write of an update that may have changed nothing. */
export function putChanged<T extends Resource>(old: T, now: T): readonly T[] {
  return now === old ? [] : [now];
}

/** The next version of a record. */
export function revised<T extends Resource>(context: CommandContext, old: T, changed: Partial<Omit<T, 'kind' | 'id'>>): T {
  return { ...old, ...changed, revision: old.revision + 1, updatedAt: context.now };
}
