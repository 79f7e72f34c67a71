import type { IpAddress } from '@weft/core/ip';
import { isIpv6 } from '@weft/core/ip';
import { canonicalJson } from '@weft/core/canonical-json';
import type { Ipv4 } from '@weft/core/ipv4';
import { planRefText } from '@weft/core/plan/plan';
import type { Plan, PlanBody, PlanRef } from '@weft/core/plan/plan';
import type { GroupBody } from '@weft/core/plan/group';
import type { MemberBody } from '@weft/core/plan/member';
import type { PortBody } from '@weft/core/plan/port';
import type { ElementObject, KernelObject } from './kernel-object.ts';
import type { Service } from './kernel.ts';
import type { Place } from './names.ts';
import {
  groupEgressName,
  groupIngressName,
  groupSetName,
  groupSetName6,
  isMemberSet,
  portEgressName,
  portIngressName,
  portName,
} from './names.ts';
import { addressesOf, isWide, StillAllowed } from './still-allowed.ts';
import type { FirstPacket } from './still-allowed.ts';

/**
 * What running connections lose: in the fabric those of an address in a zone, or of these the ones that its groups no longer allow
 * (`denied`); in a gateway, which has one zone, also those that were led by a service that leads there no more, that a NAT rule marked, or
 * that its firewall denies (no address). */
export type Revoked = Readonly<{
  place: Place;
  zone: number;
  address: IpAddress | undefined;
  service?: Service | undefined;
  mark?: number | undefined;
  denied?: true | undefined;
}>;

/**
 * A revocation is carried out after the rules that demand it, so a process can die in between. The transaction that changes the rules
 * therefore notes it in this set of the same namespace, and it is taken out when it is done.
 */
const REVOKING = 'revoking';
const JUDGING = 'judging';
/** Sets hold addresses of one family: those with this behind their names are of IPv6. */
const SIX = '6';
const NOTES = new Set([...[REVOKING, JUDGING].flatMap((set) => [set, set + SIX]), 'revoking_services', 'revoking_marks']);
const REVOKING_SERVICES = 'revoking_services';
const REVOKING_MARKS = 'revoking_marks';
export const GATEWAY_ZONE = 0;
/** Stands for what a firewall denies, or any address: sets hold nothing but addresses. */
export const ANY_ADDRESS = '0.0.0.0' as Ipv4;

export function revokingElement({ place, zone, address = ANY_ADDRESS, service, mark, denied }: Revoked): ElementObject {
  if (place === 'fabric') {
    const set = (denied === true ? JUDGING : REVOKING) + (isIpv6(address) ? SIX : '');
    return { kind: 'element', place, family: 'inet', set, key: [String(zone), address], value: undefined };
  }
  const element = { kind: 'element', place, family: 'ip', value: undefined } as const;
  if (mark !== undefined) return { ...element, set: REVOKING_MARKS, key: [String(mark)] };
  if (service === undefined) return { ...element, set: REVOKING, key: [address] };
  return { ...element, set: REVOKING_SERVICES, key: [address, service.protocol, String(service.port)] };
}

export function parseRevoking(object: KernelObject): Revoked | undefined {
  if (object.kind !== 'element' || !NOTES.has(object.set)) return undefined;
  const { place, key } = object;
  if (object.set === REVOKING_MARKS) return { place, zone: GATEWAY_ZONE, address: undefined, mark: Number(key[0]) };
  if (place === 'fabric') {
    const revoked = { place, zone: Number(key[0]), address: key[1] as IpAddress };
    return object.set.startsWith(JUDGING) ? { ...revoked, denied: true } : revoked;
  }
  const address = key[0] === ANY_ADDRESS ? undefined : (key[0] as Ipv4);
  return { place, zone: GATEWAY_ZONE, address, service: serviceOf(key) };
}

/** Of a key of `forwards` or `revoking_services`. */
function serviceOf([, protocol, port]: readonly string[]): Service | undefined {
  return protocol === 'tcp' || protocol === 'udp' ? { protocol, port: Number(port) } : undefined;
}

/** Whether it is for `forgetOver` to tell which connections those are, by the plan. */
export function isByPlan({ place, address, service, mark }: Revoked): boolean {
  return place !== 'fabric' && mark === undefined && (address === undefined || service !== undefined);
}

