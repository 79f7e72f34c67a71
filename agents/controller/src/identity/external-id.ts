import { createHash } from 'node:crypto';
import type { Uuid } from '@weft/core/uuid';

const HEX = /^[0-9a-f]{32}$/;
const DASHED = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * What an external service's id is here, where ids are UUIDs: Keystone writes the same ones without dashes. Of any other text (at most 255
 * characters in OpenStack) a UUID of version 8 (RFC 9562 §5.8) is made from its SHA-256, always the same one.
 */
export function internalId<T extends Uuid>(id: string): T {
  if (DASHED.test(id)) return id as T;
  if (HEX.test(id)) return dashed(id) as T;
  const digest = createHash('sha256').update('weft external id\0').update(id).digest('hex');
  return dashed(`${digest.slice(0, 12)}8${digest.slice(13, 16)}8${digest.slice(17, 32)}`) as T;
}

function dashed(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
