import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { canonicalJson } from '../canonical-json.ts';
import { cidrClearingHostBits, parseCidr } from '../cidr.ts';
import { ClusterState } from '../cluster-state.ts';
import { releaseAddressHolds, withHolds } from '../command/address-hold.ts';
import { isConcentratorUsed, placeConcentrator, retireConcentrator } from '../command/concentrator.ts';
import type { CommandContext } from '../command/context.ts';
import { createFloatingIp, deleteFloatingIp, updateFloatingIp } from '../command/floating-ip.ts';
import { createInstance, deleteInstance, placeInstance } from '../command/instance.ts';
import { createNetwork, deleteNetwork, updateNetwork } from '../command/network.ts';
import { deleteNode, reportNode } from '../command/node.ts';
import { createPortForwarding, deletePortForwarding, updatePortForwarding } from '../command/port-forwarding.ts';
import type { PortForwardingRequest } from '../command/port-forwarding.ts';
import { createPort, deletePort, updatePort } from '../command/port.ts';
import type { AddressPairRequest } from '../command/port.ts';
import {
  createSecurityGroup,
  createSecurityGroupRule,
  deleteSecurityGroup,
  deleteSecurityGroupRule,
  updateSecurityGroup,
  EVERYTHING,
} from '../command/security-group.ts';
import { resetQuotas, setQuotas } from '../command/quota.ts';
import { parseCidr6 } from '../cidr6.ts';
import { parseIpCidr } from '../ip.ts';
import { IPV6_MODES } from '../ipv6-mode.ts';
import type { CreateSubnet } from '../command/subnet.ts';
import { createSubnet, deleteSubnet, updateSubnet } from '../command/subnet.ts';
import { isGuest, isShared } from '../sharing.ts';
import { setTags } from '../command/tags.ts';
import { createTenant, deleteTenant, updateTenant } from '../command/tenant.ts';
import { parseIpProtocol } from '../ip-protocol.ts';
import { parseMac } from '../mac.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { RateLimitChange } from '../rate-limit.ts';
import { preview } from '../preview/preview.ts';
import type { Preview } from '../preview/preview.ts';
import { answererOf } from '../public-gateway.ts';
import { parseResource } from '../resource.ts';
import type { Changes, Port, Resource } from '../resource.ts';
import type { NodeId, Uuid } from '../uuid.ts';
import { WeftError } from '../weft-error.ts';
import { applyAffected } from './affected.ts';
import { decideAttribute } from './attribute-wish.testing.ts';
import { compile } from './compile.ts';
import { decideFirewall } from './firewall-wish.testing.ts';
import { decideNat } from './nat-wish.testing.ts';
import { parsePlanBody, Plan, PLAN_VERSIONS, planDigests, planRefText } from './plan.ts';
import { render } from './render.ts';
import { decideRouter } from './router-wish.testing.ts';
import { decideTopology } from './topology-wish.testing.ts';
import { decideSharing } from './sharing-wish.testing.ts';

const FACTS = { infrastructure: [parseCidr('10.88.0.0/24')] };
const NODES = [1, 2, 3, 4].map((n) => `0000000${n}-0000-4000-8000-00000000000${n}` as NodeId);

/** Ids count up, so that a failing run can be read. */
function context(): CommandContext {
  let next = 0;
  return {
    now: '2026-11-20T00:00:00Z',
    uuid: () => `${String((next += 1)).padStart(8, '0')}-0000-4000-9000-000000000000` as Uuid,
    random: (bytes) =>
      createHash('sha256')
        .update(String((next += 1)))
        .digest()
        .subarray(0, bytes),
    cluster: {
      mtu: 1450,
      vniRange: { first: 10_000, last: 10_500 },
      defaultTopology: 'mesh',
      computeCidrs: [parseCidr('10.88.0.0/24')],
      managementCidrs: [parseCidr('192.168.0.0/24')],
      uplink: {
        cidr: parseCidr('203.0.113.0/24'),
        gateway: parseIpv4('203.0.113.1'),
        first: parseIpv4('203.0.113.10'),
        last: parseIpv4('203.0.113.200'),
      },
      sshPorts: { first: 30_000, last: 30_009 },
    },
  };
}

