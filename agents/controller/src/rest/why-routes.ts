import type { DropView, PortWhyView } from '@weft/api/v1';
import type { ClusterState } from '@weft/core/cluster-state';
import { DROPS, dropParts } from '@weft/core/drop-reason';
import type { DropCount } from '@weft/core/drop-reason';
import { isIpv4 } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Port } from '@weft/core/resource';
import type { NodeId } from '@weft/core/uuid';
import { WeftError } from '@weft/core/weft-error';
import { GATEWAY_DROPS, parseDropCounts, PORT_DROPS } from '@weft/ssntp/payloads/port-drops';
import type { GatewayDrops, PortDrops } from '@weft/ssntp/payloads/port-drops';
import type { FastifyInstance } from 'fastify';
import type { Controller } from '../controller.ts';
import { portNotes, silenceNotes } from '../port-notes.ts';
import { visible } from './visibility.ts';
import type { RestContext } from './rest-context.ts';

type WithId = { Params: { id: string } };

/** Why a port's packets do not arrive: its own node and its gateway's are asked what they dropped, the rest is seen in the state. */
export function whyRoutes(scope: FastifyInstance, { controller, caller }: RestContext): void {
  scope.route<WithId>({
    method: 'GET',
    url: '/ports/:id/why',
    handler: async (request): Promise<PortWhyView> => {
      const { cluster, statusSources } = controller;
      const port = visible(cluster.state, caller(request), 'port', request.params.id);
      const questions = questionsAbout(cluster.state, port);
      const notes = portNotes(statusSources, port);
      const [answers] = await Promise.all([Promise.all(questions.map((question) => answered(controller, question))), cluster.settled()]);
      const silent = [...new Set(questions.filter((_, at) => answers[at] === undefined).map(({ nodeId }) => nodeId))];
      return {
        port_id: port.id,
        node_id: questions.find(({ op }) => op === PORT_DROPS)?.nodeId ?? null,
        gateway_node_id: questions.find(({ op }) => op === GATEWAY_DROPS)?.nodeId ?? null,
        drops: answers.flatMap((counts) => counts ?? []).map(dropView),
        notes: [...notes, ...silenceNotes(statusSources, silent)],
        unanswered: silent,
      };
    },
  });
}

type Question = Readonly<{ nodeId: NodeId }> &
  (Readonly<{ op: typeof PORT_DROPS; body: PortDrops }> | Readonly<{ op: typeof GATEWAY_DROPS; body: GatewayDrops }>);

/** Nobody is asked of a port that is on no node, or whose network has no gateway on one. */
function questionsAbout(state: ClusterState, port: Port): Question[] {
  const network = state.networks.get(port.networkId);
  if (network === undefined) return [];
  const [gateway] = port.fixedIps.flatMap(({ subnetId }) => state.gatewayOfSubnet(subnetId) ?? []);
  const nodeId = state.nodeOfPort(port.id);
  const traces = { vni: network.vni, mac: port.mac };
  const questions: Question[] = [];
  if (nodeId !== undefined) {
    questions.push({ nodeId, op: PORT_DROPS, body: { port_id: port.id, concentrator_uuid: gateway?.id, ...traces } });
  }
  if (gateway?.nodeId !== undefined) {
    const addresses = port.fixedIps.map(({ address }) => address).filter(isIpv4);
    const body = { concentrator_uuid: gateway.id, addresses, public_addresses: sharedAddresses(state, port), ...traces };
    questions.push({ nodeId: gateway.nodeId, op: GATEWAY_DROPS, body });
  }
  return questions;
}

/** Public addresses of which some ports lead to this one. */
function sharedAddresses(state: ClusterState, port: Port): Ipv4[] {
  const floating = [...state.forwardingsTo(port.id)].flatMap(({ floatingIpId }) => state.floatingIps.get(floatingIpId) ?? []);
  return [...new Set(floating.map(({ address }) => address))];
}

/** Undefined if the node does not say, for whatever reason: the other one's answer is worth having. */
async function answered({ calls }: Pick<Controller, 'calls'>, { nodeId, op, body }: Question): Promise<readonly DropCount[] | undefined> {
  try {
    return parseDropCounts(await calls.ask(nodeId, op, body));
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    return undefined;
  }
}

function dropView({ kind, packets, bytes }: DropCount): DropView {
  const { where, reason, direction } = dropParts(kind);
  return { where, reason, direction: direction ?? null, packets, bytes, ...DROPS[kind] };
}
