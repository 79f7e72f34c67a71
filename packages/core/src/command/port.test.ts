import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIpv4 } from '../ip.ts';
import type { FixedIpRequest } from './fixed-ips.ts';
import * as fc from 'fast-check';
import { parseCidr } from '../cidr.ts';
import { ipv4FromNumber, ipv4ToNumber, parseIpv4 } from '../ipv4.ts';
import type { Ipv4 } from '../ipv4.ts';
import { parseMac } from '../mac.ts';
import type { Mac } from '../mac.ts';
import type { Network, Port } from '../resource.ts';
import type { Subnet } from '../subnet.ts';
import type { NetworkId, PortId, SecurityGroupId, SubnetId } from '../uuid.ts';
import { WeftError } from '../weft-error.ts';
import { placeInstance } from './instance.ts';
import { deletePort, RESERVED_MAC_PREFIX, updatePort } from './port.ts';
import type { UpdatePort } from './port.ts';
import { defaultGroupOf } from './tenant.ts';
import { assertRefused, TestCluster, testId } from './test-support.ts';

function withSubnet(
  cidr = '10.0.0.0/24',
  cluster = new TestCluster(),
): Readonly<{ cluster: TestCluster; network: Network; subnet: Subnet }> {
  const network = cluster.network(cluster.tenant().id);
  return { cluster, network, subnet: cluster.subnet(network, cidr) };
}

const ip = (text: string): Ipv4 => parseIpv4(text);
const at = (address: string, subnetId?: SubnetId): FixedIpRequest => ({ subnetId, address: ip(address) });
const addresses = (port: Port): readonly Ipv4[] => port.fixedIps.map(({ address }) => address).filter(isIpv4);

function update(cluster: TestCluster, port: Port, request: UpdatePort): Port {
  return cluster.do(updatePort(cluster.state, cluster.context, port.id, request)).port;
}

test('a port has one address, a MAC and the default group, unless the request says otherwise', () => {
  const { cluster, network, subnet } = withSubnet();
  const port = cluster.port(network);
  assert.equal(port.fixedIps.length, 1);
  assert.equal(port.fixedIps[0]?.subnetId, subnet.id);
  assert.match(port.mac, /^02:/);
  assert.deepEqual(port.securityGroups, [defaultGroupOf(cluster.state, network.tenantId)?.id]);
  assert.deepEqual(cluster.port(network, { fixedIps: [] }).fixedIps, []);
  assert.deepEqual(cluster.port(network, { securityGroups: [] }).securityGroups, []);
  assert.deepEqual(cluster.port(network, { portSecurityEnabled: false }).securityGroups, []);
  assert.deepEqual(cluster.port(cluster.network(network.tenantId)).fixedIps, [], 'a network without subnets has no addresses');
  const open = cluster.network(network.tenantId, { portSecurityEnabled: false });
  assert.deepEqual([cluster.port(open).portSecurityEnabled, cluster.port(open).securityGroups], [false, []]);
});

test('addresses that were asked for are given, inside the pools or not', () => {
  const { cluster, network, subnet } = withSubnet();
  const second = cluster.subnet(network, '10.0.1.0/24', { allocationPools: [{ start: ip('10.0.1.10'), end: ip('10.0.1.20') }] });
  const port = cluster.port(network, { fixedIps: [at('10.0.0.9'), at('10.0.1.200', second.id)] });
  assert.deepEqual(port.fixedIps, [
    { subnetId: subnet.id, address: '10.0.0.9' },
    { subnetId: second.id, address: '10.0.1.200' },
  ]);
  assert.equal(cluster.state.portByAddress(second.id, ip('10.0.1.200')), port);
});

