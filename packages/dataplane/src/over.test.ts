import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cidr } from '@weft/core/cidr';
import type { CompiledFirewallRule } from '@weft/core/plan/firewall';
import type { ConntrackEntry } from '@weft/netlink/conntrack';
import { isOver } from './over.ts';
import type { Over } from './over.ts';
import { ipv4 } from './plan-builder.testing.ts';

const [W, FAR, GATEWAY] = [ipv4('10.0.0.11'), ipv4('198.51.100.7'), ipv4('203.0.113.11')];
const [TCP, UDP, ICMP] = [6, 17, 1];

const made = (given: Partial<ConntrackEntry>): ConntrackEntry => ({
  zone: 0,
  protocol: TCP,
  source: W,
  destination: FAR,
  sourcePort: 40_000,
  destinationPort: 80,
  icmpType: undefined,
  icmpCode: undefined,
  reply: { source: FAR, destination: GATEWAY, sourcePort: 80, destinationPort: 40_000 },
  mark: 0,
  isLed: false,
  isPickedUp: false,
  ...given,
});
/** From outside, by port 8080 of the gateway, to port 80 of the workload. */
const LED = made({
  source: FAR,
  destination: GATEWAY,
  destinationPort: 8080,
  reply: { source: W, destination: FAR, sourcePort: 80, destinationPort: 40_000 },
  isLed: true,
});

function byFirewall(entry: ConntrackEntry, ...rules: readonly Partial<CompiledFirewallRule>[]): boolean {
  const none = { protocol: undefined, remoteCidr: undefined, portMin: undefined, portMax: undefined, local: undefined };
  const all = rules.map((rule): CompiledFirewallRule => ({ direction: 'outbound', action: 'deny', ...none, ...rule }));
  return isOver({ services: new Map(), firewall: { rules: all, subnets: ['10.0.0.0/24' as Cidr] } }, entry);
}

test('the first rule that fits a connection decides, by the addresses and port inside', () => {
  const web = { protocol: 'tcp', portMin: 80, portMax: 80 } as const;
  assert.equal(byFirewall(made({}), web), true);
  assert.equal(byFirewall(made({}), { ...web, action: 'allow' }, web), false);
  for (const other of [
    { portMin: 81, portMax: 90 },
    { protocol: 'udp' },
    { local: [FAR] },
    { remoteCidr: '10.0.0.0/24' as Cidr },
    { direction: 'inbound' },
  ]) {
    assert.equal(byFirewall(made({}), { ...web, ...other } as Partial<CompiledFirewallRule>), false, JSON.stringify(other));
  }
  assert.equal(byFirewall(LED, { ...web, direction: 'inbound', local: [W], remoteCidr: '198.51.100.0/24' as Cidr }), true);
  assert.equal(byFirewall(LED, { ...web, direction: 'inbound', portMin: 8080, portMax: 8080 }), false, 'not the port outside');
  assert.equal(byFirewall(made({ protocol: ICMP, sourcePort: undefined, destinationPort: undefined }), { protocol: 'icmp' }), true);
  assert.equal(byFirewall(made({}), {}), true, 'a rule about everything');
});

test('what stays within the tenant, or ends at the gateway, no firewall is asked about', () => {
  const neighbour = ipv4('10.0.0.12');
  assert.equal(
    byFirewall(made({ destination: neighbour, reply: { ...made({}).reply, source: neighbour } }), {}, { direction: 'inbound' }),
    false,
  );
  assert.equal(
    byFirewall(made({ source: FAR, destination: GATEWAY, reply: { ...made({}).reply, source: GATEWAY } }), {}, { direction: 'inbound' }),
    false,
  );
});

test('what was taken up in its middle is also asked about turned round, and nothing else is', () => {
  const turned = made({ sourcePort: 22, destinationPort: 40_000, reply: { ...made({}).reply, sourcePort: 40_000, destinationPort: 22 } });
  const ssh = { direction: 'inbound', protocol: 'tcp', portMin: 22, portMax: 22 } as const;
  assert.deepEqual([byFirewall(turned, ssh), byFirewall({ ...turned, isPickedUp: true }, ssh)], [false, true]);
});

test('of a service that leads elsewhere now, what leads there is not over, and nothing is that a NAT rule led', () => {
  const over = (now: { address: typeof W; port: number } | undefined): Over => ({
    services: new Map([['203.0.113.11/tcp/8080', now]]),
    firewall: undefined,
  });
  assert.equal(isOver(over(undefined), LED), true);
  assert.equal(isOver(over({ address: W, port: 81 }), LED), true);
  assert.equal(isOver(over({ address: W, port: 80 }), LED), false);
  for (const other of [{ mark: 7 }, { protocol: UDP }, { destinationPort: 8081 }, { isLed: false }, { destination: FAR }]) {
    assert.equal(isOver(over(undefined), { ...LED, ...other }), false, JSON.stringify(other));
  }
  const heardFirst = made({ sourcePort: 8080, reply: { ...made({}).reply, destinationPort: 8080 }, isPickedUp: true });
  assert.deepEqual([isOver(over(undefined), heardFirst), isOver(over(undefined), { ...heardFirst, isPickedUp: false })], [true, false]);
});
