import { ApiError } from '@weft/api/api-error';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { nodesInSync } from '../nodes.ts';
import { pause } from '../probe/ticker.ts';
import type { LabCheck } from './lab-check.ts';
import { everyFlow, undisturbed } from './traffic.ts';

const DOWN_MS = 4000;
const REFUSED_MS = 2000;

/** The server is killed and stays away for seconds: traffic does not notice, and whoever asks for something is told so at once. */
export const CONTROL_PLANE_DOWN: LabCheck = {
  id: 'control-plane-down',
  needs: ['ping-mesh', 'ping-concentrator', 'outbound-nat'],
  disturbs: true,
  run: async (context) => {
    const { lab } = context;
    const server = lab.daemon('control');
    let refusedMs = 0;
    const detail = await undisturbed(context, everyFlow(context), async () => {
      await server.kill();
      try {
        refusedMs = await refused(context);
        await pause(DOWN_MS, context.signal);
      } finally {
        server.start();
      }
      await lab.serverReady();
      await nodesInSync(lab);
    });
    return `${detail}; a request was refused after ${refusedMs.toFixed(0)} ms`;
  },
};

async function refused(context: CheckContext): Promise<number> {
  const startMs = performance.now();
  const answer = await context.scenario.red.client.networks.list().catch((error: unknown) => error);
  const took = performance.now() - startMs;
  const clear = answer instanceof ApiError && answer.status === 0 && took < REFUSED_MS;
  const seen = answer instanceof Error ? `${answer.message} after ${took.toFixed(0)} ms` : 'an answer';
  expect(clear, `a request to fail with a clear error within ${REFUSED_MS} ms`, seen);
  return took;
}
