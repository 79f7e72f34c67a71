import { Fields, integerIn } from './fields.ts';
import type { Parse } from './fields.ts';
import { InvalidValue } from './weft-error.ts';

/**
 * How fast traffic may be, in kilobits a second (1000 bits); absent: as fast as it goes. What counts are the bytes of Ethernet frames, headers
 * included and the tunnel's not. `ingress` is what comes to the workload or the tenant, `egress` what it sends. At least one of them is there.
 */
export type RateLimit = Readonly<{ ingressKbps: number | undefined; egressKbps: number | undefined }>;

/** Null takes a limit away, absent leaves it as it is. */
export type RateLimitChange = Readonly<{ ingressKbps?: number | null; egressKbps?: number | null }>;

/** Below, a single frame takes longer than a TCP connection waits. */
export const MIN_KBPS = 64;
/** 100 Gbit/s. */
export const MAX_KBPS = 100_000_000;

const parseKbps = integerIn(MIN_KBPS, MAX_KBPS);

export const parseRateLimit: Parse<RateLimit> = (value, what) => {
  const f = new Fields(value, what);
  const limit = { ingressKbps: f.optional('ingressKbps', parseKbps), egressKbps: f.optional('egressKbps', parseKbps) };
  if (limit.ingressKbps === undefined && limit.egressKbps === undefined) throw new InvalidValue(what, value, 'limits neither direction');
  return limit;
};

/** What holds after a change; undefined: no limit at all. */
export function changedRateLimit(old: RateLimit | undefined, change: RateLimitChange): RateLimit | undefined {
  const kept = (now: number | null | undefined, before: number | undefined): number | undefined =>
    now === undefined ? before : (now ?? undefined);
  const ingressKbps = kept(change.ingressKbps, old?.ingressKbps);
  const egressKbps = kept(change.egressKbps, old?.egressKbps);
  return ingressKbps === undefined && egressKbps === undefined ? undefined : { ingressKbps, egressKbps };
}
