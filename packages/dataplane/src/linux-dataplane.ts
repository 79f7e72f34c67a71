import { createHash } from 'node:crypto';
import { Dataplane } from './dataplane.ts';
import type { DataplaneLog } from './dataplane.ts';
import type { NodeFacts } from './kernel.ts';
import { LinuxKernel } from './linux-kernel.ts';

/** The dataplane of this machine, in the network namespace of the calling thread. Closing it leaves the kernel as it is. */
export function openLinuxDataplane(
  options: NodeFacts & Readonly<{ runDir: string }>,
  deps: Readonly<{ log: DataplaneLog }>,
): Readonly<{ dataplane: Dataplane; close: () => void }> {
  const { runDir, ...facts } = options;
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  const kernel = new LinuxKernel({ runDir }, { sha256 });
  return { dataplane: new Dataplane({ facts, runDir }, { kernel, log: deps.log, sha256 }), close: () => kernel[Symbol.dispose]() };
}
