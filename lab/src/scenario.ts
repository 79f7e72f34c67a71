/**
 * Two tenants who know nothing of each other and have chosen the very same addresses – IP and MAC alike.
 *
 *                 compute1                    compute2
 *     red    alpha .11  bravo .12        charlie .13  dhcp .14     mesh: nodes talk directly
 *     blue   alpha .11  bravo .12        charlie .13               concentrator: by way of the network node
 *     red    open1 .21                   open2 .22                 ports without port security: where forged frames may arrive,
 *     blue                               open2 .22                 and strangers
 *     both                               annex 10.0.1.11           on a second subnet of the same network
 *     both                               ruby, sapphire 10.1.0.11  on a network of its own, of the tenants' names for it alone
 *
 * Made through the REST API alone, each tenant with its own token; only the topology is the administrator's to choose.
 */
import { join } from 'node:path';
import type { WeftClient } from '@weft/api/client';
import { parseCidr } from '@weft/core/cidr';
import type { Cidr } from '@weft/core/cidr';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { parseMac } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import type { Topology as NetworkTopology } from '@weft/core/resource';
import { parseUuid } from '@weft/core/uuid';
import type { ConcentratorId, InstanceId, NetworkId, PortId, SubnetId, TenantId } from '@weft/core/uuid';
import { parseVni } from '@weft/core/vni';
import type { Vni } from '@weft/core/vni';
import { workloadPlace } from '@weft/dataplane/names';
import { netnsIsPinned } from '@weft/sys/netns';
import type { Lab } from './cluster.ts';
import type { LabNodeName } from './topology.ts';
import { waitFor } from './wait.ts';

export const TENANT_CIDR = parseCidr('10.0.0.0/24');
export const TENANT_GATEWAY = parseIpv4('10.0.0.1');
const ANNEX_CIDR = parseCidr('10.0.1.0/24');
export const BACK_CIDR = parseCidr('10.1.0.0/24');
/** Runs until it is told to stop. */
const WORKLOAD_COMMAND = ['sleep', 'infinity'];
const ACTIVE_MS = 30_000;

export type TenantName = 'red' | 'blue';

export type WorkloadSpec = Readonly<{
  name: string;
  node: LabNodeName;
  ip: Ipv4;
  mac: Mac;
  addressing: 'static' | 'dhcp';
  portSecurity: boolean;
  /** Where it lives: on the tenant's first subnet, the second one of the same network, or the second network. */
  segment: 'front' | 'annex' | 'back';
  /** What its metadata service tells it besides, in base64. */
  userData?: string;
}>;

/** A workload that runs. */
export type Workload = WorkloadSpec & Readonly<{ tenant: TenantName; instanceId: InstanceId; portId: PortId }>;

export type LabTenant = Readonly<{
  name: TenantName;
  id: TenantId;
  token: string;
  client: WeftClient;
  networkId: NetworkId;
  subnetId: SubnetId;
  cidr: Cidr;
  vni: Vni;
  topology: NetworkTopology;
  concentratorId: ConcentratorId;
  /** The address that the outside sees. */
  uplinkAddress: Ipv4;
  workloads: ReadonlyMap<string, Workload>;
}>;

export type Scenario = Readonly<Record<TenantName, LabTenant>> & Readonly<{ outsideNetworkId: NetworkId }>;

/** What a port is made on. */
type Fabric = Readonly<{ networkId: NetworkId; subnetId: SubnetId }>;

export function workloadSpec(
  name: string,
  node: LabNodeName,
  last: number,
  options: Readonly<{ addressing?: 'dhcp'; portSecurity?: false }> = {},
): WorkloadSpec {
  return {
    name,
    node,
    ip: parseIpv4(`10.0.0.${last}`),
    mac: parseMac(`02:00:0a:00:00:${last.toString().padStart(2, '0')}`),
    addressing: options.addressing ?? 'static',
    portSecurity: options.portSecurity ?? true,
    segment: 'front',
  };
}

const COMMON = [workloadSpec('alpha', 'compute1', 11), workloadSpec('bravo', 'compute1', 12), workloadSpec('charlie', 'compute2', 13)];