/** One random wish: `verb` picks the command, the numbers pick its objects among those that exist. A wish that cannot be is refused. */
type Wish = Readonly<{ verb: number; a: number; b: number }>;
const wish = fc.record({ verb: fc.nat(55), a: fc.nat(50), b: fc.nat(50) });

function decide(state: ClusterState, ctx: CommandContext, { verb, a, b }: Wish): Changes {
  const pick = <T>(items: Iterable<T>, n: number): T => {
    const list = [...items];
    const item = list[n % Math.max(1, list.length)];
    if (item === undefined) throw new WeftError('nothing_to_pick', 'there is none');
    return item;
  };
  const node = (n: number): NodeId => pick(NODES, n);
  switch (verb) {
    case 0:
      return createTenant(state, ctx, { name: `tenant ${state.tenants.size}.${a}`, tokenHash: '', automaticGateway: b % 3 < 2 });
    case 1: {
      const topology = b % 2 === 0 ? 'mesh' : 'concentrator';
      const tenantId = pick(state.tenants.values(), a).id;
      return createNetwork(state, ctx, {
        tenantId,
        name: '',
        description: '',
        adminStateUp: true,
        portSecurityEnabled: b % 5 > 0,
        external: false,
        topology,
        mtu: 0,
      });
    }
    case 2:
      return createSubnet(state, ctx, {
        networkId: pick(state.networks.values(), a).id,
        name: '',
        description: '',
        gatewayIp: b % 4 === 0 ? null : undefined,
        dnsNameservers: [],
        allocationPools: undefined,
        ...familyWish(b),
      });
    case 3:
    case 4:
    case 5:
      return createPort(state, ctx, {
        networkId: pick(state.networks.values(), a).id,
        name: '',
        description: '',
        adminStateUp: b % 7 > 0,
        mac: undefined,
        fixedIps: undefined,
        securityGroups: undefined,
        portSecurityEnabled: b % 6 > 0 ? undefined : false,
        deviceId: '',
        deviceOwner: '',
      });
    case 6:
    case 7: {
      const port = pick(state.ports.values(), a);
      return createInstance(state, ctx, {
        tenantId: port.tenantId,
        name: '',
        command: ['true'],
        portId: port.id,
        addressing: 'static',
        nodeId: undefined,
      });
    }
    case 8:
    case 9:
      return placeInstance(state, ctx, pick(state.instances.values(), a).id, node(b));
    case 10:
      return placeConcentrator(state, ctx, pick(state.concentrators.values(), a).id, node(b));
    case 11: {
      // Two deletions in one step: an instance and its port.
      const instance = pick(state.instances.values(), a);
      const changes = deleteInstance(state, ctx, instance.id);
      const port = state.ports.get(instance.portId);
      return b % 2 === 0 || port === undefined ? changes : { put: [], remove: [...changes.remove, port] };
    }
    case 12:
      return b % 3 === 0
        ? deletePort(state, ctx, pick(state.ports.values(), a).id)
        : b % 7 === 6
          ? updatePort(state, ctx, pick(state.ports.values(), a).id, { mac: parseMac(`02:00:00:00:00:${10 + b}`) })
          : updatePort(state, ctx, pick(state.ports.values(), a).id, { adminStateUp: b % 2 === 0, portSecurityEnabled: b % 5 > 0 });
    case 13:
      return b % 2 === 0
        ? deleteSubnet(state, ctx, pick(state.subnets.values(), a).id)
        : b % 5 === 0
          ? updateSubnet(state, ctx, pick(state.subnets.values(), a).id, { enableDhcp: b % 3 > 0 })
          : updateNetwork(state, ctx, pick(state.networks.values(), a).id, { mtu: 1400 - b, adminStateUp: b % 3 > 0 });
    case 14:
      return b % 3 > 0
        ? deleteNetwork(state, pick(state.networks.values(), a).id)
        : deleteTenant(state, pick(state.tenants.values(), a).id);
    case 15:
      return b % 5 === 0
        ? deleteNode(state, node(a))
        : reportNode(state, ctx, {
            id: node(a),
            hostname: `n${a % 4}`,
            roles: a % 4 === 3 ? ['concentrator'] : ['compute', 'network'],
            // With two addresses it is the node that says where its tunnels end.
            addresses: [parseIpv4(`10.88.0.${(a % 4) + 10 * (b % 3)}`), parseIpv4(`10.88.0.${(a % 4) + 40}`)],
            vtep: b % 4 === 0 ? parseIpv4(`10.88.0.${(a % 4) + 40}`) : undefined,
          });
    case 54:
    case 55:
      return decideTopology(state, ctx, { a, b, pick });
    case 16: {
      if (b % 4 === 0) return setQuotas(state, ctx, pick(state.tenants.values(), a).id, { port: b, network: a });
      if (b % 8 === 1) return resetQuotas(state, pick(state.tenants.values(), a).id);
      const record = pick([...state.networks.values(), ...state.ports.values(), ...state.securityGroups.values()], a);
      return setTags(state, ctx, record.kind, record.id, [`t${b % 3}`]);
    }
    case 17: {
      const external = [...state.networks.values()].filter((network) => network.external);
      if (b % 4 === 0) return updateNetwork(state, ctx, pick(state.networks.values(), a).id, { external: b % 8 === 0 });
      if (b % 2 === 0) {
        const subnet = { name: '', description: '', enableDhcp: false, dnsNameservers: [], allocationPools: undefined };
        const cidr = cidrClearingHostBits(`203.0.${112 + (b % 3)}.0/24`);
        return createSubnet(state, ctx, { ...subnet, networkId: pick(external, a).id, cidr, gatewayIp: undefined });
      }
      const network = { name: '', description: '', adminStateUp: true, portSecurityEnabled: true, topology: undefined, mtu: 0 };
      return createNetwork(state, ctx, { ...network, tenantId: pick(state.tenants.values(), a).id, external: true });
    }
    case 18:
    case 19: {
      const network = pick(
        [...state.networks.values()].filter((candidate) => candidate.external),
        b,
      );
      const port = pick(state.ports.values(), a);
      const target = b % 3 === 0 ? undefined : { portId: port.id, fixedIp: undefined };
      const common = { description: '', subnetId: undefined, address: undefined };
      return createFloatingIp(state, ctx, { ...common, tenantId: port.tenantId, floatingNetworkId: network.id, target });
    }
    case 20: {
      const { id } = pick(state.floatingIps.values(), a);
      const portId = b % 3 === 0 ? undefined : pick(state.ports.values(), b).id;
      return updateFloatingIp(state, ctx, id, { target: portId === undefined ? null : { portId, fixedIp: undefined } });
    }
    case 21:
      return deleteFloatingIp(state, pick(state.floatingIps.values(), a).id);
    case 22: {
      const floating = pick(state.floatingIps.values(), a);
      return createPortForwarding(state, ctx, floating.id, forwardingWish(pick(state.ports.values(), b), b));
    }
    case 23: {
      const { id } = pick(state.portForwardings.values(), a);
      if (b % 2 === 0) return deletePortForwarding(state, ctx, id);
      return updatePortForwarding(state, ctx, id, forwardingWish(pick(state.ports.values(), b), b));
    }
    case 24:
      return updateTenant(state, ctx, pick(state.tenants.values(), a).id, { sshReach: b % 3 > 0 });
    case 25:
      return retireConcentrator(state, pick(state.concentrators.values(), a).id);
    case 26: {
      // Other addresses for a port that may have a public one.
      const port = pick(state.ports.values(), a);
      const address = parseIpv4(`10.0.${b % 3}.${3 + (b % 9)}`);
      const fixedIps = b % 5 === 0 ? [] : [{ subnetId: undefined, address }];
      return updatePort(state, ctx, port.id, { fixedIps });
    }
    case 27:
    case 28:
    case 29:
      return decideFirewall(state, ctx, { a, b, pick });
    case 30:
    case 31:
    case 32:
      return decideNat(state, ctx, { a, b, pick });
    case 33: {
      const stateful = b % 2 === 0;
      if (b % 5 === 4) return updateSecurityGroup(state, ctx, pick(state.securityGroups.values(), a).id, { stateful });
      if (b % 3 > 0)
        return createSecurityGroup(state, ctx, { tenantId: pick(state.tenants.values(), a).id, name: '', description: '', stateful });
      return deleteSecurityGroup(state, pick(state.securityGroups.values(), a).id);
    }
    case 34: {
      const port = pick(state.ports.values(), a);
      return updatePort(state, ctx, port.id, { securityGroups: [...state.groupsOf(port.tenantId)].slice(b % 3).map(({ id }) => id) });
    }
    case 35:
      return updatePort(state, ctx, pick(state.ports.values(), a).id, { rateLimit: rateLimitWish(b) });
    case 36:
      return updateTenant(state, ctx, pick(state.tenants.values(), a).id, { rateLimit: rateLimitWish(b) });
    case 38:
    case 39:
    case 40: {
      const port = pick(state.ports.values(), a);
      return updatePort(state, ctx, port.id, { addressPairs: pairsWish(b) });
    }
    case 43:
    case 44:
    case 45:
    case 46:
      return decideRouter(state, ctx, { a, b, pick });
    case 47:
    case 48:
    case 49:
      return decideAttribute(state, ctx, { a, b, pick });
    case 50:
    case 51:
    case 52:
    case 53:
      return decideSharing(state, ctx, { a, b, pick });
    case 37:
      return releaseAddressHolds(state, [pick(state.addressHolds.keys(), a)]);
    default: {
      // A rule more or less in some group, naming a group of the same tenant.
      const group = pick(state.securityGroups.values(), a);
      if (b % 2 === 0) return deleteSecurityGroupRule(state, ctx, pick(state.rulesOf(group.id), b).id);
      return createSecurityGroupRule(state, ctx, {
        ...EVERYTHING,
        groupId: group.id,
        description: '',
        direction: b % 4 === 1 ? 'ingress' : 'egress',
        ethertype: b % 5 === 0 ? 'IPv6' : 'IPv4',
        protocol: parseIpProtocol('tcp', 'protocol'),
        portMin: b + 1,
        portMax: b + 1,
        remoteGroupId: b % 3 === 0 ? pick(state.groupsOf(group.tenantId), b).id : undefined,
      });
    }
  }
}

