import type { Port } from '@weft/core/resource';
import type { NodeId } from '@weft/core/uuid';
import type { StatusSources } from './status.ts';
import { concentratorStatus, instanceStatus, portStatus } from './status.ts';

/** What is plainly in the way of a port's traffic, as the state and the nodes' reports show it; no packet is needed to see it. */
export type PortNote = Readonly<{ code: string; message: string; remedy: string }>;

/** Nothing for a port that should work. In the order in which one would put them right. */
export function portNotes(sources: StatusSources, port: Port): PortNote[] {
  return [...administrative(sources, port), ...ofGroups(sources, port), ...ofWorkload(sources, port), ...ofGateway(sources, port)];
}

/** `nodes` did not say what they dropped. */
export function silenceNotes(sources: StatusSources, nodes: readonly NodeId[]): PortNote[] {
  return nodes.map((nodeId) =>
    sources.observe(nodeId)?.connected === true
      ? note(
          'node_silent',
          `Node ${nodeId} did not say what it dropped.`,
          'Ask again; if that does not help, an operator looks into its launcher’s log.',
        )
      : note(
          'node_not_connected',
          `Node ${nodeId} is not connected, so what it dropped is not known. Traffic does not need that connection.`,
          'An operator starts its launcher, or looks into its log.',
        ),
  );
}

function* administrative({ state }: StatusSources, port: Port): Generator<PortNote> {
  if (!port.adminStateUp) {
    yield note('port_disabled', 'The port is administratively down: nothing passes.', 'Set admin_state_up of the port to true.');
  }
  if (state.networks.get(port.networkId)?.adminStateUp === false) {
    yield note('network_disabled', 'Its network is administratively down: nothing passes.', 'Set admin_state_up of the network to true.');
  }
  if (port.fixedIps.length === 0) {
    yield note('no_address', 'The port has no IP address.', 'Make a subnet on its network, and make the port anew.');
  }
}

function* ofGroups({ state }: StatusSources, port: Port): Generator<PortNote> {
  if (!port.portSecurityEnabled) return;
  // IPv6 is not passed on, so its rules let nothing through.
  const rules = port.securityGroups.flatMap((groupId) => [...state.rulesOf(groupId)]).filter(({ ethertype }) => ethertype === 'IPv4');
  if (!rules.some(({ direction }) => direction === 'ingress')) {
    yield note(
      'nothing_let_in',
      'No rule of its security groups lets anything in; only answers to what it sends come back.',
      'Give it a security group with an ingress rule.',
    );
  }
  if (!rules.some(({ direction }) => direction === 'egress')) {
    yield note(
      'nothing_let_out',
      'No rule of its security groups lets it send anything; it can only answer.',
      'Give it a security group with an egress rule.',
    );
  }
}

function* ofWorkload(sources: StatusSources, port: Port): Generator<PortNote> {
  const instance = sources.state.instanceOfPort(port.id);
  if (instance === undefined) {
    yield note('not_plugged', 'No workload uses the port.', 'Make an instance with this port.');
    return;
  }
  const { status, error } = instanceStatus(sources, instance);
  if (error !== undefined) {
    yield note(
      instance.nodeId === undefined ? 'not_placed' : 'workload_failed',
      `Its workload is not running: ${error.message}.`,
      'See `weft instance show`.',
    );
  } else if (instance.nodeId === undefined) {
    yield note('not_placed', 'Its workload has no node yet.', 'Wait; if it lasts, see `weft node list` for a node that can take it.');
  } else if (status === 'building' || portStatus(sources, port) === 'BUILD') {
    yield note(
      'building',
      'Its nodes have not carried out everything yet that concerns it.',
      'Wait a moment; if it lasts, see `weft node list`.',
    );
  }
}

function* ofGateway(sources: StatusSources, port: Port): Generator<PortNote> {
  const [gateway] = port.fixedIps.flatMap(({ subnetId }) => sources.state.gatewayOfSubnet(subnetId) ?? []);
  if (gateway === undefined || concentratorStatus(sources, gateway).status === 'active') return;
  const { error } = concentratorStatus(sources, gateway);
  yield note(
    'no_gateway',
    `Its gateway is not there${error === undefined ? ' yet' : `: ${error.message}`}. It reaches its own network only, and gets no address by DHCP.`,
    'See `weft concentrator list`.',
  );
}

function note(code: string, message: string, remedy: string): PortNote {
  return { code, message, remedy };
}
