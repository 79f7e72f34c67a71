import { parseLimit, QUOTA_RESOURCES } from '@weft/core/quota';
import type { QuotaLimits, QuotaResource } from '@weft/core/quota';
import { BadRequest } from './request-error.ts';
import { boolean, invalid, printed } from './values.ts';

/** Quotas: neutron-api.md §8. */
export const QUOTAS = { path: 'quotas', plural: 'quotas', singular: 'quota' } as const;

export type QuotaUseView = Readonly<Record<QuotaResource, Readonly<{ limit: number; used: number; reserved: number }>>>;

/** What an administrator sets; with `checkLimit` no limit may be below what there is. */
export type QuotaRequest = Readonly<{ limits: Readonly<Partial<QuotaLimits>>; checkLimit: boolean }>;

/** Throws BadRequest for what is no resource, and for a limit that is none. */
export function parseQuotaRequest(body: object): QuotaRequest {
  const limits: Partial<Record<QuotaResource, number>> = {};
  let checkLimit = false;
  for (const [key, value] of Object.entries(body)) {
    const resource = QUOTA_RESOURCES.find((one) => one === key);
    if (key === 'check_limit') checkLimit = boolean(value, key);
    else if (key === 'force') boolean(value, key);
    // Clients send back what they were shown.
    else if (key === 'tenant_id' || key === 'project_id') continue;
    else if (resource === undefined) throw new BadRequest(`Unrecognized attribute(s) '${key}'`);
    else limits[resource] = limit(value, key);
  }
  return { limits, checkLimit };
}

function limit(value: unknown, what: string): number {
  try {
    return parseLimit(value, what);
  } catch {
    throw invalid(what, `'${printed(value)}' is not a limit: an integer from -1, which is none, to 2147483647.`);
  }
}