/** IPv4, or IPv6 with addresses that are given, made of MACs, or neither. */
function familyWish(b: number): Pick<CreateSubnet, 'cidr' | 'enableDhcp' | 'raMode' | 'addressMode'> {
  if (b % 3 > 0) return { cidr: cidrClearingHostBits(`10.0.${b % 3}.0/28`), enableDhcp: b % 5 > 0 };
  const raMode = [undefined, ...IPV6_MODES][b % 4];
  const addressMode = b % 5 === 0 ? undefined : raMode;
  return { cidr: parseCidr6(`fd00:0:0:${b % 2}::/64`), enableDhcp: true, raMode, addressMode };
}

/** None, an address or a prefix, with its own MAC, one that several share, or one that ports may get as their own. */
function pairsWish(b: number): readonly AddressPairRequest[] {
  const mac = [undefined, '02:00:5e:00:01:01', '02:00:5e:00:01:02'].map((text) => (text === undefined ? undefined : parseMac(text)))[b % 3];
  const cidr = parseIpCidr(['10.0.0.200/32', '10.9.0.0/16', 'fd00::200/128', 'fd09::/16'][b % 4]);
  return b % 7 < 2 ? [] : [{ mac, cidr, text: cidr }];
}

/** Sets one, takes one away or leaves one as it is, for each direction. */
function rateLimitWish(b: number): RateLimitChange {
  const change = (n: number): number | null | undefined => (n === 0 ? undefined : n === 1 ? null : 1000 * n);
  const [ingressKbps, egressKbps] = [change(b % 4), change(Math.floor(b / 4) % 4)];
  return { ...(ingressKbps === undefined ? {} : { ingressKbps }), ...(egressKbps === undefined ? {} : { egressKbps }) };
}

