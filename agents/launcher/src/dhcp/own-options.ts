import { isIpv6 } from '@weft/core/ip';
import type { DhcpHostBody } from '@weft/core/plan/dhcphost';
import { readFileIfPresent, replaceFile } from '../state-file.ts';
import type { FileChange } from './by-gateway.ts';
import { hostFileContent } from './hosts-directory.ts';

/** Names, or numbers, of dnsmasq's options. */
const OPTION = /^(\d{1,3}|[a-z][a-z0-9+-]{0,40})$/;
/** Of a value: printable, and nothing that quotes, escapes or comments. */
const VALUE = /^[ !$-[\]-~]{0,1000}$/;

/** Whether a host is told something of its own, and so stands in {@link OwnOptionsFile} instead of the directory of hosts. */
export const hasOwnOptions = (body: DhcpHostBody): boolean => optionLines(body).length > 0;

/** The host with a tag, and the options that the tag selects, before its segment's. What could mean something else to dnsmasq is left out. */
export function ownOptionsContent(body: DhcpHostBody): string {
  const lines = optionLines(body);
  if (lines.length === 0) return '';
  const [mac, ...rest] = hostFileContent(body).trimEnd().split(',');
  return [`dhcp-host=${mac},set:${tagOf(body)},${rest.join(',')}`, ...lines].map((line) => `${line}\n`).join('');
}

function optionLines(body: DhcpHostBody): string[] {
  // Options of IPv6 are others.
  return (isIpv6(body.address) ? [] : (body.options ?? []))
    .filter(({ name, value }) => OPTION.test(name) && VALUE.test(value))
    .map(({ name, value }) => {
      const option = /^\d/.test(name) ? name : `option:${name}`;
      return `dhcp-option=tag:${tagOf(body)},${option}${value === '' ? '' : `,${value}`}`;
    });
}

/** Of one host of one segment. */
const tagOf = ({ vni, address }: DhcpHostBody): string => `h${vni}-${address}`;

/**
 * dnsmasq's configuration file: hosts with options of their own. It is read at the start alone, so a change takes another process. The
 * directory of hosts would not need that, but dnsmasq 2.86 to 2.90 end with SIGSEGV when they read a host with a tag again that they have
 * leased to: the tag is chained to others on the stack by then, and freed with them.
 */
export class OwnOptionsFile {
  readonly path: string;
  /** By the names of the hosts' files. */
  readonly #hosts = new Map<string, string>();
  #content: string | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** What the file holds. */
  get content(): string {
    return this.#content ?? '';
  }

  /** `all`: there are no other hosts. */
  apply(changes: readonly FileChange<DhcpHostBody>[], all: boolean): void {
    if (all) this.#hosts.clear();
    for (const { name, body } of changes) {
      const lines = body === undefined ? '' : ownOptionsContent(body);
      if (lines === '') this.#hosts.delete(name);
      else this.#hosts.set(name, lines);
    }
    this.#content ??= readFileIfPresent(this.path);
    const sorted = [...this.#hosts].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const content = sorted.map(([, lines]) => lines).join('');
    if (content === this.#content) return;
    replaceFile(this.path, content, 0o644);
    this.#content = content;
  }
}
