import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cidr6 } from '@weft/core/cidr6';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Ipv6 } from '@weft/core/ipv6';
import type { GatewayBody, GatewaySubnet6 } from '@weft/core/plan/gateway';
import type { ConcentratorId } from '@weft/core/uuid';
import { decodeDhcp } from '@weft/core/packet/dhcp';
import * as fc from 'fast-check';
import { dhcpHost, gatewayBody, temporaryDirectory, testId, testMac, VNI } from '../test-support.ts';
import { dnsDomainOf } from './dns-domain.ts';
import { encodeDhcpRelease } from './dhcp-release.ts';
import { dnsmasqCommand, DnsmasqMissing, requireDnsmasq } from './dnsmasq-command.ts';
import { hostFileContent, nameFileContent } from './hosts-directory.ts';
import { ownOptionsContent } from './own-options.ts';
import { parseLeaseFile } from './lease-file.ts';

const PATHS = {
  hostsDirectory: '/run/hosts',
  namesDirectory: '/run/names',
  configurationFile: '/run/own.conf',
  leaseFile: '/var/leases',
  domain: 'weft.internal',
};

test('each served subnet has a range of its own that tags its options', () => {
  const body = gatewayBody(9);
  const [segment] = body.segments;
  const extra = { cidr: '10.9.0.0/22' as never, gatewayIp: '10.9.0.1' as Ipv4, dhcp: true, dnsNameservers: [] };
  const command = dnsmasqCommand({ ...body, segments: [{ ...segment!, subnets: [...segment!.subnets, extra] }] }, PATHS);
  assert.equal(command?.[0], 'dnsmasq');
  assert.deepEqual(command?.slice(-9), [
    '--interface=seg10001',
    '--dhcp-range=set:v10001n0,10.0.0.0,static,255.255.255.0,1h',
    '--dhcp-option=tag:v10001n0,3,10.0.0.1',
    '--dhcp-option=tag:v10001n0,26,1450',
    '--dhcp-option=tag:v10001n0,6,192.0.2.53',
    '--dhcp-range=set:v10001n1,10.9.0.0,static,255.255.252.0,1h',
    '--dhcp-option=tag:v10001n1,3,10.9.0.1',
    '--dhcp-option=tag:v10001n1,26,1450',
    '--dhcp-option=tag:v10001n1,6,10.9.0.1',
  ]);
  assert.ok(command?.includes('--dhcp-hostsdir=/run/hosts') && command.includes('--dhcp-leasefile=/var/leases'));
});

test('a server that is no way on names the one that is, or none, and its leases are short', () => {
  const body = gatewayBody(9);
  const optionsOf = (routers: readonly Ipv4[]): readonly string[] => {
    const hostRoutes = [{ destination: '172.16.0.0/12' as never, nexthop: '10.0.0.9' as Ipv4 }];
    const segments = body.segments.map((segment) => ({
      ...segment,
      subnets: segment.subnets.map((subnet) => ({ ...subnet, gatewayIp: '10.0.0.7' as Ipv4, hostRoutes, routers, leaseMinutes: 2 })),
    }));
    return dnsmasqCommand({ ...body, segments }, PATHS) ?? [];
  };
  const none = optionsOf([]);
  assert.ok(none.includes('--dhcp-option=tag:v10001n0,3') && none.includes('--dhcp-option=tag:v10001n0,121,172.16.0.0/12,10.0.0.9'));
  assert.ok(none.some((option) => option.startsWith('--dhcp-range=') && option.endsWith(',2m')));
  const another = optionsOf(['10.0.0.1' as Ipv4]);
  for (const option of ['3,10.0.0.1', '121,172.16.0.0/12,10.0.0.9,0.0.0.0/0,10.0.0.1'])
    assert.ok(another.includes(`--dhcp-option=tag:v10001n0,${option}`), option);
});