function forwardingWish(port: Port, b: number): PortForwardingRequest {
  const externalFirst = 8000 + (b % 5);
  const internalAddress = port.fixedIps[0]?.address ?? parseIpv4('10.0.0.2');
  const ports = { externalFirst, externalLast: externalFirst + (b % 3), internalFirst: 80 + b, internalLast: 80 + b + (b % 3) };
  return { ...ports, description: '', protocol: b % 2 === 0 ? 'tcp' : 'udp', internalPortId: port.id, internalAddress };
}

function refusedIsFine(action: () => Changes): Changes | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof WeftError) return undefined;
    throw error;
  }
}

/** A cluster that has something to lose from the first wish on. */
const START: readonly Wish[] = [
  ...NODES.map((_, a) => ({ verb: 15, a, b: 1 })),
  { verb: 0, a: 0, b: 0 },
  { verb: 0, a: 1, b: 0 },
  { verb: 1, a: 0, b: 2 },
  { verb: 1, a: 1, b: 1 },
  { verb: 2, a: 0, b: 1 },
  { verb: 2, a: 1, b: 1 },
  { verb: 10, a: 0, b: 3 },
  ...[0, 1, 2, 3, 4, 5].flatMap((n) => [
    { verb: 3, a: n, b: 1 },
    { verb: 6, a: n, b: 1 },
    { verb: 8, a: n, b: n },
  ]),
  // An external network, a public address for one port, another one with a forwarding, and SSH to everything.
  { verb: 17, a: 0, b: 1 },
  { verb: 17, a: 0, b: 10 },
  { verb: 18, a: 0, b: 1 },
  { verb: 18, a: 0, b: 3 },
  { verb: 22, a: 1, b: 2 },
  { verb: 24, a: 0, b: 1 },
  { verb: 24, a: 1, b: 1 },
  { verb: 27, a: 0, b: 1 },
  { verb: 27, a: 1, b: 4 },
  { verb: 30, a: 0, b: 1 },
  { verb: 30, a: 0, b: 4 },
  { verb: 35, a: 0, b: 11 },
  { verb: 35, a: 1, b: 2 },
  { verb: 36, a: 0, b: 11 },
];

