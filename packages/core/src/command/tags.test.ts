import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseResource } from '../resource.ts';
import { setTags } from './tags.ts';
import { assertRefused, TestCluster, testId } from './test-support.ts';

test('tags are kept, raise the revision once, and survive the store', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string()), (tags) => {
      const cluster = new TestCluster();
      const { id, revision } = cluster.network(cluster.tenant().id);
      cluster.do(setTags(cluster.state, cluster.context, 'network', id, tags));
      const tagged = cluster.state.networks.get(id);
      assert.deepEqual([tagged?.tags ?? [], tagged?.revision], [tags, tags.length === 0 ? revision : revision + 1]);
      assert.deepEqual(parseResource(JSON.parse(JSON.stringify(tagged))), tagged);
      assert.deepEqual(setTags(cluster.state, cluster.context, 'network', id, tags).put, [], 'again is no change');
    }),
  );
});

test('an update of something else keeps the tags, and what is not there has none', () => {
  const cluster = new TestCluster();
  const { id } = cluster.network(cluster.tenant().id);
  cluster.do(setTags(cluster.state, cluster.context, 'network', id, ['a']));
  cluster.do(setTags(cluster.state, cluster.context, 'network', id, []));
  assert.deepEqual(cluster.state.networks.get(id)?.tags, []);
  assertRefused(cluster, () => setTags(cluster.state, cluster.context, 'port', testId(1), ['a']), 'not_found');
});
