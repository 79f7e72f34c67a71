import { Buffer } from 'node:buffer';
import { cidrNetmask, cidrNetwork, cidrOf } from '@weft/core/cidr';
import { isIpv4 } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import { hostName } from '@weft/core/plan/host-name';
import type { InstanceBody } from '@weft/core/plan/instance';

/** Who asks: an instance, and the domain that its name ends with. */
export type MetadataSubject = Readonly<{ instance: InstanceBody; domain: string }>;

export type MetadataContent = Readonly<{ type: 'text/plain' | 'application/json' | 'application/octet-stream'; body: Buffer }>;

/** A file, or a directory of them. */
type Entry = MetadataContent | ReadonlyMap<string, Entry>;

/** Those of which cloud-init takes the newest that it knows. Each has the same in it. */
const EC2_VERSIONS = ['2009-04-04', 'latest'];
const OPENSTACK_VERSIONS = ['2018-08-27', 'latest'];
/** The only one, as the API shows it. */
const AVAILABILITY_ZONE = 'nova';

/**
 * What is at a path, as EC2 (`/latest/…`) and OpenStack (`/openstack/latest/…`) have it; undefined: nothing. A directory is a list of its
 * names. It depends on nothing but the asker's own instance. Source: docs.openstack.org/nova/latest/user/metadata.html, cloud-init's
 * data sources `Ec2` and `OpenStack`.
 */
export function metadataAt(subject: MetadataSubject, path: string): MetadataContent | undefined {
  let entry: Entry | undefined = rootOf(subject);
  for (const name of path.split('/').filter((part) => part !== '')) {
    entry = entry instanceof Map ? (entry as ReadonlyMap<string, Entry>).get(name) : undefined;
  }
  if (entry === undefined || !(entry instanceof Map)) return entry as MetadataContent | undefined;
  return text([...(entry as ReadonlyMap<string, Entry>)].map(([name, child]) => (child instanceof Map ? `${name}/` : name)).join('\n'));
}

function rootOf(subject: MetadataSubject): Entry {
  const userData = subject.instance.userData === undefined ? undefined : bytes(Buffer.from(subject.instance.userData, 'base64'));
  const ec2 = directory({ 'meta-data': ec2Of(subject), 'user-data': userData });
  const openstack = directory({
    'meta_data.json': json(metaDataOf(subject)),
    'network_data.json': json(networkDataOf(subject)),
    user_data: userData,
    'vendor_data.json': json({}),
  });
  return new Map<string, Entry>([
    ...EC2_VERSIONS.map((version) => [version, ec2] as const),
    ['openstack', new Map(OPENSTACK_VERSIONS.map((version) => [version, openstack]))],
  ]);
}

function ec2Of({ instance, domain }: MetadataSubject): Entry {
  const addresses = addressesOf(instance);
  const name = hostNameOf(instance, domain);
  const publicIps = instance.publicIps ?? [];
  const list = (items: readonly string[]): MetadataContent | undefined => (items.length === 0 ? undefined : text(items.join('\n')));
  return directory({
    hostname: text(name),
    'instance-id': text(instance.instanceId),
    'local-hostname': text(name),
    'local-ipv4': list(addresses.slice(0, 1)),
    mac: text(instance.mac),
    network: directory({
      interfaces: directory({
        macs: directory({
          [instance.mac]: directory({
            'device-number': text('0'),
            'interface-id': text(instance.portId),
            'local-hostname': text(name),
            'local-ipv4s': list(addresses),
            mac: text(instance.mac),
            'public-ipv4s': list(publicIps),
          }),
        }),
      }),
    }),
    placement: directory({ 'availability-zone': text(AVAILABILITY_ZONE) }),
    'public-ipv4': list(publicIps.slice(0, 1)),
  });
}

function metaDataOf({ instance, domain }: MetadataSubject): unknown {
  return {
    uuid: instance.instanceId,
    name: instance.name,
    hostname: hostNameOf(instance, domain),
    project_id: instance.tenantId,
    availability_zone: AVAILABILITY_ZONE,
    launch_index: 0,
    devices: [],
  };
}

/** Of IPv4 only, as the service itself. */
function networkDataOf({ instance }: MetadataSubject): unknown {
  const { portId, networkId, mac, mtu, addressing } = instance;
  const addresses = instance.addresses.flatMap(({ address, prefixLength }) => (isIpv4(address) ? [{ address, prefixLength }] : []));
  const common = { link: portId, network_id: networkId };
  return {
    links: [{ id: portId, vif_id: portId, type: 'phy', ethernet_mac_address: mac, mtu }],
    networks:
      addressing === 'dhcp'
        ? [{ id: 'network0', type: 'ipv4_dhcp', ...common }]
        : addresses.map(({ address, prefixLength }, at) => ({
            id: `network${at}`,
            type: 'ipv4',
            ...common,
            ip_address: address,
            netmask: cidrNetmask(cidrOf(address, prefixLength)),
            routes: at === 0 ? routesOf(instance) : [],
          })),
    services: [],
  };
}

function routesOf({ gateway, routes = [] }: InstanceBody): unknown[] {
  const others = routes.map(({ destination, nexthop }) => ({
    network: cidrNetwork(destination),
    netmask: cidrNetmask(destination),
    gateway: nexthop,
  }));
  return gateway === undefined ? others : [{ network: '0.0.0.0', netmask: '0.0.0.0', gateway }, ...others];
}

const addressesOf = (instance: InstanceBody): readonly Ipv4[] => instance.addresses.map(({ address }) => address).filter(isIpv4);

/** As the tenant's name server has it. */
function hostNameOf(instance: InstanceBody, domain: string): string {
  const [address] = instance.addresses;
  return address === undefined ? instance.instanceId : `${hostName(instance.name, address.address)}.${domain}`;
}

function directory(entries: Readonly<Record<string, Entry | undefined>>): Entry {
  return new Map(Object.entries(entries).filter((entry): entry is [string, Entry] => entry[1] !== undefined));
}

const text = (content: string): MetadataContent => ({ type: 'text/plain', body: Buffer.from(content) });
const json = (value: unknown): MetadataContent => ({ type: 'application/json', body: Buffer.from(JSON.stringify(value)) });
const bytes = (body: Buffer): MetadataContent => ({ type: 'application/octet-stream', body });