/** A default pool, a default external network, and a topology that stands on them. */
const AUTOMATIC: readonly Wish[] = [0, 1, 4].map((b) => ({ verb: 54, a: 0, b }));

/** A tenant without an automatic gateway, whose workloads on subnets without a router are served DHCP nevertheless. */
const UNROUTED: readonly Wish[] = [
  { verb: 0, a: 2, b: 2 },
  { verb: 1, a: 2, b: 1 },
  { verb: 1, a: 2, b: 2 },
  ...[3, 4].flatMap((a) => [1, 8].map((b) => ({ verb: 2, a, b }))),
  ...[3, 4, 3].map((a) => ({ verb: 3, a, b: 1 })),
  ...[6, 8, 10].map((a) => ({ verb: 6, a, b: 1 })),
  ...[6, 7, 8].map((a) => ({ verb: 8, a, b: a })),
  { verb: 10, a: 2, b: 1 },
  { verb: 10, a: 3, b: 2 },
];

/** Two routers with interfaces and external gateways, on some node, and public addresses that lead through them. */
const ROUTED: readonly Wish[] = [
  { verb: 43, a: 0, b: 16 },
  { verb: 43, a: 1, b: 16 },
  ...[0, 1].flatMap((a) => [1, 2, 9].map((b) => ({ verb: 43, a, b }))),
  ...[2, 3].flatMap((a) => [{ verb: 10, a, b: a }]),
  { verb: 18, a: 2, b: 1 },
  { verb: 18, a: 3, b: 2 },
];