const OPEN2 = workloadSpec('open2', 'compute2', 22, { portSecurity: false });
const ANNEX: WorkloadSpec = {
  ...workloadSpec('annex', 'compute2', 15),
  segment: 'annex',
  ip: parseIpv4('10.0.1.11'),
};
/** Each tenant calls its own by a name that the other has not. */
const BACK: WorkloadSpec = { ...workloadSpec('back', 'compute2', 11), segment: 'back', ip: parseIpv4('10.1.0.11') };
export const BACK_NAMES: Readonly<Record<TenantName, string>> = { red: 'ruby', blue: 'sapphire' };

const WORKLOADS: Readonly<Record<TenantName, readonly WorkloadSpec[]>> = {
  red: [
    ...COMMON,
    workloadSpec('dhcp', 'compute2', 14, { addressing: 'dhcp' }),
    workloadSpec('open1', 'compute1', 21, { portSecurity: false }),
    OPEN2,
    ANNEX,
    { ...BACK, name: BACK_NAMES.red },
  ],
  blue: [...COMMON, OPEN2, ANNEX, { ...BACK, name: BACK_NAMES.blue }],
};

const TOPOLOGIES: Readonly<Record<TenantName, NetworkTopology>> = { red: 'mesh', blue: 'concentrator' };

/** Makes both tenants, and waits until every workload runs and its port works. Throws ApiError, DeadlinePassed. */
export async function weave(lab: Lab, deps: Readonly<{ progress: (text: string) => void }>): Promise<Scenario> {
  const [red, blue, outsideNetworkId] = await Promise.all([weaveTenant(lab, 'red'), weaveTenant(lab, 'blue'), createOutside(lab)]);
  await lab.publishTokens({ red: red.token, blue: blue.token });
  const workloads = red.workloads.size + blue.workloads.size;
  deps.progress(`wove two tenants with the same addresses (${TENANT_CIDR}), ${workloads} workloads on two nodes`);
  return { red, blue, outsideNetworkId };
}

/** The world outside as the administrator describes it: the provider's network, and which addresses of it tenants may have. */
async function createOutside(lab: Lab): Promise<NetworkId> {
  const admin = lab.client();
  const { uplink, publicAddresses } = lab.topology;
  const network = await admin.networks.create({ name: 'outside', 'router:external': true });
  await admin.subnets.create({
    name: 'public',
    network_id: network.id,
    cidr: uplink.cidr,
    ip_version: 4,
    gateway_ip: uplink.gateway,
    enable_dhcp: false,
    allocation_pools: [{ start: publicAddresses.first, end: publicAddresses.last }],
  });
  return parseUuid<NetworkId>(network.id);
}

async function weaveTenant(lab: Lab, name: TenantName): Promise<LabTenant> {
  const admin = lab.client();
  const { id, token } = await admin.tenants.create({ name });
  const client = lab.client(token);
  const network = await admin.networks.create({ name: 'net', tenant_id: id, 'weft:topology': TOPOLOGIES[name] });
  const back = await admin.networks.create({ name: 'back', tenant_id: id, 'weft:topology': TOPOLOGIES[name] });
  const fabrics = {
    front: await createSubnet(client, 'subnet', network.id, TENANT_CIDR),
    annex: await createSubnet(client, 'annex', network.id, ANNEX_CIDR),
    back: await createSubnet(client, 'back', back.id, BACK_CIDR),
  };
  const workloads = new Map<string, Workload>();
  for (const spec of WORKLOADS[name]) workloads.set(spec.name, await createWorkload(lab, client, name, fabrics[spec.segment], spec));
  for (const workload of workloads.values()) await workloadActive(lab, client, workload);
  const concentrator = await concentratorActive(lab, parseUuid<TenantId>(id));
  return {
    name,
    id: parseUuid<TenantId>(id),
    token,
    client,
    ...fabrics.front,
    cidr: TENANT_CIDR,
    vni: parseVni(network['provider:segmentation_id']),
    topology: TOPOLOGIES[name],
    ...concentrator,
    workloads,
  };
}

