import type { ClusterState } from '../cluster-state.ts';
import type { NatMatch, NatRule } from '../nat-rule.ts';
import type { Changes } from '../resource.ts';
import { isGuest } from '../sharing.ts';
import { isAutomaticallyRouted } from '../subnet-router.ts';
import type { FloatingIpId, NatRuleId, PortId, TenantId } from '../uuid.ts';
import { missingConcentrator } from './concentrator.ts';
import { Conflict, NotFound, Refused, revised, stamps } from './context.ts';
import type { CommandContext } from './context.ts';
import { LARGEST_FORWARDED_RANGE } from './port-forwarding.ts';

export type CreateNatRule = NatMatch &
  Readonly<{
    tenantId: TenantId;
    portId: PortId | undefined;
    floatingIpId: FloatingIpId | undefined;
    toPort: number | undefined;
    priority: number;
    description: string;
  }>;

/** Direction and workload stay; a key that is there with `undefined` takes that condition away. */
export type UpdateNatRule = Partial<Omit<CreateNatRule, 'tenantId' | 'portId' | 'direction'>>;

type Decision = Changes & Readonly<{ natRule: NatRule }>;

/** A translation between a tenant, or one workload of it, and the outside. */
export function createNatRule(state: ClusterState, context: CommandContext, request: CreateNatRule): Decision {
  if (!state.tenants.has(request.tenantId)) throw new NotFound('tenant', request.tenantId);
  const id = context.uuid() as NatRuleId;
  const natRule = checked(state, context, { kind: 'natRule', id, ...request, ...stamps(context) });
  const leadsIn = natRule.direction === 'inbound';
  return { put: [natRule, ...(leadsIn ? missingConcentrator(state, context, natRule.tenantId) : [])], remove: [], natRule };
}

export function updateNatRule(state: ClusterState, context: CommandContext, id: NatRuleId, request: UpdateNatRule): Decision {
  const old = state.natRules.get(id);
  if (old === undefined) throw new NotFound('natRule', id);
  const natRule = checked(state, context, revised<NatRule>(context, old, request));
  return { put: [natRule], remove: [], natRule };
}

export function deleteNatRule(state: ClusterState, id: NatRuleId): Changes {
  const rule = state.natRules.get(id);
  if (rule === undefined) throw new NotFound('natRule', id);
  return { put: [], remove: [rule] };
}

/** The rule as it is kept: `0.0.0.0/0` says no more than no prefix does. Throws what it cannot be. */
function checked(state: ClusterState, context: CommandContext, wanted: NatRule): NatRule {
  const rule = wanted.remoteCidr === '0.0.0.0/0' ? { ...wanted, remoteCidr: undefined } : wanted;
  checkNamed(state, rule);
  checkPorts(rule);
  if (rule.direction === 'inbound') checkInbound(context, rule);
  else if (rule.toPort !== undefined) {
    refuse('an outbound rule changes the source, and leads to no port', 'Leave to_port out, or make an inbound rule.');
  }
  checkUnique(state, rule);
  return rule;
}

function refuse(why: string, remedy: string): never {
  throw new Refused('invalid_nat_rule', why, { remedy });
}

/** The workload and the public address are the tenant's, and the gateway leads to the workload. */
function checkNamed(state: ClusterState, { tenantId, portId, floatingIpId }: NatRule): void {
  if (floatingIpId !== undefined && state.floatingIps.get(floatingIpId)?.tenantId !== tenantId) {
    throw new NotFound('floatingIp', floatingIpId);
  }
  if (portId === undefined) return;
  const port = state.ports.get(portId);
  if (port?.tenantId !== tenantId) throw new NotFound('port', portId);
  if (isGuest(state, port)) {
    refuse(
      `port ${portId} is on another project's network, and that one's gateway obeys rules of its own project only`,
      'Name a port on your own network.',
    );
  }
  const subnets = port.fixedIps.flatMap(({ subnetId }) => state.subnets.get(subnetId) ?? []);
  if (!subnets.some((subnet) => isAutomaticallyRouted(state, subnet))) {
    refuse(
      `port ${portId} has no address on a subnet with a gateway, so that nothing leads from it to the outside, or back`,
      'Give it an address on a subnet that has a gateway, or name another port.',
    );
  }
}

