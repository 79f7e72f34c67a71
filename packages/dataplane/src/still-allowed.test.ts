import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { cidrContains, cidrOf } from '@weft/core/cidr';
import type { Cidr } from '@weft/core/cidr';
import type { GroupRule } from '@weft/core/plan/group';
import { ALL_OUT, fromGroup, groupId, ipv4, mac, PlanBuilder, tcpIn, tcpOut, vni } from './plan-builder.testing.ts';
import { StillAllowed } from './still-allowed.ts';
import type { FirstPacket } from './still-allowed.ts';

const VNI = 10_001;
const FIRST = {
  protocol: 6,
  source: ipv4('10.0.0.11'),
  destination: ipv4('10.0.0.12'),
  destinationPort: 80,
  icmpType: undefined,
  icmpCode: undefined,
};
const ECHO = { ...FIRST, protocol: 1, destinationPort: undefined, icmpType: 8, icmpCode: 0 };
const ANY: GroupRule = { ...tcpIn(80), protocol: undefined, portMin: undefined, portMax: undefined };

/** 11, with everything out, and 12, with these rules, both on this node. */
function allows(
  rules: readonly GroupRule[],
  packet: Partial<FirstPacket> = {},
  more: (builder: PlanBuilder) => unknown = () => {},
): boolean {
  const builder = new PlanBuilder()
    .segment(VNI)
    .group(1, rules)
    .group(2, [ALL_OUT])
    .workload({ n: 11, vni: VNI, groups: [2] })
    .workload({ n: 12, vni: VNI });
  more(builder);
  return new StillAllowed({ plan: builder.plan }).isAllowed(vni(VNI), { ...FIRST, ...packet });
}

test('a rule allows its own protocol, ports and remotes, and nothing else', () => {
  const icmp = (portMin?: number, portMax?: number): GroupRule => ({ ...ANY, protocol: 'icmp', portMin, portMax });
  const from = (remoteCidr: string): GroupRule => ({ ...ANY, remoteCidr: remoteCidr as Cidr });
  const cases: [string, GroupRule, Partial<FirstPacket>, boolean][] = [
    ['a port', tcpIn(80), {}, true],
    ['another port', tcpIn(80), { destinationPort: 81 }, false],
    ['the port of another protocol', tcpIn(80), { protocol: 17 }, false],
    ['the first of a range', { ...tcpIn(80), portMax: 90 }, {}, true],
    ['beyond a range', { ...tcpIn(80), portMax: 90 }, { destinationPort: 91 }, false],
    ['the other direction', tcpOut(80), {}, false],
    ['any protocol', ANY, { protocol: 89, destinationPort: undefined }, true],
    ['sctp', { ...tcpIn(80), protocol: 'sctp' }, { protocol: 132 }, true],
    ['udplite on another port', { ...tcpIn(80), protocol: 'udplite' }, { protocol: 136, destinationPort: 7 }, false],
    ['all of udp', { ...ANY, protocol: 'udp' }, { protocol: 17 }, true],
    ['a protocol by number', { ...ANY, protocol: '47' }, { protocol: 47, destinationPort: undefined }, true],
    ['another number', { ...ANY, protocol: '47' }, { protocol: 50, destinationPort: undefined }, false],
    ['all of icmp', icmp(), ECHO, true],
    ['a type', icmp(8), ECHO, true],
    ['another type', icmp(13), ECHO, false],
    ['type and code', icmp(8, 0), ECHO, true],
    ['another code', icmp(8, 1), ECHO, false],
    ['a prefix', from('10.0.0.8/29'), {}, true],
    ['another prefix', from('10.0.0.16/28'), {}, false],
    ['everywhere', from('0.0.0.0/0'), {}, true],
    ['one address', from('10.0.0.11/32'), {}, true],
    ['no member', fromGroup(3), {}, false],
  ];
  for (const [what, rule, packet, expected] of cases) assert.equal(allows([rule], packet), expected, what);
  assert.equal(
    allows([fromGroup(3)], {}, (builder) => builder.member(3, FIRST.source)),
    true,
    'a member',
  );
  assert.equal(
    allows([fromGroup(3)], {}, (builder) => builder.member(3, FIRST.destination)),
    false,
    'the receiver is no remote',
  );
});