async function createSubnet(client: WeftClient, name: string, networkId: string, cidr: Cidr): Promise<Fabric> {
  const subnet = await client.subnets.create({ name, network_id: networkId, cidr, ip_version: 4 });
  return { networkId: parseUuid<NetworkId>(networkId), subnetId: parseUuid<SubnetId>(subnet.id) };
}

/** Makes a port and an instance on it. It is not waited for. */
export async function createWorkload(
  lab: Lab,
  client: WeftClient,
  tenant: TenantName,
  fabric: Fabric,
  spec: WorkloadSpec,
): Promise<Workload> {
  const port = await client.ports.create({
    name: spec.name,
    network_id: fabric.networkId,
    mac_address: spec.mac,
    fixed_ips: [{ subnet_id: fabric.subnetId, ip_address: spec.ip }],
    ...(spec.portSecurity ? {} : { port_security_enabled: false, security_groups: [] }),
  });
  const instance = await client.instances.create({
    name: spec.name,
    command: WORKLOAD_COMMAND,
    port_id: port.id,
    addressing: spec.addressing,
    node_id: lab.nodeId(spec.node),
    ...(spec.userData === undefined ? {} : { user_data: spec.userData }),
  });
  return { ...spec, tenant, portId: parseUuid<PortId>(port.id), instanceId: parseUuid<InstanceId>(instance.id) };
}

/** Waits until the workload runs and its port is up on its node and its gateway. */
export async function workloadActive(
  lab: Lab,
  client: WeftClient,
  workload: Pick<Workload, 'name' | 'node' | 'instanceId' | 'portId'> & Readonly<{ tenant: string }>,
): Promise<void> {
  const what = `${workload.tenant}/${workload.name}`;
  const where = lab.daemon(workload.node).logPath;
  await waitFor({ expected: `${what} to be active on ${workload.node}`, withinMs: ACTIVE_MS, where, signal: lab.signal }, async () => {
    lab.checkDaemons();
    const instance = await client.instances.show(workload.instanceId);
    if (instance.status !== 'active')
      return { seen: `instance ${instance.status}${instance.error === null ? '' : `: ${instance.error.message}`}` };
    const port = await client.ports.show(workload.portId);
    return port.status === 'ACTIVE' ? { done: undefined } : { seen: `instance active, port ${port.status}` };
  });
}

/** Deletes a workload's instance and port, and waits until its node has forgotten the instance. */
export async function deleteWorkload(lab: Lab, client: WeftClient, workload: Workload): Promise<void> {
  await client.instances.delete(workload.instanceId);
  await client.ports.delete(workload.portId);
  const pin = workloadPin(lab, workload);
  await waitFor(
    {
      expected: `${workload.name} to be gone from ${workload.node}`,
      withinMs: ACTIVE_MS,
      where: lab.daemon(workload.node).logPath,
      signal: lab.signal,
    },
    () => (netnsIsPinned(pin) ? { seen: `its namespace ${pin}` } : { done: undefined }),
  );
}

async function concentratorActive(
  lab: Lab,
  tenantId: TenantId,
): Promise<Readonly<{ concentratorId: ConcentratorId; uplinkAddress: Ipv4 }>> {
  const where = lab.daemon('control').logPath;
  return waitFor({ expected: 'the tenant’s concentrator to be active', withinMs: ACTIVE_MS, where, signal: lab.signal }, async () => {
    lab.checkDaemons();
    const found = (await lab.client().concentrators.list()).find((each) => each.tenant_id === tenantId);
    if (found === undefined) return { seen: 'none' };
    if (found.status !== 'active' || found.uplink_address === null)
      return { seen: `${found.status}: ${found.error?.message ?? 'no error'}` };
    return { done: { concentratorId: parseUuid<ConcentratorId>(found.id), uplinkAddress: parseIpv4(found.uplink_address) } };
  });
}

/** Where the workload's namespace is pinned on its node. */
export function workloadPin(lab: Lab, workload: Pick<Workload, 'node' | 'instanceId'>): string {
  return join(lab.paths.node(workload.node).run, 'netns', workloadPlace(workload.instanceId));
}
