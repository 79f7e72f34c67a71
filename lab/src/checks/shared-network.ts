import type { WeftClient } from '@weft/api/client';
import { parseCidr } from '@weft/core/cidr';
import { parseIpv4 } from '@weft/core/ipv4';
import { parseMac } from '@weft/core/mac';
import { parseUuid } from '@weft/core/uuid';
import type { InstanceId, PortId } from '@weft/core/uuid';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { tcpConnect } from '../probe/tcp-connect.ts';
import type { TcpOutcome } from '../probe/tcp-connect.ts';
import { tcpServer } from '../probe/tcp-server.ts';
import { deleteWorkload, workloadActive, workloadSpec } from '../scenario.ts';
import type { LabTenant, Workload } from '../scenario.ts';
import { waitFor } from '../wait.ts';
import { outcomeText } from './default-security-group.ts';
import type { LabCheck } from './lab-check.ts';

/** Nobody has it on another network: on a shared one addresses are unambiguous. */
export const SHARED_CIDR = parseCidr('10.60.0.0/24');
const PORT = 8091;
const SETTLED_MS = 5000;
const LOOK_MS = 300;
/** A SYN that was merely lost is sent again after a second, and would get through. */
const SILENT_MS = 1500;

/** Two projects on one network: they talk while the group of who is asked admits it, and no longer when it does not. */
export const SHARED_NETWORK: LabCheck = {
  id: 'shared-network',
  needs: ['ping-mesh', 'default-security-group'],
  disturbs: true,
  run: async (context) => {
    const { red, blue } = context.scenario;
    const network = await red.client.networks.create({ name: 'shared' });
    const cleanUp: (() => Promise<unknown>)[] = [() => red.client.networks.delete(network.id)];
    try {
      const subnet = await red.client.subnets.create({ network_id: network.id, cidr: SHARED_CIDR, ip_version: 4 });
      const policy = { object_type: 'network', object_id: network.id, action: 'access_as_shared', target_tenant: blue.id };
      await red.client.call('POST', '/v2.0/rbac-policies', { rbac_policy: policy });
      const plug = async (tenant: LabTenant, name: string, node: 'compute1' | 'compute2') => {
        const group = await openGroup(tenant.client);
        cleanUp.unshift(() => tenant.client.securityGroups.delete(group.id));
        const workload = await plugged(context, tenant, { name, node, networkId: network.id, subnetId: subnet.id, groupId: group.id });
        cleanUp.unshift(() => deleteWorkload(context.lab, tenant.client, workload));
        await workloadActive(context.lab, tenant.client, workload);
        return { workload, rule: group.rule, client: tenant.client };
      };
      const [host, guest] = [await plug(red, 'host', 'compute1'), await plug(blue, 'guest', 'compute2')];
      for (const [from, to] of [
        [host, guest],
        [guest, host],
      ] as const) {
        using server = tcpServer(context.place(to.workload), PORT);
        const attempt = (timeoutMs: number): Promise<TcpOutcome> =>
          tcpConnect(context.place(from.workload), to.workload.ip, server.port, { timeoutMs, signal: context.signal });
        const where = context.logOf(to.workload.node);
        const what = `${from.workload.name} to reach ${to.workload.name}`;
        await waitFor({ expected: `${what}, whose group admits it`, withinMs: SETTLED_MS, where, signal: context.signal }, async () => {
          const outcome = await attempt(SILENT_MS);
          return outcome.kind === 'connected' && outcome.seenAs === from.workload.ip ? { done: undefined } : { seen: outcomeText(outcome) };
        });
        await to.client.call('DELETE', `/v2.0/security-group-rules/${to.rule}`, undefined);
        await waitFor({ expected: `${what} no more`, withinMs: SETTLED_MS, where, signal: context.signal }, async () => {
          const outcome = await attempt(LOOK_MS);
          return outcome.kind === 'connected' ? { seen: outcomeText(outcome) } : { done: undefined };
        });
        const silent = await attempt(SILENT_MS);
        expect(silent.kind === 'timeout', `${what} no more, as its group admits nobody`, outcomeText(silent), where);
      }
      return `red’s ${host.workload.ip} and blue’s ${guest.workload.ip} talked while their groups let them, and not a rule longer`;
    } finally {
      for (const step of cleanUp) await step();
    }
  },
};

/** A group that admits the whole network to the port that is asked. */
async function openGroup(client: WeftClient): Promise<Readonly<{ id: string; rule: string }>> {
  const { id } = await client.securityGroups.create({ name: 'shared-network' });
  const match = { direction: 'ingress', protocol: 'tcp', port_range_min: PORT, port_range_max: PORT, remote_ip_prefix: SHARED_CIDR };
  const made = await client.call<{ security_group_rule: { id: string } }>('POST', '/v2.0/security-group-rules', {
    security_group_rule: { security_group_id: id, ...match },
  });
  return { id, rule: made.security_group_rule.id };
}

type Plug = Readonly<{ name: string; node: 'compute1' | 'compute2'; networkId: string; subnetId: string; groupId: string }>;

/** A guest has the address and MAC that it is given. */
async function plugged(context: CheckContext, tenant: LabTenant, { name, node, networkId, subnetId, groupId }: Plug): Promise<Workload> {
  const fixed_ips = [{ subnet_id: subnetId }];
  const port = await tenant.client.ports.create({ name, network_id: networkId, fixed_ips, security_groups: [groupId] });
  const node_id = context.lab.nodeId(node);
  const command = ['sleep', 'infinity'];
  const instance = await tenant.client.instances.create({ name, command, port_id: port.id, addressing: 'static', node_id });
  return {
    ...workloadSpec(name, node, 11),
    ip: parseIpv4(port.fixed_ips[0]?.ip_address),
    mac: parseMac(port.mac_address),
    tenant: tenant.name,
    portId: parseUuid<PortId>(port.id),
    instanceId: parseUuid<InstanceId>(instance.id),
  };
}
