import { test } from 'node:test';
import { weft } from './test-support.ts';

/** After a change of a help text: `node --test --test-update-snapshots` on this file, and a look at the difference. */
for (const line of [
  '',
  'network',
  'node',
  'subnet create',
  'port create',
  'port set',
  'instance create',
  'node accept',
  'floating-ip create',
  'port-forwarding create',
  'port-forwarding delete',
  'firewall-rule create',
  'firewall-rule update',
  'nat-rule create',
  'nat-rule update',
  'tenant set',
  'router',
  'router create',
  'router set',
  'router add-subnet',
  'login',
  'logout',
  'concentrator move',
  'events',
  'port list',
  'port delete',
  'why',
  'lab',
  'lab exec',
]) {
  test(`weft ${line} --help teaches`, async (t) => {
    const { out } = await weft(`${line} --help`.trim());
    t.assert.snapshot(out.split('\n'));
  });
}