function checkPorts({ protocol, portMin, portMax }: NatRule): void {
  if (portMin === undefined && portMax === undefined) return;
  if (protocol !== 'tcp' && protocol !== 'udp') {
    refuse(
      `a rule for ${protocol ?? 'any protocol'} cannot name ports: only tcp and udp have them`,
      'Say tcp or udp, with a rule for each if both are meant, or leave the ports out.',
    );
  }
  if (portMin === undefined || portMax === undefined) {
    refuse(`a range of ports needs both ends; only ${portMin ?? portMax} is given`, 'For one port give it as both.');
  }
  if (portMin > portMax)
    refuse(`the range of ports ${portMin}-${portMax} ends before it begins`, `Say ${portMax}-${portMin} if that is meant.`);
}

function checkInbound(context: CommandContext, rule: NatRule): void {
  const { protocol, portMin, portMax, toPort, portId, floatingIpId } = rule;
  if (portId === undefined) refuse('an inbound rule leads to a workload, and none is named', 'Say port_id.');
  if (protocol !== 'tcp' && protocol !== 'udp') {
    refuse(
      `an inbound rule is for tcp or udp, not for ${protocol ?? 'any protocol'}`,
      'Say tcp or udp, with a rule for each if both are meant.',
    );
  }
  if (portMin === undefined || portMax === undefined)
    refuse('an inbound rule needs the ports that it is about', 'Say port_min and port_max.');
  const length = portMax - portMin + 1;
  if (length > LARGEST_FORWARDED_RANGE) {
    refuse(
      `${portMin}-${portMax} are ${length} ports, and a range may hold at most ${LARGEST_FORWARDED_RANGE}`,
      `Say ${portMin}-${portMin + LARGEST_FORWARDED_RANGE - 1}, and make another rule for the rest.`,
    );
  }
  if (toPort !== undefined && toPort + length - 1 > 65_535) {
    refuse(`${length} ports from ${toPort} on would end beyond 65535`, `Say to_port ${65_536 - length} at most.`);
  }
  const ssh = context.cluster.sshPorts;
  if (floatingIpId !== undefined || protocol !== 'tcp' || ssh === undefined || portMin > ssh.last || portMax < ssh.first) return;
  refuse(
    `ports ${ssh.first}-${ssh.last} of the gateway’s own address are kept for SSH to workloads`,
    `${nearestBeside(ssh, portMin, length)}Or name a floating IP.`,
  );
}

/** As many ports just below or just above a range that is kept, whichever is nearer to what was wanted. */
function nearestBeside(kept: Readonly<{ first: number; last: number }>, wanted: number, length: number): string {
  const [nearest] = [kept.first - length, kept.last + 1]
    .filter((first) => first >= 1 && first + length - 1 <= 65_535)
    .toSorted((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted));
  return nearest === undefined ? '' : `The nearest that can be are ${nearest}-${nearest + length - 1}. `;
}

/** Two rules of one priority with the same condition would have an order that nobody chose. */
function checkUnique(state: ClusterState, rule: NatRule): void {
  for (const other of state.natRulesOf(rule.tenantId)) {
    if (other.id === rule.id || other.priority !== rule.priority || !isSameTraffic(other, rule)) continue;
    throw new Conflict('nat_rule_exists', `NAT rule ${other.id} already translates that at priority ${rule.priority}`, {
      details: { natRule: other.id },
      remedy: 'Change or delete that one, or give this one another priority.',
    });
  }
}

/** Where it arrives tells traffic that comes in apart, whose it is tells apart what goes out. */
function isSameTraffic(a: NatRule, b: NatRule): boolean {
  const scope = a.direction === 'inbound' ? 'floatingIpId' : 'portId';
  return (['direction', scope, 'protocol', 'remoteCidr', 'portMin', 'portMax'] as const).every((key) => a[key] === b[key]);
}