test('both ends that are here are asked, and nobody else', () => {
  const sender = (n: number) => (builder: PlanBuilder) => builder.workload({ n: 11, vni: VNI, groups: [n] });
  const cases: [string, boolean, (builder: PlanBuilder) => unknown][] = [
    ['the sender may not send', false, (builder) => sender(3)(builder).group(3, [tcpOut(22)])],
    ['the sender may send that', true, (builder) => sender(3)(builder).group(3, [tcpOut(80)])],
    ['a group that is not known', false, sender(9)],
    ['the sender is elsewhere', true, (builder) => builder.noWorkload(11)],
    ['the sender is elsewhere and in a group of that id', true, (builder) => builder.noWorkload(11).group(2, [])],
    ['the receiver has no groups', false, (builder) => builder.workload({ n: 12, vni: VNI, groups: [] })],
    ['one of its groups is enough', true, (builder) => builder.workload({ n: 12, vni: VNI, groups: [4, 1] }).group(4, [])],
    ['without port security', true, (builder) => builder.workload({ n: 12, vni: VNI }, { portSecurity: false, groups: [] })],
    ['an address of another segment', true, (builder) => builder.workload({ n: 12, vni: VNI + 1, groups: [] }, { number: 12 })],
  ];
  for (const [what, expected, more] of cases) assert.equal(allows([tcpIn(80)], {}, more), expected, what);
});

test('an address of somebody’s pairs is asked of all who may have it, and one of them is enough', () => {
  const virtual = ipv4('10.0.0.200');
  const pairs = (n: number, cidr = '10.0.0.200/32') => ({ pairs: [{ mac: mac(n), cidr: cidr as Cidr }] });
  const to = { destination: virtual };
  const cases: [string, boolean, (builder: PlanBuilder) => unknown][] = [
    ['nobody here has it', true, () => {}],
    ['one has it, and admits that', true, (builder) => builder.workload({ n: 12, vni: VNI }, pairs(12))],
    ['one has it, and does not admit that', false, (builder) => builder.workload({ n: 12, vni: VNI, groups: [] }, pairs(12))],
    ['one has its prefix, and does not admit that', false, (b) => b.workload({ n: 12, vni: VNI, groups: [] }, pairs(12, '10.0.0.0/16'))],
    ['one has another prefix', true, (b) => b.workload({ n: 12, vni: VNI, groups: [] }, pairs(12, '10.9.0.0/16'))],
    [
      'two have it, and one admits that',
      true,
      (b) => b.workload({ n: 12, vni: VNI }, pairs(12)).workload({ n: 13, vni: VNI, groups: [] }, pairs(13)),
    ],
  ];
  for (const [what, expected, more] of cases) assert.equal(allows([tcpIn(80)], to, more), expected, what);
});

test('a prefix holds just the addresses that are in it', () => {
  const octet = fc.integer({ min: 0, max: 255 });
  const address = fc.tuple(octet, octet, octet, octet).map((bytes) => ipv4(bytes.join('.')));
  fc.assert(
    fc.property(address, address, fc.boolean(), fc.integer({ min: 0, max: 32 }), (named, other, isSame, length) => {
      const remoteCidr = cidrOf(named, length);
      const source = isSame ? named : other;
      assert.equal(
        allows([{ ...ANY, remoteCidr }], { source }, (builder) => builder.noWorkload(11)),
        cidrContains(remoteCidr, source),
      );
    }),
  );
});

test('an address is here only in its segment, and while its port is open', () => {
  const { plan } = new PlanBuilder()
    .segment(VNI)
    .workload({ n: 11, vni: VNI })
    .workload({ n: 12, vni: VNI }, { adminStateUp: false, groups: [groupId(1)] });
  const here = new StillAllowed({ plan });
  const isHere = (segment: number, n: number): boolean => here.isHere(vni(segment), ipv4(`10.0.0.${n}`));
  assert.deepEqual([isHere(VNI, 11), isHere(VNI + 1, 11), isHere(VNI, 12)], [true, false, false]);
});