test('an address that cannot be is refused, with the reason', () => {
  const { cluster, network, subnet } = withSubnet();
  const port = cluster.port(network, { fixedIps: [at('10.0.0.9')] });
  const other = cluster.subnet(cluster.network(network.tenantId), '10.5.0.0/24');
  const rows = [
    [at('10.0.1.9'), 'invalid_ip_for_network', /10\.0\.1\.9 is not a valid IP for any of the subnets/],
    [at('10.0.1.9', subnet.id), 'invalid_ip_for_subnet', /10\.0\.1\.9 is not a valid IP for the specified subnet/],
    [at('10.0.0.0', subnet.id), 'invalid_ip_for_subnet', /10\.0\.0\.0/],
    [at('10.0.0.255'), 'invalid_ip_for_subnet', /10\.0\.0\.255/],
    [at('10.0.0.1'), 'ip_address_already_allocated', /10\.0\.0\.1 already/],
    [at('10.0.0.9'), 'ip_address_already_allocated', /10\.0\.0\.9 already/],
    [at('10.5.0.9', other.id), 'invalid_ip_for_network', /is not one of network/],
    [{ subnetId: other.id, address: undefined }, 'invalid_ip_for_network', /is not one of network/],
    [{ subnetId: testId<SubnetId>(1), address: undefined }, 'not_found', /^subnet ffffffff/],
  ] as const;
  const second = cluster.port(network);
  for (const [fixedIp, code, message] of rows) {
    const fixedIps = [fixedIp];
    assertRefused(cluster, () => cluster.tryToPort(network, { fixedIps }), code, message);
    assertRefused(cluster, () => updatePort(cluster.state, cluster.context, second.id, { fixedIps }), code, message);
  }
  const twice = { fixedIps: [at('10.0.0.7'), at('10.0.0.7', subnet.id)] };
  assertRefused(cluster, () => cluster.tryToPort(network, twice), 'ip_address_already_allocated', /10\.0\.0\.7/);
  assert.deepEqual(addresses(update(cluster, port, { fixedIps: [at('10.0.0.9')] })), ['10.0.0.9'], 'what a port has it may keep');
});

test('in a /31 both addresses are hosts', () => {
  const cluster = new TestCluster();
  const network = cluster.network(cluster.tenant().id);
  cluster.subnet(network, '10.0.0.0/31', { enableDhcp: false, gatewayIp: null });
  assert.deepEqual(new Set([...addresses(cluster.port(network)), ...addresses(cluster.port(network))]), new Set(['10.0.0.0', '10.0.0.1']));
  assertRefused(cluster, () => cluster.tryToPort(network), 'ip_address_generation_failure');
});

test('a subnet that is full makes way for the next one', () => {
  const { cluster, network } = withSubnet('10.0.0.0/30');
  assert.deepEqual(addresses(cluster.port(network)), ['10.0.0.2']);
  const second = cluster.subnet(network, '10.0.1.0/30');
  assert.deepEqual(cluster.port(network).fixedIps, [{ subnetId: second.id, address: '10.0.1.2' }]);
});

/** Chance as the property's random stream gives it. */
function chanceOf(stream: Iterator<Uint8Array>): (bytes: number) => Uint8Array {
  return (bytes) => {
    const next = stream.next();
    assert.ok(next.done !== true);
    return next.value.subarray(0, bytes);
  };
}

const chance = fc.infiniteStream(fc.uint8Array({ minLength: 5, maxLength: 5 }));

test('a /24 with a gateway has exactly 253 addresses, each given once, and then none', () => {
  fc.assert(
    fc.property(chance, (stream) => {
      const { cluster, network, subnet } = withSubnet('10.0.0.0/24', new TestCluster({ random: chanceOf(stream) }));
      const ports = Array.from({ length: 253 }, () => cluster.port(network));
      assert.equal(new Set(ports.flatMap(addresses)).size, 253);
      assert.equal(cluster.state.addressCount(subnet.id), 253);
      assertRefused(cluster, () => cluster.tryToPort(network), 'ip_address_generation_failure', new RegExp(`network ${network.id}`));
      const fixedIps = [{ subnetId: subnet.id, address: undefined }];
      assertRefused(cluster, () => cluster.tryToPort(network, { fixedIps }), 'ip_address_generation_failure');
      const [gone] = ports;
      assert.ok(gone !== undefined);
      cluster.do(deletePort(cluster.state, cluster.context, gone.id));
      assert.deepEqual(addresses(cluster.port(network)), addresses(gone), 'the one that was given back');
    }),
    { numRuns: 5 },
  );
});