test('of IPv6 each subnet is advertised or leased as it says, and one that cannot be is left out', () => {
  const body = gatewayBody(9);
  const subnet = { cidr: 'fd00:1::/64' as Cidr6, gatewayIp: 'fd00:1::1' as Ipv6, dhcp: true, dnsNameservers: [] };
  const command = (...subnets6: readonly GatewaySubnet6[]): readonly string[] =>
    (dnsmasqCommand({ ...body, segments: body.segments.map((segment) => ({ ...segment, subnets: [], subnets6 })) }, PATHS) ?? []).filter(
      (option) => /ra$|dhcp-(range|option)/.test(option),
    );
  const dnsNameservers = ['fd00:1::53' as Ipv6, 'fd00:1::54' as Ipv6];
  assert.deepEqual(command({ ...subnet, advertise: 'slaac' }), ['--dhcp-range=set:v10001s0,fd00:1::,ra-only,64']);
  assert.deepEqual(command({ ...subnet, advertise: 'dhcpv6-stateless' }), ['--dhcp-range=set:v10001s0,fd00:1::,ra-stateless,64']);
  assert.deepEqual(command({ ...subnet, advertise: 'dhcpv6-stateful', dnsNameservers }), [
    '--enable-ra',
    '--dhcp-range=set:v10001s0,fd00:1::,static,64,1h',
    '--dhcp-option=tag:v10001s0,option6:dns-server,[fd00:1::53],[fd00:1::54]',
  ]);
  assert.deepEqual(command(subnet), ['--dhcp-range=set:v10001s0,fd00:1::,static,64,1h'], 'leased, not advertised');
  assert.deepEqual(command({ ...subnet, dhcp: false }), [], 'neither');
  assert.deepEqual(command({ ...subnet, cidr: 'fd00::/48' as Cidr6 }), [], 'too short');
  assert.deepEqual(command({ ...subnet, cidr: 'fd00::/80' as Cidr6, advertise: 'slaac' }), [], 'nobody makes addresses there');
});

test('a gateway without DHCP serves names only, and one without subnets needs no server', () => {
  const body = gatewayBody(9);
  const without: GatewayBody = {
    ...body,
    segments: body.segments.map((segment) => ({ ...segment, subnets: segment.subnets.map((subnet) => ({ ...subnet, dhcp: false })) })),
  };
  const command = dnsmasqCommand(without, PATHS) ?? [];
  assert.ok(command.includes('--port=53') && command.includes('--interface=seg10001'));
  assert.deepEqual(
    command.filter((option) => option.startsWith('--dhcp-range')),
    [],
  );
  assert.equal(dnsmasqCommand({ ...body, segments: [] }, PATHS), undefined);
});

test('nobody but the servers that the subnets name is asked, and nothing of the machine is told', () => {
  const body = gatewayBody(9);
  const command = dnsmasqCommand(body, PATHS) ?? [];
  for (const option of ['--no-hosts', '--no-resolv', '--local=/weft.internal/', '--server=192.0.2.53', '--dhcp-ignore-names'])
    assert.ok(command.includes(option), option);
  const segments = body.segments.map((segment) => ({
    ...segment,
    subnets: segment.subnets.map((subnet) => ({ ...subnet, dnsNameservers: [] })),
  }));
  assert.deepEqual(
    dnsmasqCommand({ ...body, segments }, PATHS)?.filter((option) => option.startsWith('--server')),
    [],
  );
});

test('a name is told with and without its domain; one that is none does not get into the file', () => {
  const body = { concentratorId: testId<ConcentratorId>(9), vni: VNI, address: '10.0.0.11' as Ipv4, name: 'web' };
  assert.equal(nameFileContent(body, 'weft.internal'), '10.0.0.11 web.weft.internal web\n');
  for (const name of ['', 'a b', 'a\nb', '-a', '#', 'a'.repeat(64), 'a..b']) {
    assert.equal(nameFileContent({ ...body, name }, 'weft.internal'), '', JSON.stringify(name));
  }
});

test('a name has its own domain first, and a whole one is not put into another', () => {
  const body = { concentratorId: testId<ConcentratorId>(9), vni: VNI, address: '10.0.0.11' as Ipv4, name: 'web' };
  const own = { ...body, domain: 'red.example.' };
  const rows = [
    [own, '10.0.0.11 web.red.example web.weft.internal web\n'],
    [{ ...own, name: 'web.red.example.' }, '10.0.0.11 web.red.example web.weft.internal web\n'],
    [{ ...body, name: 'web.weft.internal.' }, '10.0.0.11 web.weft.internal web\n'],
    [{ ...own, name: 'web.blue.example.' }, '10.0.0.11 web.blue.example\n'],
    [{ ...own, domain: 'a b.' }, ''],
  ] as const;
  for (const [given, expected] of rows) assert.equal(nameFileContent(given, 'weft.internal'), expected, JSON.stringify(given));
});

