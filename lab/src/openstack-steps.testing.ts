/** What a project's member does with the `openstack` client, step by step, and what must come of it. */
import assert from 'node:assert/strict';
import { parseIpv4 } from '@weft/core/ipv4';
import { nothingAt, reaches } from './checks/public.ts';
import type { Service } from './checks/public.ts';
import type { Shown } from './openstack-cli.ts';
import type { OpenstackLab, Project, ProjectWorkload } from './openstack.testing.ts';
import { tcpServer } from './probe/tcp-server.ts';
import { waitFor } from './wait.ts';

/** Ports of TCP servers on workloads. */
export const [WEB, OTHER] = [8080, 8081];
const FORWARDED = 8443;
const ACTIVE_MS = 20_000;

/** The same in every project. */
export const ALPHA = { ip: parseIpv4('10.20.0.11'), mac: '02:00:0a:14:00:11' };
const BRAVO = { ip: parseIpv4('10.20.0.12'), mac: '02:00:0a:14:00:12' };

export type Pair = Readonly<{ project: Project; alpha: ProjectWorkload; bravo: ProjectWorkload }>;

export function names(shown: readonly Shown[]): readonly unknown[] {
  return shown.map(({ Name }) => Name);
}

export function serviceOf(workload: ProjectWorkload, port: number, where: string): Service {
  return { what: workload.name, address: workload.place.ip, port, where };
}

/** A network with one subnet, changed in every way there is, and a second one that is taken away again. */
export async function makeNetworks({ cli }: Project): Promise<void> {
  const made = await cli.show('network create --description first --mtu 1400 front');
  assert.deepEqual([made['name'], made['mtu'], made['description'], made['status']], ['front', 1400, 'first', 'ACTIVE']);
  await cli.run('network set --name back --description second --mtu 1350 --disable front');
  const changed = await cli.show('network show back');
  assert.deepEqual([changed['mtu'], changed['admin_state_up'], changed['id']], [1350, false, made['id']]);
  await cli.run('network set --name front --mtu 1400 --enable --tag busy back');
  assert.deepEqual(names(await cli.list('network list --tags busy')), ['front']);

  const pool = '--allocation-pool start=10.20.0.100,end=10.20.0.199 --dns-nameserver 9.9.9.9';
  const subnet = await cli.show(`subnet create --network front --subnet-range 10.20.0.0/24 --gateway 10.20.0.1 ${pool} front-v4`);
  assert.deepEqual([subnet['gateway_ip'], subnet['enable_dhcp'], subnet['dns_nameservers']], ['10.20.0.1', true, ['9.9.9.9']]);
  const more = '--dns-nameserver 149.112.112.112 --allocation-pool start=10.20.0.200,end=10.20.0.210';
  await cli.run(`subnet set ${more} --name renamed front-v4`);
  const wider = await cli.show('subnet show renamed');
  assert.equal((wider['dns_nameservers'] as readonly string[]).length, 2);
  assert.equal((wider['allocation_pools'] as readonly unknown[]).length, 2);
  await cli.run(`subnet unset ${more} renamed`);
  await cli.run('subnet set --no-dhcp --name front-v4 renamed');
  assert.deepEqual(names(await cli.list('subnet list --network front --no-dhcp --ip-version 4 --subnet-range 10.20.0.0/24')), ['front-v4']);
  await cli.run('subnet set --dhcp front-v4');

  await cli.show('network create --disable-port-security spare');
  await cli.show('subnet create --network spare --subnet-range 10.20.0.0/24 --gateway none --no-dhcp spare-v4');
  assert.match(await cli.refused('subnet create --network spare --subnet-range 10.20.0.128/25 twice'), /overlap/);
  assert.match(await cli.refused('network set --mtu 9000 spare'), /too big|MTU/i);
  await cli.run('subnet delete spare-v4');
  await cli.run('network delete spare');
  assert.match(await cli.refused('network show spare'), /No Network found for spare/);
}

/** Two ports, changed and changed back, with workloads on them on two nodes. */
export async function makePorts(rig: OpenstackLab, project: Project): Promise<Pair> {
  const { cli } = project;
  await cli.show('security group create --description guests web');
  const create = (name: string, { ip, mac }: typeof ALPHA, more = ''): Promise<Shown> =>
    cli.show(`port create --network front --fixed-ip subnet=front-v4,ip-address=${ip} --mac-address ${mac} ${more} ${name}`);
  const alpha = await create('alpha', ALPHA);
  assert.match(await cli.refused(`port create --network front --fixed-ip ip-address=${ALPHA.ip} twice`), /in use|already allocated/);
  const bravo = await create('temporary', BRAVO, '--security-group web --description one');
  await cli.run('port set --name bravo --description two temporary');
  assert.equal((await cli.show('port show bravo'))['description'], 'two');
  await cli.show('port create --network front --no-fixed-ip --no-security-group --disable-port-security spare');
  await cli.run('port set --device here --device-owner me spare');
  assert.deepEqual(names(await cli.list('port list --device-owner me')), ['spare']);
  await cli.run('port set --fixed-ip subnet=front-v4,ip-address=10.20.0.50 spare');
  await cli.run('port unset --fixed-ip subnet=front-v4,ip-address=10.20.0.50 spare');
  assert.deepEqual((await cli.show('port show spare'))['fixed_ips'], []);
  await cli.run('port delete spare');
  return {
    project,
    alpha: await rig.workload(project, alpha, 'compute1'),
    bravo: await rig.workload(project, { ...bravo, name: 'bravo' }, 'compute2'),
  };
}

