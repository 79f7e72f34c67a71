import { parseIpv4 } from '@weft/core/ipv4';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { tcpServer } from '../probe/tcp-server.ts';
import type { LabTenant } from '../scenario.ts';
import type { LabCheck } from './lab-check.ts';
import { nothingAt, reaches } from './public.ts';
import type { Service } from './public.ts';

const SSH_PORT = 22;

/** Port 22 of a workload is reached from outside where the API says, as long as its tenant wants that. */
export const SSH_REACH: LabCheck = {
  id: 'ssh-reach',
  needs: ['outbound-nat'],
  disturbs: false,
  run: async (context) => {
    const { red, blue } = context.scenario;
    const details = await Promise.all([red, blue].map((tenant) => reachedBySsh(context, tenant)));
    return `${details.join('; ')}; not once it is switched off`;
  },
};

async function reachedBySsh(context: CheckContext, tenant: LabTenant): Promise<string> {
  const workload = context.workload(tenant, 'open2');
  const where = context.gatewayLog(tenant);
  const outside = { name: 'the outside host', place: context.outsidePlace() };
  using server = tcpServer(context.place(workload), SSH_PORT);
  let service: Service;
  await tenant.client.tenants.update(tenant.id, { ssh_reach: true });
  try {
    const { ssh_ip: ip, ssh_port: port } = await tenant.client.instances.show(workload.instanceId);
    const { first, last } = context.lab.topology.sshPorts;
    const right = ip === tenant.uplinkAddress && port !== null && port >= first && port <= last;
    expect(right, `SSH to ${tenant.name} open2 at ${tenant.uplinkAddress} and a port of ${first}…${last}`, `${ip}:${port}`, where);
    service = { what: `${tenant.name} open2:${server.port}`, address: parseIpv4(ip), port, where };
    await reaches(context, outside, service, context.lab.topology.outsideHost, true);
  } finally {
    await tenant.client.tenants.update(tenant.id, { ssh_reach: false });
  }
  await nothingAt(context, outside, service);
  const { ssh_ip: ip, ssh_port: port } = await tenant.client.instances.show(workload.instanceId);
  expect(ip === null && port === null, `${tenant.name} open2 to have no SSH address any more`, `${ip}:${port}`);
  return `${service.what} answers at ${service.address}:${service.port}`;
}
