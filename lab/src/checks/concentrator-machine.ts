import { readFileSync } from 'node:fs';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { nodesInSync } from '../nodes.ts';
import { ping } from '../probe/ping.ts';
import { tcpServer } from '../probe/tcp-server.ts';
import type { LabNodeName } from '../topology.ts';
import { waitFor } from '../wait.ts';
import { bringHome, move, serving } from './concentrator-move.ts';
import type { LabCheck } from './lab-check.ts';
import { addressIs, publicAddress } from './public.ts';
import type { Service } from './public.ts';
import { undisturbed } from './traffic.ts';

const MACHINE: LabNodeName = 'concentrator1';
const PORT = 8080;
const THERE_MS = 15_000;
/** What the agent says each time that it tells the cluster of the gateways it hosts. */
const ANNOUNCED = 'gateways announced';

/**
 * Both tenants' concentrators go to a machine of their own: red's with all that it serves, and blue's, through which blue's nodes talk to one
 * another. There the agent is killed: traffic goes on, and the next one takes over and announces what it hosts. Then they go home.
 */
export const CONCENTRATOR_MACHINE: LabCheck = {
  id: 'concentrator-machine',
  needs: ['ping-mesh', 'ping-concentrator', 'outbound-nat', 'dhcp-lease', 'dns-name', 'public-ip'],
  disturbs: true,
  run: async (context) => {
    const { red, blue } = context.scenario;
    const homes = { red: context.gatewayNode(red), blue: context.gatewayNode(blue) };
    const open2 = context.workload(red, 'open2');
    await using own = await publicAddress(context, red, open2);
    try {
      await addressIs(context, red, own, 'ACTIVE');
      using _server = tcpServer(context.place(open2), PORT);
      const services: Service[] = [{ what: 'its public address', address: own.address, port: PORT, where: context.logOf(MACHINE) }];
      const thereMs = await move(context, MACHINE, own, services);
      await moveBlue(context, MACHINE);
      const flows = [
        { tenant: blue, from: 'alpha', to: 'charlie' },
        { tenant: blue, from: 'bravo', to: 'outside' },
        { tenant: red, from: 'bravo', to: 'outside' },
        { tenant: red, from: 'alpha', to: 'charlie' },
      ];
      const before = context.tunnelPackets(MACHINE, blue);
      const detail = await undisturbed(context, flows, () => killed(context));
      const after = context.tunnelPackets(MACHINE, blue);
      const carried = Math.min(after.received - before.received, after.sent - before.sent);
      expect(carried > 500, 'blue’s traffic to pass the machine', `${carried} packets`, context.logOf(MACHINE));
      await serving(context, services, THERE_MS, context.logOf(MACHINE));
      const backMs = await move(context, homes.red, own, services);
      await moveBlue(context, homes.blue);
      return `there in ${thereMs.toFixed(0)} ms and back in ${backMs.toFixed(0)} ms; its agent killed there: ${detail}, announced again`;
    } finally {
      if (context.gatewayNode(red) !== homes.red) await bringHome(context, homes.red);
      if (context.gatewayNode(blue) !== homes.blue) await moveBlue(context, homes.blue);
    }
  },
};

/** kill -9, and the next one has taken over and announced both gateways. */
async function killed(context: CheckContext): Promise<void> {
  const { lab, signal } = context;
  const agent = lab.daemon(MACHINE);
  await agent.kill();
  const announced = announcements(context);
  agent.start();
  await nodesInSync(lab);
  const watch = { expected: `${MACHINE} to announce what it hosts`, withinMs: THERE_MS, where: agent.logPath, signal };
  await waitFor(watch, () => (announcements(context) > announced ? { done: undefined } : { seen: 'nothing in its log' }));
  const states = await lab.client().concentrators.list();
  const wrong = states.filter(({ node_id, status }) => node_id === lab.nodeId(MACHINE) && status !== 'active');
  expect(wrong.length === 0, `the concentrators on ${MACHINE} to be active`, wrong.map(({ id, status }) => `${id} ${status}`).join(', '));
}

function announcements(context: CheckContext): number {
  return readFileSync(context.logOf(MACHINE), 'utf8').split(ANNOUNCED).length - 1;
}

/** Blue has nothing on the public side: it has moved when its gateway is there alone, and its nodes talk to one another by way of it. */
async function moveBlue(context: CheckContext, to: LabNodeName): Promise<void> {
  const { blue } = context.scenario;
  const { lab, signal } = context;
  const [alpha, charlie] = [context.place(context.workload(blue, 'alpha')), context.workload(blue, 'charlie').ip];
  context.releaseGateway(blue);
  await lab.client().concentrators.move(blue.concentratorId, { node_id: lab.nodeId(to) });
  await waitFor({ expected: `blue's gateway to be on ${to}`, withinMs: THERE_MS, where: context.logOf(to), signal }, async () => {
    const nodes = context.gatewayNodes(blue);
    if (nodes.join() !== to) return { seen: `it is on ${nodes.join(', ') || 'no node'}` };
    const { received } = await ping(alpha, charlie, { count: 3, timeoutMs: 300 });
    return received === 3 ? { done: undefined } : { seen: `${received} of 3 echoes between its nodes` };
  });
}
