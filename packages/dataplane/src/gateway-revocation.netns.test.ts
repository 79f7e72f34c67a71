import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ipv4 } from '@weft/core/ipv4';
import type { CompiledFirewallRule } from '@weft/core/plan/firewall';
import { Conntrack } from '@weft/netlink/conntrack';
import { Dataplane } from './dataplane.ts';
import { assertOver, Talk } from './talk.testing.ts';
import { gatewayId, ip, OUTSIDE, OUTSIDE_TOO, setPublicIp, sha256, TwoNodes } from './two-nodes.testing.ts';

/** What ends at a gateway, and above all what does not, with the kernel's own connections. */
const PUBLIC = ip('203.0.113.101');
const GATEWAY = ip('203.0.113.11');
const [W1, W2] = [ip('10.0.0.11'), ip('10.0.0.12')];

/** TCP to a port and the one below. */
const denied = (direction: 'inbound' | 'outbound', port: number, local?: readonly Ipv4[]): CompiledFirewallRule => ({
  direction,
  action: 'deny',
  protocol: 'tcp',
  remoteCidr: undefined,
  portMin: port - 1,
  portMax: port,
  local,
});

function setFirewall({ hub: { plan, dataplane } }: TwoNodes, ...rules: readonly CompiledFirewallRule[]): void {
  plan.set('firewall', gatewayId(1), { concentratorId: gatewayId(1), rules });
  assert.deepEqual(dataplane.apply(plan, [{ kind: 'firewall', key: gatewayId(1) }]), new Map());
}

/** Undefined: taken back. */
function setForward({ hub: { plan, dataplane } }: TwoNodes, port: number, to: readonly [Ipv4, number] | undefined): void {
  const ref = { kind: 'forward', key: `${GATEWAY}/tcp/${port}` } as const;
  const body = { concentratorId: gatewayId(1), address: GATEWAY, protocol: 'tcp', port } as const;
  if (to === undefined) plan.delete(ref.kind, ref.key);
  else plan.set(ref.kind, ref.key, { ...body, internal: to[0], internalPort: to[1] });
  assert.deepEqual(dataplane.apply(plan, [ref]), new Map());
}

test('a denial for all of a tenant ends what it denies, and what stays allowed goes on, also where only the far side talks', async () => {
  using nodes = new TwoNodes('mesh');
  setPublicIp(nodes.hub.plan, PUBLIC, W2);
  nodes.apply();
  const [w1, w2] = [nodes.workload(1), nodes.workload(2)];
  using out = await new Talk(w1, OUTSIDE, 90, { place: nodes.outside, port: 90 }).start();
  using byPublic = await new Talk(w2, OUTSIDE_TOO, 89, { place: nodes.outside, port: 89 }, 'server').start();
  using listening = await new Talk(w1, OUTSIDE, 91, { place: nodes.outside, port: 91 }, 'server').start();
  using sameServer = await new Talk(w2, OUTSIDE, 92, { place: nodes.outside, port: 92 }, 'server').start();
  using inbound = await new Talk(nodes.outside, PUBLIC, 90, { place: w2, port: 90 }).start();
  setFirewall(nodes, denied('outbound', 90));
  await assertOver([out, byPublic], [listening, sameServer, inbound], 'outbound');
  setFirewall(nodes, denied('outbound', 90), denied('inbound', 90, [W2]));
  await assertOver([inbound], [listening, sameServer], 'inbound');
});

test('what was taken up in its middle ends too, whichever side was heard first', async () => {
  using nodes = new TwoNodes('mesh');
  setPublicIp(nodes.hub.plan, PUBLIC, W2);
  nodes.apply();
  const w2 = nodes.workload(2);
  // Only the workload talks, and so it is heard first.
  using turned = await new Talk(nodes.outside, PUBLIC, 80, { place: w2, port: 80 }, 'server').start();
  using other = await new Talk(nodes.outside, PUBLIC, 81, { place: w2, port: 81 }, 'server').start();
  using conntrack = Conntrack.open(nodes.gatewayNetns(1));
  conntrack.deleteByZone(0);
  for (const talk of [turned, other]) await talk.goesOn(1000);
  const takenUp = conntrack.list().filter(({ isPickedUp, source }) => isPickedUp && source === W2);
  assert.deepEqual(new Set(takenUp.map(({ sourcePort }) => sourcePort)), new Set([80, 81]));
  setFirewall(nodes, denied('inbound', 80));
  await assertOver([turned], [other], 'taken up');
});

test('a forward that goes or leads elsewhere ends its own connections, whoever goes on talking, and no others of the same client', async () => {
  using nodes = new TwoNodes('mesh');
  nodes.apply();
  setForward(nodes, 80, [W1, 80]);
  setForward(nodes, 81, [W1, 81]);
  setForward(nodes, 82, [W2, 82]);
  const [w1, w2] = [nodes.workload(1), nodes.workload(2)];
  // The same number on both sides: what the workload sends on its own would leave as if nothing had happened.
  using first = await new Talk(nodes.outside, GATEWAY, 80, { place: w1, port: 80 }).start();
  using second = await new Talk(nodes.outside, GATEWAY, 81, { place: w1, port: 81 }, 'server').start();
  using third = await new Talk(nodes.outside, GATEWAY, 82, { place: w2, port: 82 }, 'server').start();
  setForward(nodes, 80, undefined);
  await assertOver([first], [second, third], 'taken back');
  setForward(nodes, 82, [W1, 82]);
  await assertOver([third], [second], 'led elsewhere');
  using again = await new Talk(nodes.outside, GATEWAY, 82, { place: w1, port: 82 }).start();
  await assertOver([third], [second, again], 'and where it leads now it goes on');
});

test('a process that finds a revocation that another left undone carries it out, as exactly', async () => {
  using nodes = new TwoNodes('mesh');
  nodes.apply();
  setForward(nodes, 80, [W1, 80]);
  setForward(nodes, 81, [W1, 81]);
  const { plan, kernel, runDir } = nodes.hub;
  const w1 = nodes.workload(1);
  using first = await new Talk(nodes.outside, GATEWAY, 80, { place: w1, port: 80 }).start();
  using second = await new Talk(nodes.outside, GATEWAY, 81, { place: w1, port: 81 }, 'server').start();
  using out = await new Talk(w1, OUTSIDE, 90, { place: nodes.outside, port: 90 }).start();
  plan.delete('forward', `${GATEWAY}/tcp/80`);
  plan.set('firewall', gatewayId(1), { concentratorId: gatewayId(1), rules: [denied('outbound', 90)] });
  const facts = { vtep: ip('172.30.0.11'), underlayInterface: 'under', vxlanPort: 14_789, mtu: 1450, uplinkInterface: 'up' };
  const start = (given: typeof kernel): Dataplane =>
    new Dataplane(
      { facts: { ...facts, connectionsPerPort: 1000 }, runDir },
      { kernel: given, log: { info: () => {}, warn: () => {} }, sha256 },
    );
  const dying = new Proxy(kernel, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (name === 'forgetOver') {
        return () => {
          throw new Error('killed');
        };
      }
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  assert.deepEqual([...start(dying).apply(plan, 'all').keys()], ['node']);
  await first.goesOn(1000);
  assert.deepEqual(start(kernel).apply(plan, 'all'), new Map());
  await assertOver([first, out], [second], 'after the restart');
});
