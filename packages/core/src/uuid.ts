import { InvalidValue } from './weft-error.ts';

/** A lower-case UUID, 8-4-4-4-12 (RFC 9562). Every id of Weft is one; the brands below keep kinds of ids apart. */
export type Uuid = string & { readonly __uuid: true };

export type TenantId = Uuid & { readonly __brand: 'TenantId' };
export type NetworkId = Uuid & { readonly __brand: 'NetworkId' };
export type SubnetId = Uuid & { readonly __brand: 'SubnetId' };
export type SubnetPoolId = Uuid & { readonly __brand: 'SubnetPoolId' };
export type PortId = Uuid & { readonly __brand: 'PortId' };
export type SecurityGroupId = Uuid & { readonly __brand: 'SecurityGroupId' };
export type SecurityGroupRuleId = Uuid & { readonly __brand: 'SecurityGroupRuleId' };
export type NodeId = Uuid & { readonly __brand: 'NodeId' };
export type InstanceId = Uuid & { readonly __brand: 'InstanceId' };
export type FloatingIpId = Uuid & { readonly __brand: 'FloatingIpId' };
export type PortForwardingId = Uuid & { readonly __brand: 'PortForwardingId' };
export type FirewallRuleId = Uuid & { readonly __brand: 'FirewallRuleId' };
export type UserId = Uuid & { readonly __brand: 'UserId' };
export type RoleAssignmentId = Uuid & { readonly __brand: 'RoleAssignmentId' };
export type ApplicationCredentialId = Uuid & { readonly __brand: 'ApplicationCredentialId' };
export type TokenKeyId = Uuid & { readonly __brand: 'TokenKeyId' };
export type TokenRevocationId = Uuid & { readonly __brand: 'TokenRevocationId' };
export type NatRuleId = Uuid & { readonly __brand: 'NatRuleId' };
export type AddressHoldId = Uuid & { readonly __brand: 'AddressHoldId' };
export type QuotaId = Uuid & { readonly __brand: 'QuotaId' };
export type RbacPolicyId = Uuid & { readonly __brand: 'RbacPolicyId' };
export type RouterId = Uuid & { readonly __brand: 'RouterId' };
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
  // Every routed frame carries two, and text that is split and parsed cost more than all else in it (benchmarks/ssntp.bench.ts).
  const bytes = new Uint8Array(16);
  let at = 0;
  for (let index = 0; index < 36; index += 2) {
    if (uuid.charCodeAt(index) === DASH) index += 1;
    bytes[at] = (digitOf(uuid.charCodeAt(index)) << 4) | digitOf(uuid.charCodeAt(index + 1));
    at += 1;
  }
  return bytes;
}

/** Reads 16 bytes at `offset`. */
export function uuidFromBytes(bytes: Uint8Array, offset = 0): Uuid {
  if (bytes.length < offset + 16) throw new InvalidValue('UUID bytes', bytes.length, 'are fewer than sixteen');
  let text = '';
  for (let index = 0; index < 16; index += 1) {
    const byte = bytes[offset + index] ?? 0;
    if (index === 4 || index === 6 || index === 8 || index === 10) text += '-';
    text += DIGITS.charAt(byte >> 4) + DIGITS.charAt(byte & 15);
  }
  return text as Uuid;
}

const DIGITS = '0123456789abcdef';
const DASH = 0x2d;

/** The value of a lower-case hex digit by its code unit. */
function digitOf(unit: number): number {
  return unit < 0x61 ? unit - 0x30 : unit - 0x57;
}