/** What a gateway's element led to, which now leads nowhere or elsewhere: connections from outside, and those of the inside one. */
export function revokedByElement({ place, set, key, value }: ElementObject): Revoked[] {
  if (set === 'translating') return [{ place, zone: GATEWAY_ZONE, address: undefined, mark: Number(key[0]) }];
  const address = key[0] as Ipv4;
  if (set === 'public_in') return [address, value as Ipv4].map((each) => ({ place, zone: GATEWAY_ZONE, address: each }));
  return set === 'forwards' ? [{ place, zone: GATEWAY_ZONE, address, service: serviceOf(key) }] : [];
}

/**
 * Decides what a change of the plan revokes in the fabric: all connections of an address that left; of a port whose groups admit less than
 * before, those that they admit no more, which is found out connection by connection (`StillAllowed`). (What a gateway's maps no longer hold is seen in their elements, {@link revokedByElement}.) Deleting an entry ends its TCP connection for good (`tcp_loose=0`), so nothing is deleted where only something was added.
 */
export class Revocations {
  readonly #zoneOf: (vni: PortBody['vni']) => number | undefined;
  readonly #bodies = new Map<string, PlanBody>();

  /** `zoneOf`: undefined for a segment that has none. */
  constructor(deps: Readonly<{ zoneOf: (vni: PortBody['vni']) => number | undefined }>) {
    this.#zoneOf = deps.zoneOf;
  }

  /** The body that was applied last in this process's life. */
  known(owner: string): PlanBody | undefined {
    return this.#bodies.get(owner);
  }

  note(plan: Plan, ref: PlanRef): void {
    const body = plan.get(ref.kind, ref.key);
    if (body === undefined) this.#bodies.delete(planRefText(ref));
    else if (['port', 'group', 'member', 'gateway', 'firewall'].includes(ref.kind)) this.#bodies.set(planRefText(ref), body);
  }

  /** What the difference between the applied and the given plan revokes. */
  between(plan: Plan, refs: readonly PlanRef[]): Revoked[] {
    const here = new StillAllowed({ plan });
    return refs.flatMap((ref) => {
      const old = this.#bodies.get(planRefText(ref));
      if (old === undefined) return [];
      if (ref.kind === 'port') return this.#byPort(here, old as PortBody, plan.get('port', ref.key));
      if (ref.kind === 'group') return this.#byGroup(plan, old as GroupBody, plan.get('group', ref.key));
      if (ref.kind === 'member' && plan.get('member', ref.key) === undefined) return this.#byMember(plan, old as MemberBody);
      return [];
    });
  }

  /** What is in question for the groups to answer: addresses by zone, and whether the plan allows a connection in one of them. */
  judge(
    plan: Plan,
    revoked: Iterable<Revoked>,
  ): Readonly<{ addresses: ReadonlyMap<number, ReadonlySet<IpAddress>>; isAllowed: (zone: number, packet: FirstPacket) => boolean }> {
    const addresses = new Map<number, Set<IpAddress>>();
    for (const { zone, address, denied } of revoked) {
      if (denied === true && address !== undefined) addresses.set(zone, (addresses.get(zone) ?? new Set()).add(address));
    }
    const allowed = new StillAllowed({ plan });
    const vnis = this.#vnisByZone(plan);
    return {
      addresses,
      isAllowed: (zone, packet) => {
        const vni = vnis.get(zone);
        // A zone whose segment is gone has nothing to be allowed in.
        return vni !== undefined && allowed.isAllowed(vni, packet);
      },
    };
  }

