import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KernelLacks, linuxFeatures, requireKernel } from './kernel-support.ts';

test('this kernel has what a node needs, each feature tried', () => {
  const features = linuxFeatures({ uplink: true });
  assert.deepEqual(
    features.filter((feature) => !feature.works()).map((feature) => feature.what),
    [],
  );
  assert.doesNotThrow(() => requireKernel(features));
});

test('what is missing is named all at once, with the modules to load', () => {
  const lacking = linuxFeatures({ uplink: false }).map((feature) =>
    feature.module === 'vxlan' || feature.module === 'br_netfilter' ? { ...feature, works: () => false } : feature,
  );
  assert.throws(
    () => requireKernel(lacking),
    (error: unknown) =>
      error instanceof KernelLacks &&
      error.message === 'this kernel lacks VXLAN tunnels (module vxlan), connection tracking of bridged packets (module br_netfilter)' &&
      (error.remedy?.includes('`modprobe vxlan br_netfilter`') ?? false),
  );
});

test('a namespace for trying leaves nothing behind and needs no uplink on compute nodes', () => {
  const modules = linuxFeatures({ uplink: false }).map((feature) => feature.module);
  assert.ok(!modules.includes('macvlan') && !modules.includes('nft_nat'));
});
