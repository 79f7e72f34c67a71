import { cidrContains, cidrLast, cidrNetwork, cidrPrefixLength, parseCidr } from './cidr.ts';
import type { Cidr } from './cidr.ts';
import { integerIn, parseBoolean, parseCount, parseString } from './fields.ts';
import type { Fields } from './fields.ts';
import { ipv4FromNumber, ipv4ToNumber } from './ipv4.ts';
import { parseStamps } from './stamps.ts';
import type { Stamps } from './stamps.ts';
import { parseUuid } from './uuid.ts';
import type { SubnetPoolId, TenantId } from './uuid.ts';

/** Prefixes that subnets get theirs from, none twice (neutron-api.md §4.3). */
export type SubnetPool = Stamps &
  Readonly<{
    kind: 'subnetPool';
    id: SubnetPoolId;
    tenantId: TenantId;
    name: string;
    description: string;
    /** None overlaps another, and none is beside another that would make one with it. In ascending order. */
    prefixes: readonly Cidr[];
    /** Bits; the shortest and the longest prefix that a subnet may have, and what it gets when it does not say. */
    minPrefixLength: number;
    maxPrefixLength: number;
    defaultPrefixLength: number;
    /** How many addresses of the pool a tenant may have. Absent: any number. */
    defaultQuota?: number | undefined;
    /** The one that subnets get their prefix from that name none: there is one at most. */
    isDefault: boolean;
    /** Everybody may use it. */
    shared: boolean;
  }>;

const bits = integerIn(0, 32);

export const parseSubnetPool = (f: Fields): SubnetPool => ({
  kind: 'subnetPool',
  id: f.required('id', parseUuid<SubnetPoolId>),
  tenantId: f.required('tenantId', parseUuid<TenantId>),
  name: f.required('name', parseString),
  description: f.required('description', parseString),
  prefixes: f.list('prefixes', parseCidr),
  minPrefixLength: f.required('minPrefixLength', bits),
  maxPrefixLength: f.required('maxPrefixLength', bits),
  defaultPrefixLength: f.required('defaultPrefixLength', bits),
  defaultQuota: f.optional('defaultQuota', parseCount),
  isDefault: f.required('isDefault', parseBoolean),
  shared: f.required('shared', parseBoolean),
  ...parseStamps(f),
});

type Range = Readonly<{ first: number; last: number }>;

const rangeOf = (cidr: Cidr): Range => ({ first: ipv4ToNumber(cidrNetwork(cidr)), last: ipv4ToNumber(cidrLast(cidr)) });

/** How many addresses a prefix has. */
export function cidrSize(cidr: Cidr): number {
  return 2 ** (32 - cidrPrefixLength(cidr));
}

/** The same addresses with as few prefixes as can be, in ascending order. */
export function compactPrefixes(prefixes: readonly Cidr[]): readonly Cidr[] {
  const compact: Cidr[] = [];
  for (const cidr of prefixes.toSorted((a, b) => rangeOf(a).first - rangeOf(b).first || cidrPrefixLength(a) - cidrPrefixLength(b))) {
    let next = cidr;
    for (let last = compact.at(-1); last !== undefined; last = compact.at(-1)) {
      if (containsPrefix(last, next)) next = last;
      else {
        const pair = sibling(last, next);
        if (pair === undefined) break;
        next = pair;
      }
      compact.pop();
    }
    compact.push(next);
  }
  return compact;
}

function containsPrefix(outer: Cidr, inner: Cidr): boolean {
  return cidrPrefixLength(outer) <= cidrPrefixLength(inner) && cidrContains(outer, cidrNetwork(inner));
}

/** The prefix that two halves make; undefined if they are none. */
function sibling(low: Cidr, high: Cidr): Cidr | undefined {
  const length = cidrPrefixLength(low);
  if (length === 0 || cidrPrefixLength(high) !== length) return undefined;
  const [a, b] = [rangeOf(low), rangeOf(high)];
  return a.first % (2 * cidrSize(low)) === 0 && b.first === a.last + 1 ? parseCidr(`${cidrNetwork(low)}/${length - 1}`) : undefined;
}

/** Whether the pool holds all of a prefix. */
export function poolHolds(pool: Pick<SubnetPool, 'prefixes'>, cidr: Cidr): boolean {
  return pool.prefixes.some((prefix) => containsPrefix(prefix, cidr));
}

/** The lowest prefix of that length of which nothing is taken; undefined if there is none. */
export function freePrefix(pool: Pick<SubnetPool, 'prefixes'>, length: number, taken: readonly Cidr[]): Cidr | undefined {
  const size = 2 ** (32 - length);
  const ranges = taken.map(rangeOf).toSorted((a, b) => a.first - b.first);
  for (const prefix of pool.prefixes) {
    const { first, last } = rangeOf(prefix);
    let candidate = first;
    for (const range of ranges) {
      if (range.last < candidate) continue;
      if (range.first > candidate + size - 1) break;
      candidate = Math.ceil((range.last + 1) / size) * size;
    }
    if (candidate + size - 1 <= last) return parseCidr(`${ipv4FromNumber(candidate)}/${length}`);
  }
  return undefined;
}