/** A network that everybody may have ports on, with a placed workload of its own project and two of another one. */
const SHARED: readonly Wish[] = [
  { verb: 1, a: 0, b: 2 },
  { verb: 50, a: 7, b: 8 },
  { verb: 50, a: 0, b: 3 },
  ...[4, 5, 7].map((b) => ({ verb: 50, a: 0, b })),
  ...[6, 7, 8].flatMap((n) => [
    { verb: 6, a: n, b: 1 },
    { verb: 8, a: n, b: n },
  ]),
];

const dump = (plan: Plan): string[] =>
  [...plan.refs()].map((ref) => `${ref.kind} ${ref.key} ${canonicalJson(plan.get(ref.kind, ref.key))}`).toSorted();

/** `<kind> <key>` of what a preview says that changes on a node. */
const changedRefs = ({ nodes }: Preview, nodeId: NodeId): string[] =>
  nodes
    .filter((node) => node.nodeId === nodeId)
    .flatMap(({ resources }) => resources.map(planRefText))
    .toSorted();

function refsThatDiffer(was: readonly string[], now: readonly string[]): string[] {
  const refs = [...new Set(was).symmetricDifference(new Set(now))].map((line) => line.split(' ').slice(0, 2).join(' '));
  return [...new Set(refs)].toSorted();
}

test('after any sequence of changes the incremental plan equals the full compile, on every node', () => {
  fc.assert(
    fc.property(fc.array(wish, { maxLength: 40 }), fc.boolean(), fc.boolean(), fc.boolean(), (wishes, routed, unrouted, shared) => {
      const state = new ClusterState();
      const ctx = context();
      const plans = new Map(NODES.map((nodeId) => [nodeId, new Plan()]));
      for (const [step, next] of [
        ...START,
        ...(shared ? SHARED : []),
        ...(unrouted ? [...AUTOMATIC, ...UNROUTED] : []),
        ...(routed ? ROUTED : []),
        ...wishes,
      ].entries()) {
        const changes = refusedIsFine(() => withHolds(state, ctx, decide(state, ctx, next)));
        if (changes === undefined) continue;
        const [asWas, records] = [new Map(NODES.map((nodeId) => [nodeId, dump(plans.get(nodeId)!)])), JSON.stringify([...state.all()])];
        const foreseen = preview(state, FACTS, () => changes, { flows: 20, lines: 20, ports: 20 });
        assert.equal(JSON.stringify([...state.all()]), records, 'a preview changes nothing, nor its place in a listing');
        const affected = applyAffected(state, changes);
        for (const nodeId of affected.nodes()) {
          const plan = plans.get(nodeId);
          for (const { kind, key } of affected.of(nodeId)) {
            const body = render(state, FACTS, nodeId, kind, key);
            if (body === undefined) plan?.delete(kind, key);
            else plan?.set(kind, key, body);
          }
        }
        for (const [nodeId, plan] of plans) {
          const what = `step ${step}: ${JSON.stringify(next)}, node ${nodeId}`;
          const now = dump(plan);
          assert.deepEqual(now, dump(compile(state, FACTS, nodeId)), what);
          assert.deepEqual(changedRefs(foreseen, nodeId), refsThatDiffer(asWas.get(nodeId) ?? [], now), `${what}: as foreseen`);
          // The sets that members are put into are made by the rules that name them.
          const named = new Set([...plan.of('group').values()].flatMap(({ rules }) => rules.map(({ remoteGroup }) => remoteGroup)));
          for (const { groupId } of plan.of('member').values()) assert.ok(named.has(groupId), `${what}: nobody names ${groupId}`);
        }
        for (const gone of changes.remove) {
          if (gone.kind === 'concentrator' && (gone.routerId ?? gone.networkId) === undefined && state.tenants.has(gone.tenantId))
            assert.equal(isConcentratorUsed(state, gone), false);
        }
      }
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 150) },
  );
});

