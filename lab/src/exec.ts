import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { WeftClient } from '@weft/api/client';
import { parseUuid } from '@weft/core/uuid';
import type { InstanceId } from '@weft/core/uuid';
import { WeftError } from '@weft/core/weft-error';
import { workloadPlace } from '@weft/dataplane/names';
import { netnsIsPinned, netnsOpen, warmThreadPool } from '@weft/sys/netns';
import { labStatusOf } from './lab-info.ts';
import type { LabInfo } from './lab-info.ts';
import { labPaths } from './lab-paths.ts';
import type { LabNodeName } from './topology.ts';

/** There is no such place in the lab, or no lab. */
export class NoSuchPlace extends WeftError {
  constructor(message: string, remedy: string) {
    super('no_such_place', message, { remedy });
  }
}

export type ExecOptions = Readonly<{
  /** `red/alpha`, a workload of a tenant; `alpha` if only one tenant has it; `compute1`, a node; `compute1/fabric`. */
  where: string;
  command: readonly [string, ...string[]];
}>;

/** Runs a command in a namespace of the lab, with this process's terminal. Returns its exit code. Throws {@link NoSuchPlace}, SysError. */
export async function execInLab(options: ExecOptions, deps: Readonly<{ client: () => WeftClient }>): Promise<number> {
  await warmThreadPool();
  const { info } = labStatusOf();
  if (info === undefined) throw new NoSuchPlace('no lab runs on this machine', 'Start one with `npm start`.');
  const pin = nodePin(info, options.where) ?? (await workloadPinOf(info, deps.client(), options.where));
  if (!netnsIsPinned(pin)) throw new NoSuchPlace(`${options.where} has no namespace (yet)`, 'Look at its state with `weft instance list`.');
  using netns = netnsOpen(pin);
  const [file, ...args] = options.command;
  const child = netns.run(() => spawn(file, args, { stdio: 'inherit' }));
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new WeftError('command_not_started', `starting ${file} in ${options.where}`, { cause })));
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

function nodePin(info: LabInfo, where: string): string | undefined {
  const paths = labPaths();
  const [name, inside, ...more] = where.split('/');
  if (!info.nodes.some((node) => node.name === name) || more.length > 0) return undefined;
  if (inside === undefined) return join(paths.netns, name!);
  return inside === 'fabric' ? join(paths.node(name as LabNodeName).run, 'netns', 'fabric') : undefined;
}

async function workloadPinOf(info: LabInfo, client: WeftClient, where: string): Promise<string> {
  const [tenants, instances] = await Promise.all([client.tenants.list(), client.instances.list()]);
  const named = instances.map((instance) => ({
    instance,
    tenant: tenants.find((tenant) => tenant.id === instance.tenant_id)?.name ?? instance.tenant_id,
  }));
  const found = named.filter(({ instance, tenant }) => [instance.name, `${tenant}/${instance.name}`, instance.id].includes(where));
  const known = named.map(({ instance, tenant }) => `${tenant}/${instance.name}`).join(', ');
  const [only, another] = found;
  if (only === undefined)
    throw new NoSuchPlace(`the lab has no workload or node ${where}`, `Workloads: ${known}. Nodes: ${nodeNames(info)}.`);
  if (another !== undefined) throw new NoSuchPlace(`there are ${found.length} workloads called ${where}`, `Say whose: ${known}.`);
  const node = info.nodes.find(({ id }) => id === only.instance.node_id);
  if (node === undefined)
    throw new NoSuchPlace(`${where} has not been placed on a node yet`, 'Look at its state with `weft instance list`.');
  return join(labPaths().node(node.name as LabNodeName).run, 'netns', workloadPlace(parseUuid<InstanceId>(only.instance.id)));
}

function nodeNames(info: LabInfo): string {
  return info.nodes.map((node) => node.name).join(', ');
}
