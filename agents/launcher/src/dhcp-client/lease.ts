import { Fields, integerIn } from '@weft/core/fields';
import { ipv4ToBytes, ipv4ToNumber, parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { parseMac } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import { viewOf } from '@weft/core/packet/bytes';
import type { DhcpMessage } from '@weft/core/packet/dhcp';
import { InvalidValue } from '@weft/core/weft-error';

/** An address that a DHCP server lent to this node. Times are milliseconds since 1970. */
export type Lease = Readonly<{
  address: Ipv4;
  prefixLength: number;
  server: Ipv4;
  /** Where the server's answer came from: the server, or the relay before it. */
  serverMac: Mac;
  /** From then on the server is asked for more time (T1), every server (T2), and nothing is left of it (RFC 2131 §4.4.5). */
  renewAtMs: number;
  rebindAtMs: number;
  endsAtMs: number;
}>;

const RENEWAL_OPTION = 58;
const REBINDING_OPTION = 59;

/** A server's ACK as a lease that began when it was asked for. Throws InvalidValue for one that no node could live with. */
export function leaseOf({ yourAddress, options }: DhcpMessage, from: Mac, askedAtMs: number): Lease {
  const { leaseSeconds, server, subnetMask, other } = options;
  if (!isUnicast(yourAddress)) throw new InvalidValue('leased address', yourAddress, 'is no address that a node could have');
  if (leaseSeconds === undefined || leaseSeconds === 0) throw new InvalidValue('lease time', leaseSeconds, 'is missing or zero');
  if (server === undefined) throw new InvalidValue('DHCP server', server, 'does not say who it is');
  const [renew, rebind] = [secondsIn(other?.get(RENEWAL_OPTION)), secondsIn(other?.get(REBINDING_OPTION))];
  // Times that are in no order are the server's mistake; the RFC has some for those who say nothing.
  const sane = renew !== undefined && rebind !== undefined && renew > 0 && renew < rebind && rebind < leaseSeconds;
  return {
    address: yourAddress,
    prefixLength: prefixLengthOf(subnetMask),
    server,
    serverMac: from,
    renewAtMs: askedAtMs + 1000 * (sane ? renew : 0.5 * leaseSeconds),
    rebindAtMs: askedAtMs + 1000 * (sane ? rebind : 0.875 * leaseSeconds),
    endsAtMs: askedAtMs + 1000 * leaseSeconds,
  };
}

/** What `JSON.stringify` made of a lease. Throws InvalidValue. */
export function parseLease(value: unknown): Lease {
  const f = new Fields(value, 'lease');
  const time = integerIn(0, Number.MAX_SAFE_INTEGER);
  return {
    address: f.required('address', parseIpv4),
    prefixLength: f.required('prefixLength', integerIn(1, 32)),
    server: f.required('server', parseIpv4),
    serverMac: f.required('serverMac', parseMac),
    renewAtMs: f.required('renewAtMs', time),
    rebindAtMs: f.required('rebindAtMs', time),
    endsAtMs: f.required('endsAtMs', time),
  };
}

function isUnicast(address: Ipv4): boolean {
  const [first = 0] = ipv4ToBytes(address);
  return first > 0 && first < 224 && first !== 127;
}

function prefixLengthOf(mask: Ipv4 | undefined): number {
  if (mask === undefined) throw new InvalidValue('subnet mask', mask, 'is missing');
  const number = ipv4ToNumber(mask);
  const hosts = ~number >>> 0;
  const length = Math.clz32(hosts);
  if ((hosts & (hosts + 1)) !== 0 || length === 0) throw new InvalidValue('subnet mask', mask, 'is none');
  return length;
}

function secondsIn(bytes: Uint8Array | undefined): number | undefined {
  return bytes?.length === 4 ? viewOf(bytes).getUint32(0) : undefined;
}