type Step = Readonly<{ verb: 'create' | 'claim' | 'delete' | 'move' | 'grow' | 'shrink'; a: number; b: number }>;
const steps = fc.array(
  fc.record<Step>({ verb: fc.constantFrom('create', 'create', 'claim', 'delete', 'move', 'grow', 'shrink'), a: fc.nat(30), b: fc.nat(15) }),
  { maxLength: 60, size: 'max' },
);

test('addresses are never held twice and never lost, whatever is allocated, claimed, moved and released', () => {
  fc.assert(
    fc.property(chance, steps, (stream, list) => {
      const { cluster, network, subnet } = withSubnet('10.0.0.0/28', new TestCluster({ random: chanceOf(stream) }));
      /** Who holds what: the model. */
      const held = new Map<PortId, readonly Ipv4[]>();
      const isFree = (address: Ipv4): boolean => address !== subnet.gatewayIp && ![...held.values()].flat().includes(address);
      const hosts = Array.from({ length: 14 }, (_, index) => ipv4FromNumber(ipv4ToNumber(ip('10.0.0.1')) + index));
      const free = (): number => hosts.filter(isFree).length;
      const any = { subnetId: subnet.id, address: undefined };

      const run = ({ verb, a, b }: Step): void => {
        const port = [...cluster.state.ports.values()][a % Math.max(1, cluster.state.ports.size)];
        const mine = port === undefined ? [] : (held.get(port.id) ?? []);
        const wanted = hosts[b % hosts.length]!;
        const keep = mine.map((address) => ({ subnetId: subnet.id, address }));
        let possible: boolean;
        let command: () => Port;
        switch (verb) {
          case 'create':
            [possible, command] = [free() > 0, () => cluster.port(network)];
            break;
          case 'claim':
            // The named one must not be taken by the one chosen freely, whichever comes first.
            possible = isFree(wanted) && free() > 1;
            command = () => cluster.port(network, { fixedIps: b % 2 === 0 ? [any, at(wanted)] : [at(wanted), any] });
            break;
          case 'delete':
            if (port === undefined) return;
            cluster.do(deletePort(cluster.state, cluster.context, port.id));
            held.delete(port.id);
            return;
          case 'move':
            if (port === undefined) return;
            [possible, command] = [isFree(wanted) || mine.includes(wanted), () => update(cluster, port, { fixedIps: [at(wanted)] })];
            break;
          case 'grow':
            if (port === undefined) return;
            possible = free() > 0;
            // By name or by "as many in this subnet": what it has it keeps either way.
            command = () => update(cluster, port, { fixedIps: b % 2 === 0 ? [...keep, any] : [...keep.map(() => any), any] });
            break;
          case 'shrink':
            if (port === undefined || mine.length === 0) return;
            [possible, command] = [true, () => update(cluster, port, { fixedIps: keep.slice(1) })];
            break;
        }
        try {
          const changed = command();
          assert.ok(possible, 'should have been refused');
          const now = addresses(changed);
          assert.equal(new Set(now).size, now.length, `twice on one port: ${now.join()}`);
          if (verb === 'grow') assert.deepEqual(now.slice(0, -1), mine, 'kept what it had');
          held.set(changed.id, now);
        } catch (error) {
          if (!(error instanceof WeftError)) throw error;
          assert.ok(!possible, `refused: ${error.message}`);
        }
      };

      for (const [index, step] of list.entries()) {
        const what = `step ${index} ${JSON.stringify(step)}`;
        run(step);
        const all = [...held.values()].flat();
        assert.equal(new Set(all).size, all.length, `${what}: an address is held twice`);
        assert.equal(cluster.state.addressCount(subnet.id), all.length, what);
        for (const [portId, mine] of held)
          for (const address of mine) assert.equal(cluster.state.portByAddress(subnet.id, address)?.id, portId, what);
        assert.ok(
          all.every((address) => hosts.includes(address) && address !== subnet.gatewayIp),
          what,
        );
      }
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 100) },
  );
});

