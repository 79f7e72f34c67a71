import type { Logger } from '@weft/ssntp/logger';

/** A limit of the machine that a node with many gateways meets. `isGlobal` false: only the machine's first namespace has it. */
type MachineLimit = Readonly<{ key: string; atLeast: number; isGlobal: boolean; without: string }>;

const NEIGHBOURS = 'a node with many gateways loses packets while its machine knows as many neighbours as it may';

/**
 * Each gateway's dnsmasq watches its directories with one inotify instance; the default is 128 for all processes of root together, and from
 * then on a server ends at once, with status 5. All namespaces share one table of neighbours a family, whose default is 1,024 (arp(7)).
 */
const LIMITS: readonly MachineLimit[] = [
  { key: 'fs.inotify.max_user_instances', atLeast: 8192, isGlobal: true, without: 'servers of many gateways will not start' },
  ...['ipv4', 'ipv6'].flatMap((family) => [
    { key: `net.${family}.neigh.default.gc_thresh3`, atLeast: 65_536, isGlobal: false, without: NEIGHBOURS },
    { key: `net.${family}.neigh.default.gc_thresh2`, atLeast: 32_768, isGlobal: false, without: NEIGHBOURS },
  ]),
];

/** Kernel parameters of this machine, as text. All throw what the kernel says. */
export type KernelParameters = Readonly<{
  exists: (key: string) => boolean;
  read: (key: string) => string;
  write: (key: string, value: string) => void;
}>;

/** Makes room for gateways. A limit that is high enough already is left alone. Where one cannot be raised, that is told and the rest works. */
export function raiseMachineLimits(parameters: KernelParameters, log: Pick<Logger, 'info' | 'warn'>): void {
  for (const { key, atLeast, isGlobal, without } of LIMITS) {
    try {
      if (!isGlobal && !parameters.exists(key)) continue;
      const before = Number(parameters.read(key));
      if (before >= atLeast) continue;
      parameters.write(key, String(atLeast));
      log.info({ parameter: key, before, now: atLeast }, 'limit of the machine raised for gateways');
    } catch (err) {
      const remedy = `Set ${key} to ${atLeast} on this machine, or keep fewer gateways on it than it allows.`;
      log.warn({ err, parameter: key, remedy }, `limit of the machine cannot be raised: ${without}`);
    }
  }
}
