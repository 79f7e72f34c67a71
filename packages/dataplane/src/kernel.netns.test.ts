import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linkAdd } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsCreateUnpinned, netnsDelete } from '@weft/sys/netns';
import { kernelContract, sha256 } from './kernel-contract.ts';
import { LinuxKernel } from './linux-kernel.ts';

kernelContract('of this machine', () => {
  using stack = new DisposableStack();
  const runDir = mkdtempSync(join(tmpdir(), 'weft-kernel-'));
  stack.defer(() => rmSync(runDir, { recursive: true }));
  mkdirSync(join(runDir, 'netns'));
  const netns = stack.use(netnsCreateUnpinned());
  using rtnl = Rtnl.open(netns);
  linkAdd(rtnl, { kind: 'veth', name: 'parent0', peer: { name: 'wire0' } });
  stack.defer(() => {
    for (const name of readdirSync(`${runDir}/netns`)) netnsDelete(`${runDir}/netns/${name}`);
  });
  const open = (): LinuxKernel => stack.use(netns.run(() => new LinuxKernel({ runDir }, { sha256 })));
  const kernel = open();
  const owned = stack.move();
  return {
    kernel,
    again: () => owned.use(netns.run(() => new LinuxKernel({ runDir }, { sha256 }))),
    [Symbol.dispose]: () => owned.dispose(),
  };
});