test('a host’s own options are selected by its tag; what could mean something else to dnsmasq is left out', () => {
  const host = dhcpHost(9, '10.0.0.11', testMac(11));
  const good = {
    ...host,
    options: [
      { name: 'ntp-server', value: '10.0.0.1,10.0.0.2' },
      { name: '249', value: '' },
    ],
  };
  assert.deepEqual(ownOptionsContent(good).split('\n'), [
    'dhcp-host=02:00:00:00:00:0b,set:h10001-10.0.0.11,10.0.0.11,host-10-0-0-11',
    'dhcp-option=tag:h10001-10.0.0.11,option:ntp-server,10.0.0.1,10.0.0.2',
    'dhcp-option=tag:h10001-10.0.0.11,249',
    '',
  ]);
  const bad = ['a\nb', 'a"b', 'a\\b', 'a#b', 'ä'].map((value) => ({ name: 'bootfile-name', value }));
  for (const options of [...bad, { name: 'tag:x', value: '1' }, { name: 'a,b', value: '1' }, { name: '', value: '1' }].map((each) => [
    each,
  ])) {
    assert.equal(ownOptionsContent({ ...host, options }), '', JSON.stringify(options));
  }
});

test('the domain of tenants is the configured one, or the default; what cannot be one is refused by its path', () => {
  assert.equal(dnsDomainOf({ dns_domain: 'Cloud.Example' }), 'cloud.example');
  for (const weft of [{}, undefined, { mtu: 1450 }]) assert.equal(dnsDomainOf(weft), 'weft.internal');
  for (const bad of ['', 'a b', '.', 'a/b', 7]) assert.throws(() => dnsDomainOf({ dns_domain: bad }), /configure\.weft\.dns_domain/);
});

test('a machine without dnsmasq is told which package to install', () => {
  using empty = temporaryDirectory();
  assert.throws(
    () => requireDnsmasq(`${empty.path}:/does/not/exist`),
    (error: unknown) => {
      assert.ok(error instanceof DnsmasqMissing);
      assert.match(error.remedy ?? '', /dnsmasq-base/);
      return true;
    },
  );
});

test('a host name that is none does not get into the configuration', () => {
  const host = dhcpHost(9, '10.0.0.11', testMac(11));
  assert.equal(hostFileContent(host), '02:00:00:00:00:0b,10.0.0.11,host-10-0-0-11\n');
  for (const hostname of ['', 'a,b', 'a\nb', '-a', 'a'.repeat(64), 'ignore ']) {
    assert.equal(hostFileContent({ ...host, hostname }), '02:00:00:00:00:0b,10.0.0.11\n', JSON.stringify(hostname));
  }
});

test('a lease file gives its IPv4 leases and passes over the rest', () => {
  const text = [
    '1754000000 02:00:00:00:00:0b 10.0.0.11 host-10-0-0-11 01:02:00:00:00:00:0b',
    '1754000000 02:00:00:00:00:0c 10.0.0.12 * *',
    'duid 00:01:00:01',
    '1754000000 1234 fd00::1 * 00:01',
    'nonsense',
    '',
  ].join('\n');
  assert.deepEqual(
    parseLeaseFile(text).map(({ address, mac, clientId }) => [address, mac, clientId]),
    [
      ['10.0.0.11', '02:00:00:00:00:0b', Uint8Array.of(1, 2, 0, 0, 0, 0, 11)],
      ['10.0.0.12', '02:00:00:00:00:0c', undefined],
    ],
  );
});

test('property: no lease file, however damaged, is an error', () => {
  const word = fc.oneof(fc.string(), fc.constantFrom('1754000000', '02:00:00:00:00:0b', '10.0.0.11', '*', '01:0', 'ff:ff'));
  fc.assert(
    fc.property(fc.array(fc.array(word, { maxLength: 6 })), (lines) => {
      const text = lines.map((line) => line.join(' ')).join('\n');
      for (const { line } of parseLeaseFile(text)) assert.ok(text.includes(line));
    }),
  );
});

test('a release is a message of the old client to the server', () => {
  const release = { address: '10.0.0.11' as Ipv4, mac: testMac(11), server: '10.0.0.1' as Ipv4 };
  for (const clientId of [undefined, Uint8Array.of(1, 2, 3)]) {
    const message = decodeDhcp(encodeDhcpRelease({ ...release, clientId }, 0x01020304));
    assert.equal(message?.op, 'request');
    assert.equal(message.transactionId, 0x01020304);
    assert.equal(message.clientAddress, '10.0.0.11');
    assert.equal(message.hardwareAddress, testMac(11));
    assert.deepEqual(message.options, {
      messageType: 'release',
      server: '10.0.0.1',
      ...(clientId === undefined ? {} : { clientIdentifier: clientId }),
    });
  }
});
