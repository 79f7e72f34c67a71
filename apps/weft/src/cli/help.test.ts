import { test } from 'node:test';
import { weft } from './test-support.ts';

/** After a change of a help text: `node --test --test-update-snapshots` on this file, and a look at the difference. */
for (const line of [
  '',
  'network',
  'node',
  'subnet create',
  'port create',
  'instance create',
  'node accept',
  'floating-ip create',
  'port-forwarding create',
  'port-forwarding delete',
  'firewall-rule create',
  'tenant set',
  'concentrator move',
  'events',
  'port list',
  'port delete',
  'lab',
  'lab exec',
]) {
  test(`weft ${line} --help teaches`, async (t) => {
    const { out } = await weft(`${line} --help`.trim());
    t.assert.snapshot(out.split('\n'));
  });
}
