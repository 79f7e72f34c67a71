import type { Cidr } from '@weft/core/cidr';
import { parseCidr } from '@weft/core/cidr';
import type { Ipv4 } from '@weft/core/ipv4';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import { parseMac } from '@weft/core/mac';
import type { ConcentratorId, InstanceId, NodeId, PortId, TenantId } from '@weft/core/uuid';
import { InvalidValue } from '@weft/core/weft-error';
import { PayloadMap } from '../payload-map.ts';

export type StartNetworking = Readonly<{
  vnic_mac: Mac | undefined;
  vnic_uuid: PortId | undefined;
  concentrator_uuid: ConcentratorId | undefined;
  concentrator_ip: Ipv4 | undefined;
  subnet: Cidr | undefined;
  private_ip: Ipv4 | undefined;
}>;

export type StartStorage = Readonly<{
  id: string;
  boot: boolean;
  ephemeral: boolean;
  /** Local volumes count against the node's disk. */
  local: boolean;
  swap: boolean;
  /** GiB. */
  size: number;
}>;

export type StartRequirements = Readonly<{
  mem_mb: number;
  vcpus: number;
  /** Pins the instance to a node. */
  node_id?: NodeId | undefined;
  /** Pins it by host name. */
  hostname?: string | undefined;
  /** A concentrator: it goes to a network node. */
  network_node: boolean;
  privileged: boolean;
}>;

/** COMMAND START under `start:` (ssntp.md §11.2): asks the scheduler for a place; it is not forwarded (design §4). */
export type Start = Readonly<{
  tenant_uuid: TenantId | undefined;
  instance_uuid: InstanceId;
  docker_image: string;
  fw_type: 'efi' | 'legacy' | '';
  vm_type: 'qemu' | 'docker' | '';
  networking: StartNetworking | undefined;
  requirements: StartRequirements;
  storage: readonly StartStorage[];
  restart: boolean;
}>;

export function parseStart(value: unknown): Start {
  const map = new PayloadMap(value, 'payload').map('start');
  return {
    tenant_uuid: map.optionalUuid<TenantId>('tenant_uuid'),
    instance_uuid: map.uuid<InstanceId>('instance_uuid'),
    docker_image: map.string('docker_image'),
    fw_type: map.oneOf('fw_type', ['efi', 'legacy', '']),
    vm_type: map.oneOf('vm_type', ['qemu', 'docker', '']),
    networking: map.has('networking') ? parseNetworking(map.map('networking')) : undefined,
    requirements: parseRequirements(map.map('requirements')),
    storage: map.list('storage', parseStorage),
    restart: map.boolean('restart'),
  };
}

/**
 * START's payload may hold cloud-init user data and meta data beside the start map, as documents of their own in any order: one to three in
 * all, and of the others the first is user data. Takes what `decodeDocuments` returns. Throws InvalidValue.
 */
export function parseStartDocuments(documents: readonly unknown[]): Readonly<{ start: Start; userData: unknown; metaData: unknown }> {
  if (documents.length < 1 || documents.length > 3) throw new InvalidValue('START documents', documents.length, 'are not one to three');
  const starts = documents.filter(isStartDocument);
  if (starts.length !== 1) throw new InvalidValue('START documents with a start map', starts.length, 'are not exactly one');
  const [userData, metaData] = documents.filter((document) => !isStartDocument(document));
  return { start: parseStart(starts[0]), userData, metaData };
}

function isStartDocument(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, 'start');
}

function parseNetworking(map: PayloadMap): StartNetworking {
  return {
    vnic_mac: map.optionalParsed('vnic_mac', parseMac),
    vnic_uuid: map.optionalUuid<PortId>('vnic_uuid'),
    concentrator_uuid: map.optionalUuid<ConcentratorId>('concentrator_uuid'),
    concentrator_ip: map.optionalParsed('concentrator_ip', parseIpv4),
    subnet: map.optionalParsed('subnet', parseCidr),
    private_ip: map.optionalParsed('private_ip', parseIpv4),
  };
}

function parseRequirements(map: PayloadMap): StartRequirements {
  return {
    mem_mb: map.integer('mem_mb', 0),
    vcpus: map.integer('vcpus', 0),
    node_id: map.optionalUuid<NodeId>('node_id'),
    hostname: map.string('hostname') || undefined,
    network_node: map.boolean('network_node'),
    privileged: map.boolean('privileged'),
  };
}

function parseStorage(value: unknown, path: string): StartStorage {
  const map = new PayloadMap(value, path);
  return {
    id: map.requiredString('id'),
    boot: map.boolean('boot'),
    ephemeral: map.boolean('ephemeral'),
    local: map.boolean('local'),
    swap: map.boolean('swap'),
    size: map.integer('size', 0),
  };
}
