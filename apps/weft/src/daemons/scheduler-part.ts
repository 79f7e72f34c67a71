import { Scheduler } from '@weft/scheduler/scheduler';
import type { Lifecycle } from '@weft/daemon/lifecycle';
import type { Logger } from '@weft/daemon/log';
import { systemClock } from '@weft/ssntp/clock';
import { listenTls } from '@weft/ssntp/tls';
import type { ClusterKeys } from './config.ts';
import { connectedPayload } from './config.ts';
import type { Credentials } from './credentials.ts';
import { listenAt } from './listen-at.ts';

const STOP_MS = 2000;

/** Starts the scheduler and its listener. A connection that cannot be secured is one log line. */
export async function startScheduler(
  options: Readonly<{ credentials: Credentials; ssntp: Readonly<{ host?: string; port: number }>; cluster: ClusterKeys }>,
  deps: Readonly<{ lifecycle: Lifecycle; log: Logger }>,
): Promise<Scheduler> {
  const { credentials, ssntp, cluster } = options;
  const log = deps.log.child({ part: 'scheduler' });
  const scheduler = new Scheduler({ uuid: credentials.uuid, configuration: connectedPayload(cluster) }, { clock: systemClock, log });
  deps.lifecycle.add('scheduler', () => scheduler.close(), { deadlineMs: STOP_MS });
  const listener = await listenAt('ssntp', ssntp, () =>
    listenTls(
      { ...ssntp, ca: credentials.ca, cert: credentials.cert, key: credentials.key },
      (stream) => scheduler.accept(stream),
      ({ address, error }) => log.warn({ peer: address, err: error }, 'connection refused'),
    ),
  );
  deps.lifecycle.add('ssntp listener', () => listener.close(), { deadlineMs: STOP_MS });
  log.info({ address: listener.address, port: listener.port }, 'listening for SSNTP');
  return scheduler;
}
