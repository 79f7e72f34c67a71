import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inDomain, withoutDot } from '@weft/core/dns-name';
import { isIpv6 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import type { Mac } from '@weft/core/mac';
import type { DhcpHostBody } from '@weft/core/plan/dhcphost';
import type { DnsNameBody } from '@weft/core/plan/dnsname';
import { ensureDirectory, replaceFile } from '../state-file.ts';
import { isHostName } from './dns-domain.ts';

/** File name → content. */
export type HostFiles = ReadonlyMap<string, string>;

/**
 * One line of dnsmasq's `dhcp-host`. A name that is none would change the line's meaning, and is left out. A lease of DHCPv6 is known by its holder's
 * own identifier, not by a MAC; so that one can tell whose it is, such a host is called as {@link leaseLabel} says.
 */
export function hostFileContent({ mac, address, hostname }: DhcpHostBody): string {
  if (isIpv6(address)) return `${mac},[${address}],${leaseLabel({ mac, address })}\n`;
  const name = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(hostname) ? `,${hostname}` : '';
  return `${mac},${address}${name}\n`;
}

/** What the holder of an IPv6 lease is called in the lease file: a word of its MAC and its address. */
export function leaseLabel({ mac, address }: Readonly<{ mac: Mac; address: IpAddress }>): string {
  return `m${mac.replaceAll(':', '')}-${address.replaceAll(':', '-')}x`;
}

/**
 * One line of a hosts file: with a domain first, its own before the tenants' common one, which is what a reverse lookup tells. A whole name loses
 * the domain that it ends with. Empty for a name that is none.
 */
export function nameFileContent({ address, name, domain: own }: DnsNameBody, domain: string): string {
  const domains = [...(own === undefined ? [] : [own]), `${domain}.`];
  const { hostname, fqdn } = inDomain(name, domains);
  const isForeign = name.endsWith('.') && hostname === withoutDot(name);
  const names = isForeign ? [name] : [fqdn, ...domains.map((each) => `${hostname}.${each}`), hostname];
  const words = [...new Set(names.map(withoutDot))];
  return words.every(isHostName) ? `${address} ${words.join(' ')}\n` : '';
}

/** A directory that dnsmasq reads hosts or names from, a file each: it notices new files by itself, but removed ones only when told. */
export class HostsDirectory {
  readonly path: string;
  #files: Map<string, string> | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** What is there. Read once; nobody else writes there. */
  get files(): HostFiles {
    return this.#load();
  }

  write(name: string, content: string): void {
    replaceFile(join(this.path, name), content, 0o644);
    this.#load().set(name, content);
  }

  remove(name: string): void {
    rmSync(join(this.path, name), { force: true });
    this.#load().delete(name);
  }

  #load(): Map<string, string> {
    if (this.#files !== undefined) return this.#files;
    ensureDirectory(this.path, 0o755);
    const names = readdirSync(this.path).filter((name) => !name.startsWith('.'));
    this.#files = new Map(names.map((name) => [name, readFileSync(join(this.path, name), 'utf8')]));
    return this.#files;
  }
}
