import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { markedProcesses } from '../marked-processes.ts';
import { nodesInSync } from '../nodes.ts';
import { clusterNodes } from '../topology.ts';
import type { LabCheck } from './lab-check.ts';
import { everyFlow, undisturbed } from './traffic.ts';

/** Each launcher in turn is killed and started again: it takes over what runs, and neither a packet nor a process is lost. */
export const LAUNCHER_KILL: LabCheck = {
  id: 'launcher-kill',
  needs: ['ping-mesh', 'ping-concentrator', 'outbound-nat'],
  disturbs: true,
  run: async (context) => {
    const { lab } = context;
    const before = outliving(context);
    const launchers = clusterNodes(lab.topology);
    const detail = await undisturbed(context, everyFlow(context), async () => {
      for (const { name } of launchers) {
        const launcher = lab.daemon(name);
        await launcher.kill();
        launcher.start();
        await nodesInSync(lab);
      }
    });
    const lost = [...before].filter((process) => !outliving(context).has(process));
    expect(lost.length === 0, 'every workload and DHCP server to run on', `gone: ${lost.join(', ')}`, `${lab.paths.root}/*/log`);
    return `${detail}; ${launchers.length} launchers killed, ${before.size} workloads and DHCP servers ran on`;
  },
};

/** What must not die with its launcher, by pid and start time. */
function outliving({ lab }: CheckContext): Set<string> {
  const daemons = new Set(Array.from(lab.daemons(), ([, daemon]) => daemon.pid));
  const processes = markedProcesses().filter(({ pid, labId }) => labId === lab.id && !daemons.has(pid));
  return new Set(processes.map(({ pid, startTime, command }) => `${command} (pid ${pid}, started ${startTime})`));
}
