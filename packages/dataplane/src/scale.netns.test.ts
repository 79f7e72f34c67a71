import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import type { PlanRef } from '@weft/core/plan/plan';
import { planRefText } from '@weft/core/plan/plan';
import { linkList } from '@weft/netlink/link';
import { bridgeName, portName } from './names.ts';
import { ipv4, portId, vni } from './plan-builder.testing.ts';
import { TestUnderlay, vtepOf } from './test-node.testing.ts';
import type { TestNode } from './test-node.testing.ts';

/** So many ports change at once as callers are served at once. */
const CALLERS = 128;
const FIRST_VNI = 10_001;

/** Applies a change of the plan, and nothing but what it touched. */
function applyChange(node: TestNode, change: () => void): void {
  const named = (): Map<string, PlanRef> => new Map([...node.builder.plan.refs()].map((ref) => [planRefText(ref), ref]));
  const before = named();
  change();
  const after = named();
  const touched = [...before, ...after].flatMap(([text, ref]) => (before.has(text) && after.has(text) ? [] : [ref]));
  node.apply(touched);
}

function clearPlan({ builder }: TestNode): void {
  for (const { kind, key } of builder.plan.refs()) builder.plan.delete(kind, key);
}

const keysOf = (node: TestNode): string[] => node.kernel.observe().map(({ key }) => key);
const fabricLinks = (node: TestNode): string[] => linkList(node.rtnl('fabric')).map(({ name }) => name);

/** Nothing is there but what every node has. */
function assertBare(node: TestNode, bare: readonly string[]): void {
  node.tidy();
  assert.deepEqual(fabricLinks(node), ['lo']);
  assert.deepEqual(readdirSync(`${node.runDir}/netns`), ['fabric']);
  assert.deepEqual(keysOf(node).toSorted(), bare.toSorted());
}

test('fifty gateways come and go, and nothing is left of them', () => {
  using underlay = new TestUnderlay();
  const node = underlay.node(1);
  node.apply();
  const bare = keysOf(node);
  applyChange(node, () => {
    for (let n = 0; n < 50; n += 1) {
      const uplink = { address: ipv4(`203.0.113.${n + 1}`), prefixLength: 24, gateway: ipv4('203.0.113.254') };
      node.builder.segment(FIRST_VNI + n, { hub: true }).gateway(n * 4096, [FIRST_VNI + n], { uplink });
    }
  });
  assert.equal(readdirSync(`${node.runDir}/netns`).length, 51);
  applyChange(node, () => clearPlan(node));
  assert.ok(!fabricLinks(node).some((name) => name.startsWith('wb')), 'no bridge has a name any more that the next segment might need');
  assertBare(node, bare);
});

test('twenty segments with 31 ports each come and go, and nothing is left of them', () => {
  using underlay = new TestUnderlay();
  const node = underlay.node(1);
  node.apply();
  const bare = keysOf(node);
  applyChange(node, () => {
    node.builder.group(1);
    for (let n = 0; n < 20; n += 1) node.builder.segment(FIRST_VNI + n).vtep(FIRST_VNI + n, vtepOf(2));
  });
  const inBatches = (change: (at: number) => unknown): void => {
    for (let first = 0; first < 20 * 31; first += CALLERS) {
      applyChange(node, () => {
        for (let at = first; at < Math.min(first + CALLERS, 20 * 31); at += 1) change(at);
      });
    }
  };
  inBatches((at) => node.builder.workload({ n: 11 + Math.floor(at / 20), vni: FIRST_VNI + (at % 20) }, { number: at + 1 }));
  assert.equal(fabricLinks(node).filter((name) => name.startsWith('wp')).length, 620);
  node.dataplane.observe();
  node.apply();
  inBatches((at) => node.builder.noWorkload(at + 1));
  applyChange(node, () => clearPlan(node));
  assertBare(node, bare);
});

test('a segment that comes back before its bridge is deleted gets another one, and a killed process leaves none', () => {
  using underlay = new TestUnderlay();
  const node = underlay.node(1);
  const indexOf = (name: string): number | undefined => linkList(node.rtnl('fabric')).find((link) => link.name === name)?.index;
  const bridge = bridgeName(vni(FIRST_VNI));
  const fill = (): unknown => node.builder.group(1).segment(FIRST_VNI).workload({ n: 11, vni: FIRST_VNI });
  applyChange(node, fill);
  const old = indexOf(bridge);
  applyChange(node, () => clearPlan(node));
  assert.equal(indexOf(bridge), undefined);
  applyChange(node, fill);
  const index = indexOf(bridge);
  assert.ok(index !== undefined && index !== old);
  node.restarted();
  node.apply();
  node.tidy();
  const links = linkList(node.rtnl('fabric'));
  assert.deepEqual(
    links.filter(({ kind }) => kind === 'bridge').map((link) => link.index),
    [index],
  );
  assert.equal(links.find(({ name }) => name === portName(portId(11)))?.master, index);
});
