import type { Lab } from '@weft/lab/cluster';
import { workloadPin } from '@weft/lab/scenario';
import type { Scenario } from '@weft/lab/scenario';
import { netnsOpen } from '@weft/sys/netns';
import type { TcpPath } from './tcp-throughput.ts';

/** From one of the red tenant's workloads to another, by their names; their namespaces stay open as long as the stack. */
export function workloadPath(lab: Lab, scenario: Scenario, from: string, to: string, stack: AsyncDisposableStack): TcpPath {
  const workload = (name: string): NonNullable<ReturnType<typeof scenario.red.workloads.get>> => {
    const found = scenario.red.workloads.get(name);
    if (found === undefined) throw new Error(`the scenario has no workload ${name}`);
    return found;
  };
  const open = (name: string): TcpPath['from'] => stack.use(netnsOpen(workloadPin(lab, workload(name))));
  return { from: open(from), to: open(to), address: workload(to).ip };
}
