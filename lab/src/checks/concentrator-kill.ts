import { linkDelete, linkList } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsDelete, netnsIsPinned } from '@weft/sys/netns';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { tcpServer } from '../probe/tcp-server.ts';
import { waitFor } from '../wait.ts';
import { gatewayServes, nameServer } from './gateway-serves.ts';
import type { LabCheck } from './lab-check.ts';
import { addressIs, publicAddress } from './public.ts';
import { undisturbed } from './traffic.ts';

const PORT = 8080;
const READY_MS = 5000;
const BACK_MS = 5000;

/**
 * Somebody destroys red's gateway, its namespace and its server of leases and names: it is back within five seconds, with everything. What
 * does not pass it notices nothing, red's own traffic between nodes least of all.
 */
export const CONCENTRATOR_KILL: LabCheck = {
  id: 'concentrator-kill',
  needs: ['ping-mesh', 'ping-concentrator', 'outbound-nat', 'dhcp-lease', 'dns-name', 'public-ip'],
  disturbs: true,
  run: async (context) => {
    const { red, blue } = context.scenario;
    const open2 = context.workload(red, 'open2');
    await using own = await publicAddress(context, red, open2);
    await addressIs(context, red, own, 'ACTIVE');
    using server = tcpServer(context.place(open2), PORT);
    const where = context.gatewayLog(red);
    const waysIn = [{ what: 'open2', address: own.address, port: server.port, where }];
    const watch = { where, signal: context.signal };
    await waitFor({ ...watch, expected: "red's gateway to serve before it is destroyed", withinMs: READY_MS }, () =>
      gatewayServes(context, red, waysIn),
    );
    const flows = [
      { tenant: red, from: 'alpha', to: 'charlie' },
      { tenant: blue, from: 'alpha', to: 'charlie' },
      { tenant: blue, from: 'bravo', to: 'outside' },
    ];
    let backMs = 0;
    const detail = await undisturbed(context, flows, async () => {
      const startMs = performance.now();
      destroyGateway(context);
      await waitFor({ ...watch, expected: "red's gateway to be back with all it serves", withinMs: BACK_MS }, () =>
        gatewayServes(context, red, waysIn),
      );
      backMs = performance.now() - startMs;
    });
    return `back after ${(backMs / 1000).toFixed(1)} s with leases, names, public address and NAT; elsewhere ${detail}`;
  },
};

function destroyGateway(context: CheckContext): void {
  const { red } = context.scenario;
  const node = context.gatewayNode(red);
  const pin = context.gatewayPin(node, red.concentratorId);
  const server = nameServer(context, node, red);
  expect(server !== undefined, "red's gateway to have a server of leases and names", 'no process');
  {
    // Whoever has the namespace open keeps it alive: so first what is in it.
    using rtnl = Rtnl.open(context.gatewayPlace(red).netns);
    for (const { name, index } of linkList(rtnl)) if (name !== 'lo') linkDelete(rtnl, index);
  }
  context.releaseGateway(red);
  process.kill(server.pid, 'SIGKILL');
  netnsDelete(pin);
  expect(!netnsIsPinned(pin), "red's gateway to be destroyed", pin);
}
