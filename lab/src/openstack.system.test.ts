/**
 * The field's own client, `openstack`, against the lab. What it makes it shows, lists and changes; and packets obey.
 *
 * Projects red and blue are made by the client and have the same addresses and MACs. Projects of the identity service get no gateway by
 * themselves, so what leads outside is tried in green, made through /v1, whose gateway comes with its first subnet – and in red as well,
 * where the server offers routers.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nothingAt, reaches } from './checks/public.ts';
import { openstackVersion } from './openstack-cli.ts';
import { ALPHA, groupsDecide, leadsIn, makeNetworks, makePorts, names, OTHER, serviceOf, WEB } from './openstack-steps.testing.ts';
import type { Pair } from './openstack-steps.testing.ts';
import { OpenstackLab } from './openstack.testing.ts';
import { tcpServer } from './probe/tcp-server.ts';

const skip = openstackVersion() === undefined ? 'the openstack client is not installed (Debian: python3-openstackclient)' : false;
const LIMIT_MS = 300_000;
void test('the openstack client', { skip, timeout: LIMIT_MS }, async (t) => {
  await using rig = await OpenstackLab.up();
  const { admin, lab } = rig;
  const watch = { signal: lab.signal };
  const where = lab.daemon('compute2').logPath;

  await t.test('makes projects, users and the world outside', async () => {
    for (const name of ['red', 'blue']) await admin.show(`project create --description ${name}s ${name}`);
    await admin.run('project set --description crimson red');
    assert.equal((await admin.show('project show red'))['description'], 'crimson');
    await lab.client().tenants.create({ name: 'green' });
    const { uplink, publicAddresses } = lab.topology;
    const outside = await admin.show('network create --external outside');
    assert.equal(outside['router:external'], true);
    const pool = `--allocation-pool start=${publicAddresses.first},end=${publicAddresses.last}`;
    await admin.show(`subnet create --network outside --subnet-range ${uplink.cidr} --gateway ${uplink.gateway} --no-dhcp ${pool} public`);
    assert.deepEqual(names(await admin.list('network list --external')), ['outside']);
    assert.deepEqual((await admin.list('service list')).map(({ Type }) => String(Type)).toSorted(), ['identity', 'network']);
    assert.equal((await admin.list('endpoint list --service network --interface public')).length, 1);
  });

  const [red, blue, green] = [await rig.member('red'), await rig.member('blue'), await rig.member('green')];
  const extensions = new Set((await red.cli.list('extension list --network')).map(({ Alias }) => Alias));

  await t.test('makes networks and subnets, changes and deletes them', async () => {
    assert.ok(extensions.has('security-group'));
    await Promise.all([red, blue].map((project) => makeNetworks(project)));
    assert.deepEqual(names(await red.cli.list('network list --internal')), ['front']);
    assert.deepEqual(names(await green.cli.list('network list --internal')), []);
  });

  const pairs = await Promise.all([red, blue].map((project) => makePorts(rig, project)));
  const [reds, blues] = pairs as [Pair, Pair];

  await t.test('finds ports by what they have, and none of another project', async () => {
    for (const { project, alpha } of pairs) {
      for (const filter of [
        `--fixed-ip ip-address=${ALPHA.ip}`,
        `--mac-address ${ALPHA.mac}`,
        '--name alpha',
        '--device-owner compute:weft --name alpha',
        '--network front --fixed-ip subnet=front-v4,ip-address=10.20.0.11',
        // Bravo's is 10.20.0.12; the port that serves DHCP has any address, 10.20.0.110 for instance.
        '--device-owner compute:weft --fixed-ip ip-substring=20.0.11',
      ]) {
        const found = await project.cli.list(`port list ${filter} --long`);
        assert.deepEqual(
          found.map(({ ID }) => ID),
          [alpha.portId],
          filter,
        );
      }
    }
    assert.match(await blue.cli.refused(`port show ${reds.alpha.portId}`), /No Port found/);
    assert.match(await blue.cli.refused(`port set --name mine ${reds.alpha.portId}`), /No Port found/);
    assert.match(await blue.cli.refused(`port delete ${reds.alpha.portId}`), /No Port found/);
    assert.equal((await admin.show(`port show ${reds.alpha.portId}`))['binding_host_id'], 'compute1');
    assert.match(await red.cli.refused('network delete front'), /One or more ports have an IP allocation|There are one or more ports/);
    assert.match(await red.cli.refused('subnet delete front-v4'), /One or more ports have an IP allocation/);
  });

  await t.test('decides by groups and rules what arrives, in its own project only', async () => {
    await Promise.all(pairs.map((pair) => groupsDecide(rig, pair)));
    using redWeb = tcpServer(reds.bravo.place, WEB);
    using blueWeb = tcpServer(blues.bravo.place, WEB);
    await reaches(watch, reds.alpha, serviceOf(reds.bravo, WEB, where), ALPHA.ip, true);
    assert.deepEqual([redWeb.peers.length > 0, blueWeb.peers.length], [true, 0], 'blue has the same addresses, and saw nothing');
  });

  await t.test('takes a port out of service, and its guard off', async () => {
    using _web = tcpServer(reds.bravo.place, WEB);
    using _other = tcpServer(reds.bravo.place, OTHER);
    const [web, other] = [serviceOf(reds.bravo, WEB, where), serviceOf(reds.bravo, OTHER, where)];
    await nothingAt(watch, reds.alpha, other);
    await red.cli.run('port set --no-security-group --disable-port-security bravo');
    await reaches(watch, reds.alpha, other, ALPHA.ip, true);
    await red.cli.run('port set --disable bravo');
    await nothingAt(watch, reds.alpha, web);
    await red.cli.run('port set --enable --enable-port-security --security-group web bravo');
    await reaches(watch, reds.alpha, web, ALPHA.ip, true);
    await nothingAt(watch, reds.alpha, other);
  });

  await t.test('leads the outside in by floating IPs and port forwardings', async () => {
    await green.cli.show('network create front');
    await green.cli.show('subnet create --network front --subnet-range 10.20.0.0/24 front-v4');
    const port = await green.cli.show('port create --network front --fixed-ip subnet=front-v4,ip-address=10.20.0.11 alpha');
    const alpha = await rig.workload(green, port, 'compute2');
    await leadsIn(rig, green, alpha);
  });

  await t.test('and the library under it, openstacksdk, do the same with every resource', () => green.sweep());

  await t.test('makes routers, where there are any', async (sub) => {
    if (!extensions.has('router')) return sub.skip('this server has no routers');
    await red.cli.show('router create gate');
    await red.cli.run('router set --external-gateway outside gate');
    await red.cli.run('router add subnet gate front-v4');
    await leadsIn(rig, red, reds.alpha);
    await red.cli.run('router remove subnet gate front-v4');
    await red.cli.run('router unset --external-gateway gate');
    await red.cli.run('router delete gate');
  });

  await t.test('deletes everything again', async () => {
    for (const project of [red, blue, green]) {
      for (const { id } of await project.client.instances.list()) await project.client.instances.delete(id);
      const ports = await project.cli.list('port list');
      await project.cli.run(`port delete ${ports.map(({ ID }) => ID).join(' ')}`);
      await project.cli.run('network delete front');
      const groups = names(await project.cli.list('security group list')).filter((name) => name !== 'default');
      if (groups.length > 0) await project.cli.run(`security group delete ${groups.join(' ')}`);
      assert.deepEqual(await project.cli.list('port list'), []);
      assert.deepEqual(names(await project.cli.list('network list --internal')), []);
    }
    await admin.run('user delete red-user blue-user green-user');
    await admin.run('project delete red blue');
    assert.match(await red.cli.refused('network list'), /401|requires authentication/);
  });
});
