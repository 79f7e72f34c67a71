import { parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { parseIpv6 } from '@weft/core/ipv6';
import type { Ipv6 } from '@weft/core/ipv6';
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

/** A lease of DHCPv6: whose it is says {@link label}. */
export type SavedLease6 = Readonly<{ address: Ipv6; label: string; iaid: number; clientId: Uint8Array; line: string }>;

/** What the file holds of DHCPv6: the server's own identifier, if it has one yet, and leases of single addresses that last. */
export type SavedLeases6 = Readonly<{ serverId: Uint8Array | undefined; leases: readonly SavedLease6[] }>;

/**
 * Reads the other half of the file: after a line `duid <id>` come lines `<expiry> <iaid> <address> <host name or *> <client id>`. What cannot be read
 * is passed over.
 */
export function parseLeaseFile6(text: string): SavedLeases6 {
  const serverId = parseClientId(/^duid (\S+)$/m.exec(text)?.[1]);
  const leases = text.split('\n').flatMap((line) => {
    const [expiry = '', iaid = '', address = '', label = '', id] = line.split(' ');
    const clientId = parseClientId(id);
    if (!/^\d+$/.test(expiry) || !/^\d+$/.test(iaid) || !address.includes(':') || clientId === undefined) return [];
    try {
      return [{ address: parseIpv6(address, 'address'), label, iaid: Number(iaid), clientId, line }];
    } catch {
      return [];
    }
  });
  return { serverId, leases };
}

function parseClientId(text: string | undefined): Uint8Array | undefined {
  if (text === undefined || !/^[0-9a-f]{2}(:[0-9a-f]{2})*$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(':'), (byte) => Number.parseInt(byte, 16));
}
