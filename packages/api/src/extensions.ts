/** An extension of Neutron's API as `/v2.0/extensions` shows it; clients look for the alias and then use what it stands for. */
export type ExtensionView = Readonly<{ alias: string; name: string; description: string; updated: string; links: readonly never[] }>;

/**
 * What this API obeys, by alias (neutron-api.md §3): an alias that is not here makes clients leave its feature alone, so it is added
 * together with what it obliges, and with its proof in the test of the routes.
 */
const OBEYED: Readonly<Record<string, string>> = {
  agent: 'Nodes are shown as agents',
  'allowed-address-pairs': 'Ports may send as further addresses',
  'auto-allocated-topology': 'A network, a subnet and a router for a project that describes none',
  availability_zone: 'Zones are shown; there is one',
  'default-subnetpools': 'Subnets that name no pool can be of the default one',
  binding: 'Ports are bound to hosts, and show what becomes of it',
  'dns-domain-ports': 'Ports have a domain of their own for their names',
  'dns-integration': 'Ports and floating IPs have names, which the gateways of their project tell',
  'empty-string-filtering': 'A filter with an empty value finds what is empty',
  'expose-port-forwarding-in-fip': 'Floating IPs show their port forwardings',
  'ext-gw-mode': 'Source NAT of a router can be switched off',
  'external-net': 'Networks can be external (`router:external`)',
  extra_dhcp_opt: 'Ports have DHCP options of their own',
  extraroute: 'Routers have static routes',
  'extraroute-atomic': 'Static routes are added and removed one by one',
  'filter-validation': 'A filter by what cannot be filtered by is refused',
  'fip-port-details': 'Floating IPs show the port that they lead to',
  'floating-ip-port-forwarding': 'Ports of a floating IP can lead to ports of several workloads',
  'floating-ip-port-forwarding-description': 'Port forwardings have a description',
  'floating-ip-port-forwarding-port-ranges': 'Port forwardings can be of port ranges',
  'ip-substring-filtering': 'Ports are found by a part of an address',
  'l3-port-ip-change-not-allowed': 'Interfaces of routers keep their addresses',
  'net-mtu': 'Networks show their MTU',
  'net-mtu-writable': 'The MTU of a network can be chosen and changed',
  'network-ip-availability': 'How many addresses networks have left',
  pagination: 'Lists come in pages',
  'port-mac-address-regenerate': 'A port can be given another MAC address, made up',
  'port-security': 'Anti-spoofing and security groups can be switched off, by port and by network',
  'port-security-groups-filtering': 'Ports are found by their security groups',
  'project-id': 'Objects show their owner as `project_id`, too',
  provider: 'Administrators choose and see the segmentation id of a network',
  'quota-check-limit': 'A limit below what is in use can be refused',
  quota_details: 'Quotas show what is in use',
  quotas: 'How many of each a project may have',
  'rbac-policies': 'Networks can be shared with projects one by one',
  'revision-if-match': 'A write can be bound to a revision with If-Match',
  router: 'Routers, and floating IPs through them',
  'security-group': 'Security groups and their rules',
  'security-groups-normalized-cidr': 'Security group rules show the prefix that they mean',
  sorting: 'Lists are sorted as asked for',
  'standard-attr-description': 'Objects have a description',
  'standard-attr-revisions': 'Objects show a revision number',
  'standard-attr-tag': 'Objects have tags',
  'standard-attr-timestamp': 'Objects show when they were made and changed',
  'stateful-security-group': 'Security groups can be stateless',
  subnet_allocation: 'Subnet pools give subnets their prefixes',
  'subnet-service-types': 'Subnets can be kept for ports of some owners',
  'tag-ports-during-bulk-creation': 'Ports are made with their tags',
};

/** By alias. */
export const EXTENSIONS: ReadonlyMap<string, ExtensionView> = new Map(
  Object.entries(OBEYED).map(([alias, description]) => [
    alias,
    { alias, name: alias, description, updated: '2026-11-20T00:00:00-00:00', links: [] },
  ]),
);