/** Bravo is in the group `web` and opens to what its rules say, and to nothing else, while they say it. */
export async function groupsDecide(rig: OpenstackLab, { project, alpha, bravo }: Pair): Promise<void> {
  const { cli } = project;
  const watch = { signal: rig.lab.signal };
  const where = rig.lab.daemon(bravo.node).logPath;
  using _web = tcpServer(bravo.place, WEB);
  using _other = tcpServer(bravo.place, OTHER);
  const [web, other] = [serviceOf(bravo, WEB, where), serviceOf(bravo, OTHER, where)];

  const rule = await cli.show(`security group rule create --protocol tcp --dst-port ${WEB} --remote-ip ${ALPHA.ip}/32 web`);
  assert.deepEqual([rule['port_range_min'], rule['remote_ip_prefix'], rule['direction']], [WEB, `${ALPHA.ip}/32`, 'ingress']);
  await reaches(watch, alpha, web, ALPHA.ip, true);
  await nothingAt(watch, alpha, other);
  assert.match(
    await cli.refused(`security group rule create --protocol tcp --dst-port ${WEB} --remote-ip ${ALPHA.ip}/32 web`),
    /already exists/,
  );
  assert.equal((await cli.list('security group rule list --protocol tcp --ingress web')).length, 1);

  await cli.run(`security group rule delete ${String(rule['id'])}`);
  await nothingAt(watch, alpha, web);

  await cli.show(`security group rule create --protocol tcp --dst-port ${WEB}:${WEB} --remote-group default --description members web`);
  await reaches(watch, alpha, web, ALPHA.ip, true);
  await nothingAt(watch, alpha, other);
  await cli.run('port set --security-group default bravo');
  await reaches(watch, alpha, other, ALPHA.ip, true);
  await cli.run('port unset --security-group default bravo');
  await nothingAt(watch, alpha, other);

  await cli.run('security group set --name site --description visitors web');
  assert.equal((await cli.show('security group show site'))['description'], 'visitors');
  await cli.run('security group set --name web site');
  assert.match(await cli.refused('security group delete web'), /in use/i);
  assert.match(await cli.refused('security group delete default'), /in use/i);
}

/** Outside reaches the workload at a floating IP of its own, and then at one port of it only; at neither when they are taken away. */
export async function leadsIn(rig: OpenstackLab, { cli }: Project, alpha: ProjectWorkload): Promise<void> {
  const watch = { signal: rig.lab.signal };
  const { outsideHost } = rig.lab.topology;
  const outside = { name: 'the outside host', place: rig.outside() };
  using _web = tcpServer(alpha.place, WEB);
  await cli.show('security group create public');
  await cli.show(`security group rule create --protocol tcp --dst-port ${WEB} public`);
  await cli.run(`port set --security-group public ${alpha.portId}`);

  const floating = await cli.show(`floating ip create --port ${alpha.portId} --description one outside`);
  const address = parseIpv4(floating['floating_ip_address']);
  const service: Service = { what: alpha.name, address, port: WEB, where: rig.lab.daemon('network').logPath };
  await reaches(watch, outside, service, outsideHost, true);
  await nothingAt(watch, outside, { ...service, port: OTHER });
  await waitFor({ expected: `${address} to be shown as active`, withinMs: ACTIVE_MS }, async () => {
    const { status } = await cli.show(`floating ip show ${address}`);
    return status === 'ACTIVE' ? { done: undefined } : { seen: String(status) };
  });
  assert.equal((await cli.list(`floating ip list --port ${alpha.portId} --network outside --status ACTIVE`)).length, 1);
  assert.match(await cli.refused(`floating ip create --port ${alpha.portId} outside`), /already associated|already has/i);
  await cli.run(`floating ip unset --port ${address}`);
  await nothingAt(watch, outside, service);

  const to = `--internal-ip-address ${alpha.place.ip} --port ${alpha.portId} --internal-protocol-port ${WEB}`;
  const forwarding = await cli.show(
    `floating ip port forwarding create ${to} --external-protocol-port ${FORWARDED} --protocol tcp ${address}`,
  );
  const forwarded = { ...service, port: FORWARDED };
  await reaches(watch, outside, forwarded, outsideHost, true);
  await nothingAt(watch, outside, service);
  const id = String(forwarding['id']);
  assert.equal((await cli.list(`floating ip port forwarding list ${address}`)).length, 1);
  assert.equal((await cli.show(`floating ip port forwarding show ${address} ${id}`))['external_port'], FORWARDED);
  assert.match(await cli.refused(`floating ip set --port ${alpha.portId} ${address}`), /port forwarding/i);
  await cli.run(`floating ip port forwarding set --external-protocol-port ${FORWARDED + 1} ${address} ${id}`);
  await reaches(watch, outside, { ...service, port: FORWARDED + 1 }, outsideHost, true);
  await nothingAt(watch, outside, forwarded);
  await cli.run(`floating ip port forwarding delete ${address} ${id}`);
  await nothingAt(watch, outside, { ...service, port: FORWARDED + 1 });
  await cli.run(`floating ip delete ${address}`);
  assert.deepEqual(await cli.list('floating ip list'), []);
}
