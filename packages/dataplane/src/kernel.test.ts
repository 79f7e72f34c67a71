import { FakeKernel } from '@weft/lab/fake/fake-kernel';
import { kernelContract, sha256 } from './kernel-contract.ts';

kernelContract('in memory', () => {
  const kernel = new FakeKernel({ nodeLinks: ['parent0'] }, { sha256 });
  return { kernel, again: () => kernel, [Symbol.dispose]: () => {} };
});
