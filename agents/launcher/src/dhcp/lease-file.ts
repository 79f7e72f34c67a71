import { parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { parseMac } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';

/** A lease as dnsmasq keeps it. `line` is its line in the file. */
export type SavedLease = Readonly<{ address: Ipv4; mac: Mac; clientId: Uint8Array | undefined; line: string }>;

/**
 * Reads dnsmasq's lease file: `<expiry> <mac> <address> <host name or *> <client id or *>` a line, ids as hexadecimal bytes with colons. What
 * is no IPv4 lease on Ethernet is passed over; the file is dnsmasq's own, and may grow new kinds of lines.
 */
export function parseLeaseFile(text: string): SavedLease[] {
  return text.split('\n').flatMap((line) => {
    const [expiry, mac, address, , clientId] = line.split(' ');
    if (expiry === undefined || !/^\d+$/.test(expiry) || mac === undefined || address === undefined) return [];
    try {
      return [{ address: parseIpv4(address, 'address'), mac: parseMac(mac, 'MAC'), clientId: parseClientId(clientId), line }];
    } catch {
      return [];
    }
  });
}

function parseClientId(text: string | undefined): Uint8Array | undefined {
  if (text === undefined || !/^[0-9a-f]{2}(:[0-9a-f]{2})*$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(':'), (byte) => Number.parseInt(byte, 16));
}
