import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { tcpServer } from '../probe/tcp-server.ts';
import { token } from '../probe/token.ts';
import { udpAsk, udpEcho } from '../probe/udp-echo.ts';
import type { UdpAnswer } from '../probe/udp-echo.ts';
import { TENANT_GATEWAY } from '../scenario.ts';
import type { LabTenant } from '../scenario.ts';
import type { LabCheck } from './lab-check.ts';
import { addressIs, nothingAt, publicAddress, reaches } from './public.ts';
import type { Service } from './public.ts';

/** What strangers use, and where it leads. */
const TCP = { external: 8443, internal: 9443 };
export const UDP_FORWARD = { external: 8053, internal: 9053 };
const ANSWER_MS = 3000;
const SILENT_MS = 500;

/** Single ports of a public address lead to ports of a workload, TCP and UDP, in both topologies; what is not forwarded leads nowhere. */
export const PORT_FORWARD: LabCheck = {
  id: 'port-forward',
  needs: ['public-ip'],
  disturbs: false,
  run: async (context) => {
    const { red, blue } = context.scenario;
    const details = await Promise.all([red, blue].map((tenant) => forwarded(context, tenant)));
    return `${details.join('; ')}; refused once removed`;
  },
};

async function forwarded(context: CheckContext, tenant: LabTenant): Promise<string> {
  const workload = context.workload(tenant, 'open2');
  const place = context.place(workload);
  const where = context.gatewayLog(tenant);
  const { outsideHost } = context.lab.topology;
  const outside = { name: 'the outside host', place: context.outsidePlace() };
  const alpha = { name: `${tenant.name} alpha`, place: context.place(context.workload(tenant, 'alpha')) };
  await using shared = await publicAddress(context, tenant);
  const forwardings = tenant.client.portForwardings(shared.id);
  const forward = (protocol: 'tcp' | 'udp', { external, internal }: typeof TCP) =>
    forwardings.create({
      protocol,
      external_port: external,
      internal_port: internal,
      internal_port_id: workload.portId,
      internal_ip_address: workload.ip,
    });
  using server = tcpServer(place, TCP.internal);
  using echo = udpEcho(place, UDP_FORWARD.internal);
  const [tcp, udp] = [await forward('tcp', TCP), await forward('udp', UDP_FORWARD)];
  await addressIs(context, tenant, shared, 'ACTIVE');

  const service: Service = { what: `${tenant.name} open2:${server.port}`, address: shared.address, port: TCP.external, where };
  await reaches(context, outside, service, outsideHost, true);
  await reaches(context, alpha, service, TENANT_GATEWAY);
  const mark = token();
  const ask = (timeoutMs: number): Promise<UdpAnswer> =>
    udpAsk(outside.place, shared.address, UDP_FORWARD.external, { payload: mark, timeoutMs, signal: context.signal });
  const answer = await ask(ANSWER_MS);
  const right = answer.kind === 'answered' && answer.from === shared.address && Buffer.compare(answer.bytes, mark) === 0;
  const udpWanted = `a datagram from outside to ${shared.address}:${UDP_FORWARD.external} to come back from ${tenant.name} open2:${echo.port}`;
  expect(right, udpWanted, answer.kind, where);
  await nothingAt(context, outside, { ...service, port: server.port });

  const { received } = echo;
  await Promise.all([forwardings.delete(tcp.id), forwardings.delete(udp.id)]);
  await nothingAt(context, outside, service);
  const silence = await ask(SILENT_MS);
  const silent = silence.kind !== 'answered' && echo.received === received;
  expect(silent, 'no datagram to arrive once its forwarding was removed', `${silence.kind}, ${echo.received - received} arrived`, where);
  return `${tenant.name} ${shared.address}: tcp ${TCP.external} → ${TCP.internal}, udp ${UDP_FORWARD.external} → ${UDP_FORWARD.internal}`;
}
