import { InvalidValue } from './weft-error.ts';

/** A lower-case UUID, 8-4-4-4-12 (RFC 9562). Every id of Weft is one; the brands below keep kinds of ids apart. */
export type Uuid = string & { readonly __uuid: true };

export type TenantId = Uuid & { readonly __brand: 'TenantId' };
export type NetworkId = Uuid & { readonly __brand: 'NetworkId' };
export type SubnetId = Uuid & { readonly __brand: 'SubnetId' };
export type PortId = Uuid & { readonly __brand: 'PortId' };
export type SecurityGroupId = Uuid & { readonly __brand: 'SecurityGroupId' };
export type SecurityGroupRuleId = Uuid & { readonly __brand: 'SecurityGroupRuleId' };
export type NodeId = Uuid & { readonly __brand: 'NodeId' };
export type InstanceId = Uuid & { readonly __brand: 'InstanceId' };
export type ConcentratorId = Uuid & { readonly __brand: 'ConcentratorId' };

export const NIL_UUID = '00000000-0000-0000-0000-000000000000' as Uuid;

/**
 * Parses a UUID of any version, upper or lower case, into lower case. The caller names the kind of id it expects:
 * `parseUuid<PortId>(text, 'port id')`. Throws InvalidValue.
 */
export function parseUuid<T extends Uuid = Uuid>(value: unknown, what = 'UUID'): T {
  if (typeof value !== 'string' || !/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(value)) {
    throw new InvalidValue(what, value, 'is not a UUID');
  }
  return value.toLowerCase() as T;
}

/** 16 bytes in RFC 9562 order, as SSNTP carries them. */
export function uuidToBytes(uuid: Uuid): Uint8Array {
  const hex = uuid.replaceAll('-', '');
  return Uint8Array.from({ length: 16 }, (_, index) => Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16));
}

/** Reads 16 bytes at `offset`. */
export function uuidFromBytes(bytes: Uint8Array, offset = 0): Uuid {
  if (bytes.length < offset + 16) throw new InvalidValue('UUID bytes', bytes.length, 'are fewer than sixteen');
  const hex = Array.from(bytes.subarray(offset, offset + 16), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as Uuid;
}
