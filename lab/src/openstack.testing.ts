/** A lab in which nothing is woven yet, and the `openstack` client in the hands of its administrator and of projects' members. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WeftClient } from '@weft/api/client';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { parseMac } from '@weft/core/mac';
import { parseUuid } from '@weft/core/uuid';
import type { InstanceId, PortId } from '@weft/core/uuid';
import { WORKLOAD_LINK } from '@weft/dataplane/names';
import { netnsOpen } from '@weft/sys/netns';
import { Lab } from './cluster.ts';
import { labPaths } from './lab-paths.ts';
import { nodesInSync } from './nodes.ts';
import { OpenstackCli, runSdk } from './openstack-cli.ts';
import type { OpenstackCliOptions, Shown } from './openstack-cli.ts';
import type { Place } from './probe/place.ts';
import { LAB_API_PORT } from './run-lab.ts';
import { workloadActive, workloadPin } from './scenario.ts';
import { labTopology, OUTSIDE_IFNAME } from './topology.ts';
import type { LabNodeName } from './topology.ts';

const SWEEP = fileURLToPath(new URL('openstack-sweep.py', import.meta.url));
const WEFT = fileURLToPath(new URL('../../apps/weft/bin/weft.mjs', import.meta.url));

/** A project, as its member sees it. */
export type Project = Readonly<{
  name: string;
  cli: OpenstackCli;
  /** With the member's own token, for what the `openstack` client does not know: instances. */
  client: WeftClient;
  /** Every network resource through openstacksdk; what it makes it takes away. */
  sweep: () => Promise<void>;
}>;

export type ProjectWorkload = Readonly<{ name: string; place: Place & Readonly<{ ip: Ipv4 }>; node: LabNodeName; portId: PortId }>;

export class OpenstackLab implements AsyncDisposable {
  readonly lab: Lab;
  readonly admin: OpenstackCli;
  readonly #stack: AsyncDisposableStack;
  readonly #home: string;

  private constructor(lab: Lab, home: string, stack: AsyncDisposableStack) {
    this.lab = lab;
    this.#home = home;
    this.#stack = stack;
    this.admin = stack.use(new OpenstackCli(this.#options({})));
  }

  /** Brings the lab up, without anything in it. */
  static async up(): Promise<OpenstackLab> {
    await using stack = new AsyncDisposableStack();
    const home = mkdtempSync(join(tmpdir(), 'weft-openstack-'));
    stack.defer(() => rmSync(home, { recursive: true, force: true }));
    const weft = [process.execPath, WEFT] as const;
    const options = { weft, paths: labPaths(), topology: labTopology(), apiPort: LAB_API_PORT, signal: new AbortController().signal };
    const lab = stack.use(await Lab.up(options, { progress: () => undefined }));
    await nodesInSync(lab);
    return new OpenstackLab(lab, home, stack.move());
  }

  /** A new user who is member of the project. */
  async member(project: string): Promise<Project> {
    const [user, password] = [`${project}-user`, `${project}s-password`];
    await this.admin.show(`user create --password ${password} ${user}`);
    await this.admin.run(`role add --project ${project} --user ${user} member`);
    const options = this.#options({ OS_USERNAME: user, OS_PASSWORD: password, OS_PROJECT_NAME: project });
    const cli = this.#stack.use(new OpenstackCli(options));
    const { id: token } = await cli.show('token issue');
    return { name: project, cli, client: this.lab.client(String(token)), sweep: () => runSdk(options, SWEEP) };
  }

  /** Runs a workload on a port that the client has made, and waits until it is reachable. */
  async workload({ name: tenant, client }: Project, port: Shown, node: LabNodeName): Promise<ProjectWorkload> {
    const [name, portId] = [String(port['name']), parseUuid<PortId>(port['id'])];
    const [fixed] = port['fixed_ips'] as readonly Shown[];
    const made = await client.instances.create({
      name,
      command: ['sleep', 'infinity'],
      port_id: portId,
      addressing: 'static',
      node_id: this.lab.nodeId(node),
    });
    const instanceId = parseUuid<InstanceId>(made.id);
    await workloadActive(this.lab, client, { name, node, instanceId, portId, tenant });
    const netns = this.#stack.use(netnsOpen(workloadPin(this.lab, { node, instanceId })));
    const place = { netns, ifname: WORKLOAD_LINK, mac: parseMac(port['mac_address']), ip: parseIpv4(fixed?.['ip_address']) };
    return { name: `${tenant} ${name}`, place, node, portId };
  }

  /** The host in the world outside. */
  outside(): Place {
    return { netns: this.lab.network.netns('outside'), ifname: OUTSIDE_IFNAME, mac: parseMac('02:00:00:00:00:01') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  /** On the control node, where the server's shell file is and what it says is true. */
  #options(settings: Readonly<Record<string, string>>): OpenstackCliOptions {
    const openrc = join(this.lab.paths.node('control').state, 'admin-openrc');
    return { netns: this.lab.network.netns('control'), openrc, settings, home: this.#home };
  }
}
