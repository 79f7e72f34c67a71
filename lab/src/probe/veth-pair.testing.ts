import { execFileSync } from 'node:child_process';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import { netnsCreateUnpinned } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';
import type { Place } from './place.ts';

export type Station = Place & Readonly<{ ip: Ipv4 }>;

/** Two namespaces joined by a veth pair, for tests: 10.0.0.11 and 10.0.0.12. They go when disposed. */
export class VethPair implements Disposable {
  readonly a: Station;
  readonly b: Station;

  constructor() {
    using stack = new DisposableStack();
    const [a, b] = [stack.use(netnsCreateUnpinned()), stack.use(netnsCreateUnpinned())];
    this.a = { netns: a, ifname: 'a0', mac: '02:00:0a:00:00:11' as Mac, ip: '10.0.0.11' as Ipv4 };
    this.b = { netns: b, ifname: 'b0', mac: '02:00:0a:00:00:12' as Mac, ip: '10.0.0.12' as Ipv4 };
    const ends = `a0 address ${this.a.mac} type veth peer name b0 address ${this.b.mac} netns ${pathOf(b)}`;
    ip(a, `link add ${ends}`);
    for (const { netns, ifname, ip: address } of [this.a, this.b]) {
      ip(netns, 'link set lo up', `address add ${address}/24 dev ${ifname}`, `link set ${ifname} up`);
    }
    stack.move();
  }

  [Symbol.dispose](): void {
    this.a.netns[Symbol.dispose]();
    this.b.netns[Symbol.dispose]();
  }
}

/** Runs commands of iproute2 in a namespace, all in one process. */
export function ip(netns: Netns, ...commands: readonly string[]): void {
  const [program, ...args] = inNetns(netns, 'ip', '-batch', '-');
  execFileSync(program!, args, { input: `${commands.join('\n')}\n`, stdio: ['pipe', 'ignore', 'inherit'] });
}

/** The command that runs a program in a namespace. */
export function inNetns(netns: Netns, ...command: readonly string[]): readonly string[] {
  return ['nsenter', `--net=${pathOf(netns)}`, ...command];
}

function pathOf(netns: Netns): string {
  return `/proc/${process.pid}/fd/${netns.fd}`;
}
