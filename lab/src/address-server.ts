import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LabPaths } from './lab-paths.ts';
import type { LabNetwork } from './network.ts';
import { LabProcess } from './process.ts';
import { DATA_IFNAME } from './topology.ts';
import type { Topology } from './topology.ts';

/** Half of it later a client renews: soon enough to happen within a lab's life. dnsmasq's shortest. */
const LEASE_SECONDS = 120;

/** The data centre's own DHCP server, on the gateway: it gives addresses of the slice to machines that ask on the compute network. */
export function addressServer(options: Readonly<{ paths: LabPaths; topology: Topology; network: LabNetwork; labId: string }>): LabProcess {
  const { paths, network, labId } = options;
  const { first, last } = options.topology.slice;
  const { root, state, log } = paths.node('gateway');
  for (const directory of [root, state, log]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  return new LabProcess({
    name: 'gateway dnsmasq',
    command: [
      'dnsmasq',
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--user=root',
      '--pid-file=',
      '--port=0',
      `--interface=${DATA_IFNAME}`,
      '--bind-interfaces',
      `--dhcp-range=${first},${last},${LEASE_SECONDS}`,
      // Nobody's way out is here.
      '--dhcp-option=3',
      `--dhcp-leasefile=${join(state, 'leases')}`,
      '--dhcp-authoritative',
      '--no-ping',
      '--log-facility=-',
    ],
    netns: network.netns('gateway'),
    logPath: join(log, 'dnsmasq.log'),
    cwd: root,
    labId,
  });
}