test('the indexes of a state that was changed step by step equal those of one loaded at once, and records survive the store', () => {
  fc.assert(
    fc.property(fc.array(wish, { maxLength: 60 }), (wishes) => {
      const state = new ClusterState();
      const ctx = context();
      for (const next of [...START, ...UNROUTED, ...ROUTED, ...AUTOMATIC, ...wishes]) {
        const changes = refusedIsFine(() => withHolds(state, ctx, decide(state, ctx, next)));
        if (changes !== undefined) state.apply(changes);
      }
      const loaded = new ClusterState();
      loaded.apply({ put: [...state.all()].map((resource) => parseResource(JSON.parse(JSON.stringify(resource)))), remove: [] });
      for (const nodeId of NODES) assert.deepEqual(dump(compile(loaded, FACTS, nodeId)), dump(compile(state, FACTS, nodeId)));
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 50) },
  );
});

test('every body that is rendered parses back to itself, and digests do not depend on order', () => {
  const state = new ClusterState();
  const ctx = context();
  for (const next of START) state.apply(decide(state, ctx, next));
  const sha256 = (text: string): Uint8Array => createHash('sha256').update(text).digest();
  const kinds = new Set<string>();
  for (const nodeId of NODES) {
    const plan = compile(state, FACTS, nodeId);
    const reversed = new Plan();
    for (const ref of [...plan.refs()].toReversed()) {
      kinds.add(ref.kind);
      const body = plan.get(ref.kind, ref.key);
      assert.ok(body !== undefined);
      const parsed = parsePlanBody(ref.kind, PLAN_VERSIONS[ref.kind], JSON.parse(JSON.stringify(body)));
      assert.deepEqual(parsed, body, `${ref.kind} ${ref.key}`);
      reversed.set(ref.kind, ref.key, parsed);
    }
    assert.deepEqual(planDigests(reversed, sha256), planDigests(plan, sha256));
  }
  assert.deepEqual([...kinds].toSorted(), Object.keys(PLAN_VERSIONS).toSorted(), 'the example has every kind');
});

test('a segment says where its gateway is, on every node but the gateway’s own', () => {
  const state = new ClusterState();
  const ctx = context();
  for (const next of START) state.apply(decide(state, ctx, next));
  const told = [0, 0];
  for (const nodeId of NODES) {
    for (const body of compile(state, FACTS, nodeId).of('segment').values()) {
      const network = state.networkByVni.get(body.vni);
      const gateway = network === undefined ? undefined : state.gatewayOf(network);
      assert.ok(gateway !== undefined);
      const home = gateway.nodeId === undefined ? undefined : state.nodes.get(gateway.nodeId);
      const expected =
        home === undefined || home.id === nodeId
          ? undefined
          : { concentratorId: gateway.id, tenantId: gateway.tenantId, vtep: home.vtep, subnet: '10.0.1.0/28' };
      assert.deepEqual(body.gateway, expected, `${body.vni} on ${nodeId}`);
      told[expected === undefined ? 0 : 1]! += 1;
    }
  }
  assert.ok(Math.min(...told) > 0, `the example has both: ${told.join(' without, ')} with`);
});

test('the example with a shared network has what it is for: workloads of two projects on one segment, and names of guests made of addresses', () => {
  const state = new ClusterState();
  const ctx = context();
  for (const next of [...START, ...SHARED]) {
    const changes = refusedIsFine(() => withHolds(state, ctx, decide(state, ctx, next)));
    if (changes !== undefined) state.apply(changes);
  }
  const [shared] = [...state.networks.values()].filter(({ id }) => isShared(state, id));
  assert.ok(shared !== undefined);
  const ports = [...state.portsOf(shared.id)];
  assert.deepEqual(
    ports.map((port) => [isGuest(state, port), state.nodeOfPort(port.id) !== undefined]),
    [false, true, true].map((guest) => [guest, true]),
  );
  const compiled = NODES.map((nodeId) => compile(state, FACTS, nodeId));
  for (const port of ports) {
    const home = compiled[NODES.indexOf(state.nodeOfPort(port.id)!)]!;
    assert.deepEqual(home.of('port').get(port.id)?.vni, shared.vni, 'every port is on the segment of the network');
    assert.deepEqual(
      home
        .of('port')
        .get(port.id)
        ?.groups.map((id) => state.securityGroups.get(id)?.tenantId),
      [port.tenantId],
    );
  }
});

