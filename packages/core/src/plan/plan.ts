import { canonicalJson } from '../canonical-json.ts';
import { WeftError } from '../weft-error.ts';
import { parseDhcpHostBody } from './dhcphost.ts';
import type { DhcpHostBody } from './dhcphost.ts';
import { parseDnsNameBody } from './dnsname.ts';
import type { DnsNameBody } from './dnsname.ts';
import { parseFirewallBody } from './firewall.ts';
import type { FirewallBody } from './firewall.ts';
import { parseForwardBody } from './forward.ts';
import type { ForwardBody } from './forward.ts';
import { parseGatewayBody } from './gateway.ts';
import type { GatewayBody } from './gateway.ts';
import { parseGroupBody } from './group.ts';
import type { GroupBody } from './group.ts';
import { parseInstanceBody } from './instance.ts';
import type { InstanceBody } from './instance.ts';
import { parseMemberBody } from './member.ts';
import type { MemberBody } from './member.ts';
import { parseNatBody } from './nat.ts';
import type { NatBody } from './nat.ts';
import { parsePeerBody } from './peer.ts';
import type { PeerBody } from './peer.ts';
import { parsePortBody } from './port.ts';
import type { PortBody } from './port.ts';
import { parsePublicIpBody } from './publicip.ts';
import type { PublicIpBody } from './publicip.ts';
import { parseSegmentBody } from './segment.ts';
import type { SegmentBody } from './segment.ts';
import { parseVtepBody } from './vtep.ts';
import type { VtepBody } from './vtep.ts';
import { parseVtepFilterBody } from './vtepfilter.ts';
import type { VtepFilterBody } from './vtepfilter.ts';

/**
 * A plan is the desired state of one node: a set of small resources, each with a kind, a key and a body. The controller compiles it from
 * the cluster's state; the node makes its kernel equal to it (design §5).
 */
export type PlanBodies = {
  segment: SegmentBody;
  port: PortBody;
  peer: PeerBody;
  vtep: VtepBody;
  vtepfilter: VtepFilterBody;
  group: GroupBody;
  member: MemberBody;
  instance: InstanceBody;
  gateway: GatewayBody;
  dhcphost: DhcpHostBody;
  dnsname: DnsNameBody;
  publicip: PublicIpBody;
  forward: ForwardBody;
  firewall: FirewallBody;
  nat: NatBody;
};
export type PlanKind = keyof PlanBodies;
export type PlanBody<K extends PlanKind = PlanKind> = PlanBodies[K];

const parsers: { readonly [K in PlanKind]: (value: unknown) => PlanBodies[K] } = {
  segment: parseSegmentBody,
  port: parsePortBody,
  peer: parsePeerBody,
  vtep: parseVtepBody,
  vtepfilter: parseVtepFilterBody,
  group: parseGroupBody,
  member: parseMemberBody,
  instance: parseInstanceBody,
  gateway: parseGatewayBody,
  dhcphost: parseDhcpHostBody,
  dnsname: parseDnsNameBody,
  publicip: parsePublicIpBody,
  forward: parseForwardBody,
  firewall: parseFirewallBody,
  nat: parseNatBody,
};

export const PLAN_KINDS = Object.keys(parsers) as readonly PlanKind[];

/** The body version that this release writes and reads, by kind; a node tells its own in `Synced`. */
export const PLAN_VERSIONS: Readonly<Record<PlanKind, number>> = {
  segment: 1,
  port: 1,
  peer: 1,
  vtep: 1,
  vtepfilter: 1,
  group: 1,
  member: 1,
  instance: 1,
  gateway: 1,
  dhcphost: 1,
  dnsname: 1,
  publicip: 1,
  forward: 1,
  firewall: 1,
  nat: 1,
};

export function isPlanKind(kind: string): kind is PlanKind {
  return Object.hasOwn(parsers, kind);
}

/** Parses a body of a kind and version. Throws UnknownPlanKind, or InvalidValue naming the field. */
export function parsePlanBody<K extends PlanKind>(kind: K, version: number, body: unknown): PlanBodies[K] {
  if (version !== PLAN_VERSIONS[kind]) throw new UnknownPlanKind(`${kind} version ${version}`);
  return parsers[kind](body);
}

/** The node is older, or newer, than the controller expects: it reports the key as failed and carries on. */
export class UnknownPlanKind extends WeftError {
  constructor(kind: string) {
    super('unknown_plan_kind', `plan kind ${kind} is not known to this release`, { remedy: 'Upgrade the node that reports this.' });
  }
}

/** Names one resource of one node's plan. */
export type PlanRef = Readonly<{ kind: PlanKind; key: string }>;

export const planRefText = (ref: PlanRef): string => `${ref.kind} ${ref.key}`;

/** A plan as both sides hold it: kind → key → body. */
export class Plan {
  readonly #bodies = new Map<PlanKind, Map<string, PlanBody>>();

  get<K extends PlanKind>(kind: K, key: string): PlanBodies[K] | undefined {
    return this.#bodies.get(kind)?.get(key) as PlanBodies[K] | undefined;
  }

  set<K extends PlanKind>(kind: K, key: string, body: PlanBodies[K]): void {
    const keys = this.#bodies.get(kind);
    if (keys === undefined) this.#bodies.set(kind, new Map([[key, body]]));
    else keys.set(key, body);
  }

  delete(kind: PlanKind, key: string): boolean {
    return this.#bodies.get(kind)?.delete(key) ?? false;
  }

  of<K extends PlanKind>(kind: K): ReadonlyMap<string, PlanBodies[K]> {
    return (this.#bodies.get(kind) ?? new Map()) as ReadonlyMap<string, PlanBodies[K]>;
  }

  count(kind: PlanKind): number {
    return this.#bodies.get(kind)?.size ?? 0;
  }

  /** Another plan with the same bodies. */
  copy(): Plan {
    const copy = new Plan();
    for (const [kind, keys] of this.#bodies) copy.#bodies.set(kind, new Map(keys));
    return copy;
  }

  *refs(): Generator<PlanRef> {
    for (const kind of PLAN_KINDS) for (const key of this.of(kind).keys()) yield { kind, key };
  }
}

/**
 * The digest of one kind: XOR of SHA-256(kind, 0, key, 0, canonical JSON) over its resources, lower-case hex; all zeros when empty.
 * XOR makes it independent of order and cheap to carry forward. The hash comes in, because core has no dependencies.
 */
export function planDigest(plan: Plan, kind: PlanKind, sha256: (text: string) => Uint8Array): string {
  const digest = new Uint8Array(32);
  for (const [key, body] of plan.of(kind)) {
    const hash = sha256(`${kind}\0${key}\0${canonicalJson(body)}`);
    for (let i = 0; i < 32; i += 1) digest[i] = (digest[i] ?? 0) ^ (hash[i] ?? 0);
  }
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function planDigests(plan: Plan, sha256: (text: string) => Uint8Array): Record<PlanKind, string> {
  return Object.fromEntries(PLAN_KINDS.map((kind) => [kind, planDigest(plan, kind, sha256)])) as Record<PlanKind, string>;
}