test('a MAC is the address of one endpoint, not reserved, and not in use on its network', () => {
  const { cluster, network } = withSubnet();
  const port = cluster.port(network, { mac: parseMac('02:00:00:00:00:01') });
  assert.equal(cluster.state.portByMac(network.id, port.mac), port);
  const second = cluster.port(network);
  const rows = [
    ['ff:ff:ff:ff:ff:ff', 'invalid_mac', /not the address of one endpoint/],
    ['01:00:5e:00:00:01', 'invalid_mac', /not the address of one endpoint/],
    ['00:00:00:00:00:00', 'invalid_mac', /not the address of one endpoint/],
    [`${RESERVED_MAC_PREFIX}00:00:01`, 'invalid_mac', /is reserved/],
    ['02:00:00:00:00:01', 'mac_address_in_use', /02:00:00:00:00:01 is in use/],
    [network.gatewayMac, 'mac_address_in_use', /is in use/],
  ] as const;
  for (const [text, code, message] of rows) {
    const mac = parseMac(text);
    assertRefused(cluster, () => cluster.tryToPort(network, { mac }), code, message);
    assertRefused(cluster, () => updatePort(cluster.state, cluster.context, second.id, { mac }), code, message);
  }
  assert.equal(update(cluster, port, { mac: port.mac }).mac, port.mac, 'its own it may keep');
  const elsewhere = cluster.network(network.tenantId);
  assert.equal(cluster.port(elsewhere, { mac: port.mac }).mac, port.mac, 'on another network it is free');
});

test('a MAC that is made up avoids those in use, and gives up after some tries', () => {
  let last = 0;
  const cluster = new TestCluster({ random: (bytes) => new Uint8Array(bytes).fill(last) });
  const network = cluster.network(cluster.tenant().id);
  assertRefused(cluster, () => cluster.tryToPort(network), 'mac_generation_failure', new RegExp(network.id));
  last = 1;
  assert.equal(cluster.port(network).mac, '02:01:01:01:01:01');
});

test('the MAC of a port that is plugged in stays', () => {
  const { cluster, network } = withSubnet();
  const port = cluster.port(network);
  const instance = cluster.instance(port.id);
  const mac = parseMac('02:00:00:00:00:02');
  assert.equal(update(cluster, port, { mac }).mac, mac);
  cluster.do(placeInstance(cluster.state, cluster.context, instance.id, cluster.node(1)));
  const other = parseMac('02:00:00:00:00:03');
  assertRefused(cluster, () => updatePort(cluster.state, cluster.context, port.id, { mac: other }), 'port_bound', new RegExp(port.id));
  assert.equal(update(cluster, port, { mac, name: 'named' }).name, 'named');
});

test('groups are the tenant’s own, and need port security', () => {
  const { cluster, network } = withSubnet();
  const group = defaultGroupOf(cluster.state, network.tenantId)?.id;
  const foreign = defaultGroupOf(cluster.state, cluster.tenant().id)?.id;
  assert.ok(group !== undefined && foreign !== undefined);
  for (const id of [foreign, testId<SecurityGroupId>(1)]) {
    assertRefused(cluster, () => cluster.tryToPort(network, { securityGroups: [id] }), 'not_found', new RegExp(`^securityGroup ${id}`));
  }
  const open = { portSecurityEnabled: false, securityGroups: [group] };
  assertRefused(cluster, () => cluster.tryToPort(network, open), 'port_security_required');
  const port = cluster.port(network, { securityGroups: [group, group] });
  assert.deepEqual(port.securityGroups, [group], 'once is enough');
  const change = (request: UpdatePort) => () => updatePort(cluster.state, cluster.context, port.id, request);
  assertRefused(cluster, change({ portSecurityEnabled: false }), 'port_security_has_groups', new RegExp(port.id));
  assertRefused(cluster, change(open), 'port_security_required');
  assertRefused(cluster, change({ securityGroups: [foreign] }), 'not_found');
  const off = update(cluster, port, { portSecurityEnabled: false, securityGroups: [] });
  assert.deepEqual([off.portSecurityEnabled, off.securityGroups], [false, []]);
  assert.deepEqual(update(cluster, off, { portSecurityEnabled: true, securityGroups: [group] }).securityGroups, [group]);
});

