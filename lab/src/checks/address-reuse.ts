import { ApiError } from '@weft/api/api-error';
import { parseIpv4 } from '@weft/core/ipv4';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { tcpServer } from '../probe/tcp-server.ts';
import { waitFor } from '../wait.ts';
import type { LabCheck } from './lab-check.ts';
import { addressIs, publicAddress, reaches } from './public.ts';
import type { PublicAddress } from './public.ts';

const PORT = 8082;
/** Less than it takes the scheduler to believe that a launcher which says nothing is gone. */
const STOPPED_MS = 700;
const FREED_MS = 10_000;

/**
 * Red's public address is not blue's before red's gateway has let go of it: as long as its launcher does not get to that, blue is refused;
 * then blue has it, and it leads to blue's workload.
 */
export const ADDRESS_REUSE: LabCheck = {
  id: 'address-reuse',
  needs: ['public-ip'],
  disturbs: true,
  run: async (context) => {
    const { red, blue } = context.scenario;
    const workload = context.workload(blue, 'open2');
    const node = context.gatewayNode(red);
    const where = context.logOf(node);
    const { address, refusals } = await releasedWhileStopped(context);
    const granted = await waitFor(
      { expected: `${address} to be free once ${node} has let go of it`, withinMs: FREED_MS, where, signal: context.signal },
      async () => {
        const answer = await ask(context, address);
        return answer instanceof ApiError ? { seen: answer.message } : { done: answer };
      },
    );
    await using own = granted;
    await addressIs(context, blue, own, 'ACTIVE');
    using server = tcpServer(context.place(workload), PORT);
    const service = { what: 'blue open2', address: own.address, port: server.port, where: context.gatewayLog(blue) };
    const stranger = { name: 'the outside host', place: context.outsidePlace() };
    await reaches(context, stranger, service, context.lab.topology.outsideHost);
    return `${address} was refused ${refusals} times while ${node} had not let go of it, then it was blue’s`;
  },
};

/** Red's gateway serves an address, its launcher stops, red gives the address back; nobody gets it. */
async function releasedWhileStopped(context: CheckContext): Promise<Readonly<{ address: PublicAddress['address']; refusals: number }>> {
  const { red } = context.scenario;
  const node = context.gatewayNode(red);
  const launcher = context.lab.daemon(node);
  const own = await publicAddress(context, red, context.workload(red, 'open2'));
  await using undo = new AsyncDisposableStack();
  undo.use(own);
  await addressIs(context, red, own, 'ACTIVE');
  launcher.signal('SIGSTOP');
  undo.defer(() => launcher.signal('SIGCONT'));
  await red.client.floatingIps.update(own.id, { port_id: null });
  await red.client.floatingIps.delete(own.id);
  // It is given back already; only the launcher is left to set going.
  undo.move();
  try {
    const until = performance.now() + STOPPED_MS;
    let refusals = 0;
    while (performance.now() < until) {
      const answer = await ask(context, own.address);
      if (!(answer instanceof ApiError)) await answer[Symbol.asyncDispose]();
      const expected = `blue to be refused ${own.address} while ${node} has not let go of it`;
      expect(answer instanceof ApiError, expected, 'blue was given it', context.logOf(node));
      expect(answer.status === 409 && /has not confirmed/.test(answer.message), expected, answer.message, context.logOf('control'));
      refusals += 1;
    }
    return { address: own.address, refusals };
  } finally {
    launcher.signal('SIGCONT');
  }
}

/** The administrator wants just this address for blue's workload. */
async function ask(context: CheckContext, address: PublicAddress['address']): Promise<PublicAddress | ApiError> {
  const { blue } = context.scenario;
  try {
    const made = await context.lab.client().floatingIps.create({
      floating_network_id: context.scenario.outsideNetworkId,
      floating_ip_address: address,
      port_id: context.workload(blue, 'open2').portId,
    });
    return {
      id: made.id,
      address: parseIpv4(made.floating_ip_address),
      [Symbol.asyncDispose]: () => blue.client.floatingIps.delete(made.id),
    };
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}
