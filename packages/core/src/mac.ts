import { InvalidValue } from './weft-error.ts';

/** An Ethernet address in canonical form: six lower-case hex bytes with colons, `02:00:5e:10:00:01`. */
export type Mac = string & { readonly __brand: 'Mac' };

export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff' as Mac;

/** Parses six hex bytes separated by colons or dashes, any case. Throws InvalidValue. */
export function parseMac(value: unknown, what = 'MAC address'): Mac {
  if (typeof value !== 'string' || !/^[0-9a-f]{2}([:-])[0-9a-f]{2}(\1[0-9a-f]{2}){4}$/i.test(value)) {
    throw new InvalidValue(what, value, 'is not a MAC address');
  }
  return value.toLowerCase().replaceAll('-', ':') as Mac;
}

/** True for multicast and broadcast addresses, which no endpoint may own. */
export function isMulticastMac(mac: Mac): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

/** A locally administered unicast address: `02:` and five random bytes (design §3). `random` must be five bytes. */
export function localMac(random: Uint8Array): Mac {
  return macFromBytes(Uint8Array.of(2, ...random.subarray(0, 5)));
}

export function macToBytes(mac: Mac): Uint8Array {
  return Uint8Array.from(mac.split(':'), (byte) => Number.parseInt(byte, 16));
}

/** Reads six bytes at `offset`. */
export function macFromBytes(bytes: Uint8Array, offset = 0): Mac {
  if (bytes.length < offset + 6) throw new InvalidValue('MAC address bytes', bytes.length, 'are fewer than six');
  return Array.from(bytes.subarray(offset, offset + 6), (byte) => byte.toString(16).padStart(2, '0')).join(':') as Mac;
}
