import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Cidr } from '@weft/core/cidr';
import type { Ipv4 } from '@weft/core/ipv4';
import type { InstanceBody } from '@weft/core/plan/instance';
import type { NetworkId, TenantId } from '@weft/core/uuid';
import { instanceBody, testId } from '../test-support.ts';
import { metadataAt } from './content.ts';

const DOMAIN = 'weft.internal';
const TENANT = testId<TenantId>(0x7e);
const NETWORK = testId<NetworkId>(0x4e);

const web: InstanceBody = {
  ...instanceBody(7, ['true']),
  name: 'Web-1',
  addresses: [
    { address: '10.0.0.7' as Ipv4, prefixLength: 24 },
    { address: '10.0.1.7' as Ipv4, prefixLength: 25 },
  ],
  gateway: '10.0.0.1' as Ipv4,
  routes: [{ destination: '10.5.0.0/16' as Cidr, nexthop: '10.0.0.9' as Ipv4 }],
  tenantId: TENANT,
  networkId: NETWORK,
  publicIps: ['203.0.113.9' as Ipv4],
  userData: Buffer.from('#cloud-config\n').toString('base64'),
};

const at = (path: string, instance: InstanceBody = web): string | undefined =>
  metadataAt({ instance, domain: DOMAIN }, path)?.body.toString();
const json = (path: string, instance: InstanceBody = web): unknown => JSON.parse(at(path, instance) ?? 'null');

test('an instance is told who it is, as EC2 tells it', () => {
  const expected = {
    'instance-id': web.instanceId,
    hostname: 'web-1.weft.internal',
    'local-hostname': 'web-1.weft.internal',
    'local-ipv4': '10.0.0.7',
    'public-ipv4': '203.0.113.9',
    mac: web.mac,
    'placement/availability-zone': 'nova',
    [`network/interfaces/macs/${web.mac}/local-ipv4s`]: '10.0.0.7\n10.0.1.7',
    [`network/interfaces/macs/${web.mac}/public-ipv4s`]: '203.0.113.9',
    [`network/interfaces/macs/${web.mac}/interface-id`]: web.portId,
  };
  for (const version of ['latest', '2009-04-04'])
    for (const [path, value] of Object.entries(expected)) assert.equal(at(`/${version}/meta-data/${path}`), value, path);
  assert.equal(at('/latest/user-data'), '#cloud-config\n');
});

test('the same as OpenStack tells it', () => {
  for (const version of ['latest', '2018-08-27']) {
    assert.deepEqual(json(`/openstack/${version}/meta_data.json`), {
      uuid: web.instanceId,
      name: 'Web-1',
      hostname: 'web-1.weft.internal',
      project_id: TENANT,
      availability_zone: 'nova',
      launch_index: 0,
      devices: [],
    });
    const common = { type: 'ipv4', link: web.portId, network_id: NETWORK };
    assert.deepEqual(json(`/openstack/${version}/network_data.json`), {
      links: [{ id: web.portId, vif_id: web.portId, type: 'phy', ethernet_mac_address: web.mac, mtu: 1450 }],
      networks: [
        {
          ...common,
          id: 'network0',
          ip_address: '10.0.0.7',
          netmask: '255.255.255.0',
          routes: [
            { network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.0.0.1' },
            { network: '10.5.0.0', netmask: '255.255.0.0', gateway: '10.0.0.9' },
          ],
        },
        { ...common, id: 'network1', ip_address: '10.0.1.7', netmask: '255.255.255.128', routes: [] },
      ],
      services: [],
    });
    assert.equal(at(`/openstack/${version}/user_data`), '#cloud-config\n');
    assert.deepEqual(json(`/openstack/${version}/vendor_data.json`), {});
  }
  const dhcp = json('/openstack/latest/network_data.json', { ...web, addressing: 'dhcp' }) as { networks: { type: string }[] };
  assert.deepEqual(
    dhcp.networks.map(({ type }) => type),
    ['ipv4_dhcp'],
  );
});

test('a directory lists its names, others’ with a slash; slashes more or less make no difference', () => {
  assert.equal(at('/'), '2009-04-04/\nlatest/\nopenstack/');
  assert.equal(at('/openstack'), '2018-08-27/\nlatest/');
  assert.equal(at('//latest///'), 'meta-data/\nuser-data');
  assert.equal(at('/latest/meta-data/network/interfaces/macs/'), `${web.mac}/`);
  assert.equal(at('/latest/meta-data/mac/'), web.mac);
});

test('what there is not is absent', () => {
  const { userData, publicIps, ...bare } = web;
  assert.ok(userData !== undefined && publicIps !== undefined);
  for (const path of ['/latest/user-data', '/openstack/latest/user_data', '/latest/meta-data/public-ipv4'])
    assert.equal(at(path, bare), undefined, path);
  assert.equal(at('/latest', bare), 'meta-data/');
  for (const path of [
    '/2030-01-01',
    '/latest/meta-data/nothing',
    '/latest/meta-data/mac/more',
    '/constructor',
    '/latest/__proto__',
    '/openstack/latest/meta_data.json/x',
  ])
    assert.equal(at(path), undefined, path);
});

test('whatever is asked, only the asker’s own is told, and what a directory names is there', () => {
  const names = ['latest', 'openstack', 'meta-data', 'meta_data.json', 'user_data', '..', '%2e%2e', '', 'mac', 'toString', web.mac];
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constantFrom(...names), fc.string())), fc.integer({ min: 1, max: 254 }), (parts, n) => {
      const own = { ...web, instanceId: testId<never>(n), addresses: [{ address: `10.9.9.${n}` as Ipv4, prefixLength: 24 }] };
      const told = at(`/${parts.join('/')}`, own);
      assert.ok(told === undefined || !told.includes('10.0.0.7'), 'nothing of another');
    }),
  );
  const walk = (path: string): number => {
    const listing = at(path);
    assert.ok(listing !== undefined, path);
    return (
      1 +
      listing
        .split('\n')
        .reduce((sum, name) => sum + (name.endsWith('/') ? walk(`${path}${name}`) : Number(at(path + name) !== undefined)), 0)
    );
  };
  assert.ok(walk('/') > 40);
});