test('the example with routers has what it is for: both reach outside, and a public address leads through one', () => {
  const state = new ClusterState();
  const ctx = context();
  for (const next of [...START, ...ROUTED]) {
    const changes = refusedIsFine(() => decide(state, ctx, next));
    if (changes !== undefined) state.apply(changes);
  }
  const gateways = NODES.flatMap((nodeId) => [...compile(state, FACTS, nodeId).of('gateway').values()]);
  const ofRouters = gateways.filter(
    ({ forwarding, uplink, segments }) => forwarding === true && uplink !== undefined && segments.length > 0,
  );
  const answering = [...state.floatingIps.values()].flatMap((floating) => answererOf(state, floating)?.routerId ?? []);
  assert.ok(ofRouters.length >= 2 && answering.length > 0, `${ofRouters.length} gateways, ${answering.length} public addresses`);
});

test('the example without routers has what it is for: two DHCP servers on nodes, with addresses to give', () => {
  const state = new ClusterState();
  const ctx = context();
  for (const next of [...START, ...UNROUTED]) state.apply(decide(state, ctx, next));
  const servers = NODES.flatMap((nodeId) => {
    const plan = compile(state, FACTS, nodeId);
    const hosts = [...plan.of('dhcphost').values()].map(({ concentratorId }) => concentratorId);
    return [...plan.of('gateway').values()].filter((body) => body.forwarding === false && hosts.includes(body.concentratorId));
  });
  assert.equal(servers.length, 2);
  for (const { segments, uplink } of servers) {
    assert.equal(uplink, undefined);
    assert.ok(segments.every(({ subnets }) => subnets.every(({ dhcp }) => dhcp)));
  }
});

test('one port of a large segment changes a handful of resources per node, not the segment', () => {
  const state = new ClusterState();
  const ctx = context();
  for (const next of START) state.apply(decide(state, ctx, next));
  const network = [...state.networks.values()].find((candidate) => [...state.portsOf(candidate.id)].length > 0);
  assert.ok(network !== undefined);
  const subnet = createSubnet(state, ctx, {
    networkId: network.id,
    name: '',
    description: '',
    cidr: parseCidr('10.9.0.0/16'),
    gatewayIp: undefined,
    enableDhcp: true,
    dnsNameservers: [],
    allocationPools: undefined,
  });
  state.apply(subnet);
  const create = (): Changes & { port: Resource } =>
    createPort(state, ctx, {
      networkId: network.id,
      name: '',
      description: '',
      adminStateUp: true,
      mac: undefined,
      fixedIps: [{ subnetId: subnet.subnet.id, address: undefined }],
      securityGroups: undefined,
      portSecurityEnabled: undefined,
      deviceId: '',
      deviceOwner: '',
    });
  const place = (changes: ReturnType<typeof create>): number => {
    applyAffected(state, changes);
    const instance = createInstance(state, ctx, {
      tenantId: network.tenantId,
      name: '',
      command: ['true'],
      portId: changes.port.id as never,
      addressing: 'static',
      nodeId: undefined,
    });
    applyAffected(state, instance);
    const nodeId = [...state.nodesOf(network.id)][0];
    assert.ok(nodeId !== undefined);
    const affected = applyAffected(state, placeInstance(state, ctx, instance.instance.id, nodeId));
    return [...affected.nodes()].reduce((sum, id) => sum + [...affected.of(id)].length, 0);
  };
  const atFirst = place(create());
  for (let n = 0; n < 300; n += 1) place(create());
  assert.ok(place(create()) <= atFirst + 2, 'the cost did not grow with 300 ports more');
});
