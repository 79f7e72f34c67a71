import { linkGet } from '@weft/netlink/link';
import { NetlinkError, isAbsent } from '@weft/netlink/netlink-error';
import { TC_CLSACT, TC_ROOT, clsactAdd, qdiscDelete, qdiscList, tbfReplace } from '@weft/netlink/qdisc';
import type { Qdisc } from '@weft/netlink/qdisc';
import { redirectAdd, redirectList } from '@weft/netlink/redirect';
import type { Redirect } from '@weft/netlink/redirect';
import type { Rtnl } from '@weft/netlink/rtnl';
import { BURST_UNIT_BYTES } from './kernel-object.ts';
import type { QdiscObject, RedirectObject } from './kernel-object.ts';
import { KernelLacks } from './kernel-support.ts';
import { isLimitable } from './names.ts';
import type { Place } from './names.ts';

/** What queues and redirects in one namespace, on interfaces of ours that can have a limit. */
export type FoundLimits = Readonly<{ qdiscs: readonly Qdisc[]; redirects: readonly Redirect[] }>;

const isClsact = ({ parent, kind }: Qdisc): boolean => parent === TC_CLSACT && (kind === 'clsact' || kind === 'ingress');

/** `names`: of the namespace's interfaces, by index. Throws NetlinkError. */
export function readLimits(rtnl: Rtnl, names: ReadonlyMap<number, string>): FoundLimits {
  const qdiscs = qdiscList(rtnl).filter(({ index }) => isLimitable(names.get(index) ?? ''));
  return { qdiscs, redirects: qdiscs.filter(isClsact).flatMap(({ index }) => redirectList(rtnl, index)) };
}

/** Pure. Whatever else somebody put there is shown as something that nobody desires. */
export function interpretLimits(
  place: Place,
  { qdiscs, redirects }: FoundLimits,
  names: ReadonlyMap<number, string>,
  see: (object: QdiscObject | RedirectObject, asDesired: boolean) => void,
): void {
  const byLink = Map.groupBy(redirects, ({ index }) => index);
  for (const qdisc of qdiscs) {
    const link = names.get(qdisc.index) ?? '';
    if (isClsact(qdisc)) {
      const [first, ...more] = byLink.get(qdisc.index) ?? [];
      see({ kind: 'redirect', place, link, to: names.get(first?.to ?? 0) ?? '' }, first !== undefined && more.length === 0);
    } else if (qdisc.parent === TC_ROOT && qdisc.handle !== 0) {
      const { bytesPerSecond = 0, burstBytes = 0, limitBytes = 0 } = qdisc.tbf ?? {};
      const rounded = Math.round(burstBytes / BURST_UNIT_BYTES) * BURST_UNIT_BYTES;
      see({ kind: 'qdisc', place, link, bytesPerSecond, burstBytes: rounded, limitBytes }, qdisc.tbf !== undefined);
    }
  }
}

/** Packets that the queues of these links have dropped; undefined where a link or its queue is not there. Throws NetlinkError. */
export function queueDropsOf(rtnl: Rtnl, links: readonly string[]): readonly (number | undefined)[] {
  const queues = qdiscList(rtnl).filter(({ parent, handle }) => parent === TC_ROOT && handle !== 0);
  const byIndex = new Map(queues.map(({ index, drops }) => [index, drops]));
  return links.map((name) => byIndex.get(linkGet(rtnl, name)?.index ?? 0));
}

/** Two that are never both there: a bucket that may not be changed in place gets the one that it has not. */
const HANDLES: readonly [number, number] = [0x0001_0000, 0x0002_0000];

/**
 * Connections that are being limited go on at the new rate. A bucket that shrinks is made anew, without what waits in it: a packet larger than
 * the new burst would stop it for good. Throws KernelLacks, NetlinkError.
 */
export function putQdisc(rtnl: Rtnl, index: number, { bytesPerSecond, burstBytes, limitBytes }: QdiscObject): void {
  const standing = qdiscList(rtnl).find((qdisc) => qdisc.index === index && qdisc.parent === TC_ROOT && qdisc.handle !== 0);
  const shrinks = (standing?.tbf?.burstBytes ?? 0) > burstBytes + BURST_UNIT_BYTES / 2;
  const other = standing?.handle === HANDLES[0] ? HANDLES[1] : HANDLES[0];
  namingModule({ what: 'token buckets for rate limits', module: 'sch_tbf' }, () =>
    tbfReplace(rtnl, { index, bytesPerSecond, burstBytes, limitBytes, ...(shrinks ? { handle: other } : {}) }),
  );
}

/** One that stands as it should stays untouched. Throws KernelLacks, NetlinkError. */
export function putRedirect(rtnl: Rtnl, index: number, to: number): void {
  const standing = redirectList(rtnl, index);
  if (standing.length === 1 && standing[0]?.to === to) return;
  removeLimit(rtnl, index, 'redirect');
  namingModule({ what: 'filters of arriving packets, for rate limits', module: 'sch_ingress' }, () => clsactAdd(rtnl, index));
  namingModule(undefined, () => redirectAdd(rtnl, { index, to }));
}

/** Absent is success. Throws NetlinkError. */
export function removeLimit(rtnl: Rtnl, index: number, kind: 'qdisc' | 'redirect'): void {
  try {
    qdiscDelete(rtnl, index, kind === 'qdisc' ? TC_ROOT : TC_CLSACT);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

type Part = Readonly<{ what: string; module: string }>;

/**
 * A kernel that lacks a part says ENOENT, for a kind of device EOPNOTSUPP: whoever reads it needs the module's name. Without `part` it is one
 * of the two that a redirection takes, and the kernel's own words tell which. Throws KernelLacks, and what `action` throws.
 */
export function namingModule(part: Part | undefined, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof NetlinkError) || !['ENOENT', 'EOPNOTSUPP'].includes(error.errno)) throw error;
    const redirection: Part = /action/i.test(error.extAck ?? '')
      ? { what: 'redirection of packets, for rate limits', module: 'act_mirred' }
      : { what: 'filters that take every packet, for rate limits', module: 'cls_u32' };
    throw new KernelLacks([part ?? redirection], { cause: error });
  }
}