test('address pairs have the port’s MAC unless told, and every pair that cannot be is refused', () => {
  const { cluster, network } = withSubnet();
  const pair = (text: string, mac?: Mac) => ({ cidr: parseCidr(text), text, mac });
  const port = cluster.port(network, { addressPairs: [pair('10.0.0.200/32'), pair('10.9.0.0/16', parseMac('02:00:5e:00:01:01'))] });
  assert.deepEqual(
    port.addressPairs?.map(({ cidr, mac }) => [cidr, mac]),
    [
      ['10.0.0.200/32', port.mac],
      ['10.9.0.0/16', '02:00:5e:00:01:01'],
    ],
  );
  assert.deepEqual(update(cluster, port, { name: 'other' }).addressPairs, port.addressPairs, 'they stay');
  const change =
    (addressPairs: UpdatePort['addressPairs'], more: UpdatePort = {}) =>
    () =>
      updatePort(cluster.state, cluster.context, port.id, { ...more, ...(addressPairs === undefined ? {} : { addressPairs }) });
  const eleven = Array.from({ length: 11 }, (_, n) => pair(`10.0.0.${n}/32`));
  assertRefused(cluster, change(eleven), 'allowed_address_pair_exhausted', /maximum 10/);
  assertRefused(cluster, change([pair('10.0.0.9/32'), pair('10.0.0.9/32', port.mac)]), 'duplicate_address_pair', /10\.0\.0\.9/);
  for (const mac of ['01:00:5e:00:00:01', network.gatewayMac, '06:57:45:00:00:01']) {
    assertRefused(cluster, change([pair('10.0.0.9/32', mac as Mac)]), 'invalid_mac', new RegExp(mac));
  }
  const off = { portSecurityEnabled: false, securityGroups: [] };
  assertRefused(cluster, change(undefined, off), 'address_pair_and_port_security_required');
  assertRefused(
    cluster,
    () => cluster.tryToPort(network, { ...off, addressPairs: [pair('10.0.0.9/32')] }),
    'address_pair_and_port_security_required',
  );
  assert.equal(update(cluster, port, { ...off, addressPairs: [] }).addressPairs, undefined);
});

test('a port in use stays; unknown ids are said to be unknown', () => {
  const { cluster, network } = withSubnet();
  const port = cluster.port(network);
  const instance = cluster.instance(port.id);
  assertRefused(cluster, () => deletePort(cluster.state, cluster.context, port.id), 'port_in_use', new RegExp(instance.id));
  const unknown = testId<PortId>(1);
  assertRefused(cluster, () => deletePort(cluster.state, cluster.context, unknown), 'not_found', /^port ffffffff/);
  assertRefused(cluster, () => updatePort(cluster.state, cluster.context, unknown, {}), 'not_found', /^port ffffffff/);
  const networkId = testId<NetworkId>(1);
  assertRefused(cluster, () => cluster.tryToPort(network, { networkId }), 'not_found', /^network ffffffff/);
});

test('a port’s limits are set one by one, stay when nothing is said of them, and go with null', () => {
  const { cluster, network } = withSubnet();
  const port = cluster.port(network, { rateLimit: { egressKbps: 20_000 } });
  assert.deepEqual(port.rateLimit, { ingressKbps: undefined, egressKbps: 20_000 });
  assert.deepEqual(update(cluster, port, { name: 'other' }).rateLimit, port.rateLimit);
  const both = update(cluster, port, { rateLimit: { ingressKbps: 64 } });
  assert.deepEqual(both.rateLimit, { ingressKbps: 64, egressKbps: 20_000 });
  assert.deepEqual(update(cluster, both, { rateLimit: { egressKbps: null } }).rateLimit, { ingressKbps: 64, egressKbps: undefined });
  assert.equal(update(cluster, both, { rateLimit: { ingressKbps: null, egressKbps: null } }).rateLimit, undefined);
  assert.equal(cluster.port(network).rateLimit, undefined);
});
