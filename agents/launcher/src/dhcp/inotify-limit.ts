import type { Logger } from '@weft/ssntp/logger';

/** Each gateway's dnsmasq watches its directories with one inotify instance. */
const INSTANCES = 8192;
const KEY = 'fs.inotify.max_user_instances';

/** Kernel parameters of this machine, as text. Both throw what the kernel says. */
export type KernelParameters = Readonly<{ read: (key: string) => string; write: (key: string, value: string) => void }>;

/**
 * Makes room for the gateways' servers. The machine's default is 128 for all processes of root together: from then on a server ends at once,
 * with status 5. A limit that is high enough already is left alone. Where it cannot be raised, that is told and the rest works.
 */
export function raiseInotifyLimit(parameters: KernelParameters, log: Pick<Logger, 'info' | 'warn'>): void {
  try {
    const before = Number(parameters.read(KEY));
    if (before >= INSTANCES) return;
    parameters.write(KEY, String(INSTANCES));
    log.info({ parameter: KEY, before, now: INSTANCES }, 'limit of the machine raised for the servers of gateways');
  } catch (err) {
    const remedy = `Set ${KEY} to ${INSTANCES} on this machine, or keep fewer gateways on it than it allows.`;
    log.warn({ err, parameter: KEY, remedy }, 'limit of the machine cannot be raised: servers of many gateways will not start');
  }
}