  /**
   * What a change of objects revokes of which this process does not know where they came from: it was started anew while the plan was
   * changing. `old` is what stood there and will not stand there any more, so. It revokes rather too much.
   */
  byUnknown(plan: Plan, old: readonly KernelObject[], observed: Iterable<KernelObject>): Revoked[] {
    const fabric = old.filter((object) => object.place === 'fabric');
    if (fabric.length === 0) return [];
    const changedChains = new Set(fabric.flatMap((object) => (object.kind === 'chain' ? [object.name] : [])));
    const changedLinks = new Set(
      fabric.flatMap((object) =>
        object.kind === 'element' && ['from', 'egress', 'ingress', 'addrs', 'addrs6'].includes(object.set) ? [object.key[0] ?? ''] : [],
      ),
    );
    const here = new StillAllowed({ plan });
    const vnis = this.#vnisByZone(plan);
    const numbers = new Map<string, string>();
    const zones = new Map<string, number>();
    const addresses: { link: string; address: IpAddress }[] = [];
    for (const object of observed) {
      if (object.kind !== 'element' || object.place !== 'fabric') continue;
      const [link = '', , address] = object.key;
      if (object.set === 'number') numbers.set(link, object.value ?? '');
      if (object.set === 'zone') zones.set(link, Number(object.value));
      if (object.set === 'addrs' || object.set === 'addrs6') addresses.push({ link, address: address as IpAddress });
    }
    const groups = new Set([...plan.of('group').values()].map((group) => group.groupId).filter((id) => isChanged(id, changedChains)));
    for (const port of plan.of('port').values()) {
      if (port.groups.some((group) => groups.has(group))) changedLinks.add(portName(port.portId));
    }
    const revoked = addresses.flatMap(({ link, address }) => {
      const zone = zones.get(numbers.get(link) ?? '');
      const changed = changedLinks.has(link) || changedChains.has(portIngressName(link)) || changedChains.has(portEgressName(link));
      if (!changed || zone === undefined) return [];
      const vni = vnis.get(zone);
      const isHere = vni !== undefined && here.isHere(vni, address);
      return [{ place: 'fabric' as const, zone, address, denied: isHere ? (true as const) : undefined }];
    });
    const members = fabric.flatMap((object) =>
      object.kind === 'element' && isMemberSet(object.set) ? this.#byMemberElement(plan, object) : [],
    );
    return [...revoked, ...members];
  }

  #byPort(here: StillAllowed, was: PortBody, now: PortBody | undefined): Revoked[] {
    if (!was.adminStateUp) return [];
    const kept = now === undefined || !now.adminStateUp || now.vni !== was.vni ? [] : addressesOf(now);
    // An address of its pairs may be another's here, whose connections are not this port's.
    const [left, shared] = [new Set<IpAddress>(), new Set<IpAddress>()];
    for (const address of addressesOf(was)) {
      if (!kept.includes(address)) (here.isHere(was.vni, address) ? shared : left).add(address);
    }
    const less = now?.portSecurity === true && (!was.portSecurity || was.groups.some((group) => !now.groups.includes(group)));
    return [...this.#in(was.vni, [...left]), ...this.#in(was.vni, [...shared], true), ...(less ? this.#denied(now) : [])];
  }

  #byGroup(plan: Plan, was: GroupBody, now: GroupBody | undefined): Revoked[] {
    const rules = new Set(now?.rules.map((rule) => canonicalJson(rule)));
    if (was.rules.every((rule) => rules.has(canonicalJson(rule)))) return [];
    return [...plan.of('port').values()].filter((port) => port.groups.includes(was.groupId)).flatMap((port) => this.#denied(port));
  }

  #byMember(plan: Plan, { groupId, address }: MemberBody): Revoked[] {
    return this.#ofMember(plan, address, (remote) => remote === groupId);
  }

  #byMemberElement(plan: Plan, { set, key }: ElementObject): Revoked[] {
    const [address = ''] = key;
    return this.#ofMember(plan, address as IpAddress, (remote) => groupSetName(remote) === set || groupSetName6(remote) === set);
  }

  /** In the zones of all ports with a group that names the member's. */
  #ofMember(plan: Plan, address: IpAddress, isNamed: (remote: MemberBody['groupId']) => boolean): Revoked[] {
    const namers = new Set<string>();
    for (const group of plan.of('group').values()) {
      if (group.rules.some(({ remoteGroup }) => remoteGroup !== undefined && isNamed(remoteGroup))) namers.add(group.groupId);
    }
    const ports = [...plan.of('port').values()].filter((port) => port.groups.some((group) => namers.has(group)));
    return [...new Set(ports.map((port) => port.vni))].flatMap((vni) => this.#in(vni, [address], true));
  }

  #vnisByZone(plan: Plan): ReadonlyMap<number | undefined, PortBody['vni']> {
    return new Map([...plan.of('segment').values()].map(({ vni }) => [this.#zoneOf(vni), vni]));
  }

  /** What a port's groups deny it. */
  #denied(port: PortBody): Revoked[] {
    return this.#in(port.vni, isWide(port) ? [ANY_ADDRESS] : addressesOf(port), true);
  }

  #in(vni: PortBody['vni'], addresses: readonly IpAddress[], denied?: true): Revoked[] {
    const zone = this.#zoneOf(vni);
    return zone === undefined ? [] : addresses.map((address) => ({ place: 'fabric', zone, address, denied }));
  }
}

function isChanged(group: GroupBody['groupId'], chains: ReadonlySet<string>): boolean {
  return chains.has(groupIngressName(group)) || chains.has(groupEgressName(group));
}
