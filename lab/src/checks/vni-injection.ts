import { bridgeMac } from '@weft/dataplane/names';
import type { CheckContext } from '../check-context.ts';
import { encodeVxlan } from '../packet/vxlan.ts';
import { udpFrame } from '../probe/frames.ts';
import { sendDatagram, sendFrame } from '../probe/send-frame.ts';
import { token } from '../probe/token.ts';
import { DATA_IFNAME, OUTSIDE_IFNAME, addressOn } from '../topology.ts';
import type { LabCheck } from './lab-check.ts';
import { expectReach } from './reach.ts';
import type { Listener } from './reach.ts';

/** What the product uses unless configured otherwise, as in the lab. */
const VXLAN_PORT = 14_789;

/**
 * A workload of red writes tunnel packets itself, made to come out at blue's charlie. They are good ones: sent by the network node they do
 * arrive. From a workload they must not even reach the other node, whichever way they are sent.
 */
export const VNI_INJECTION: LabCheck = {
  id: 'vni-injection',
  needs: ['ping-concentrator', 'outbound-nat'],
  disturbs: false,
  run: async (context) => {
    const { red, blue } = context.scenario;
    const [alpha, open1] = [context.workload(red, 'alpha'), context.workload(red, 'open1')];
    const victim: Listener = { name: 'blue charlie', place: context.place(context.workload(blue, 'charlie')) };
    const wire: Listener = { name: "compute2's data interface", place: context.nodePlace('compute2', DATA_IFNAME) };
    const outside: Listener = { name: 'the outside host', place: context.nodePlace('outside', OUTSIDE_IFNAME) };
    const vtep = addressOn(
      context.lab.topology.nodes.find((node) => node.name === 'compute2')!,
      'data',
    );
    const hub = addressOn(
      context.lab.topology.nodes.find((node) => node.name === context.gatewayNode(blue))!,
      'data',
    );
    const gateway = context.gatewayPlace(red);
    const datagram = (target: typeof vtep, payload: Uint8Array) => ({ target, port: VXLAN_PORT, payload });

    let packet = tunnelPacket(context);
    await expectReach(context, {
      what: 'a tunnel packet for blue charlie sent by the network node',
      token: packet.mark,
      send: () => sendDatagram(context.nodePlace(context.gatewayNode(blue), DATA_IFNAME), datagram(vtep, packet.payload)),
      at: [wire, victim],
      notAt: [],
    });

    packet = tunnelPacket(context);
    await expectReach(context, {
      what: 'a tunnel packet sent by red alpha to the outside host',
      token: packet.mark,
      send: () => sendDatagram(context.place(alpha), datagram(context.lab.topology.outsideHost, packet.payload)),
      at: [outside],
      notAt: [],
    });

    const raw = (source: typeof alpha, mac: typeof alpha.mac): Uint8Array =>
      udpFrame({ source, destination: { mac, ip: vtep }, payload: packet.payload, sourcePort: 40_000, destinationPort: VXLAN_PORT });
    const forged = (): Uint8Array => raw({ ...open1, ip: hub }, gateway.mac);
    const attempts = [
      ['through its gateway', () => sendDatagram(context.place(alpha), datagram(vtep, packet.payload)), alpha],
      ['straight to its bridge', () => sendFrame(context.place(alpha), raw(alpha, bridgeMac(red.vni))), alpha],
      ["through its gateway, with the network node's address as source,", () => sendFrame(context.place(open1), forged()), open1],
    ] as const;
    for (const [way, send, sender] of attempts) {
      packet = tunnelPacket(context);
      await expectReach(context, {
        what: `a tunnel packet sent by red ${sender.name} ${way}`,
        token: packet.mark,
        send,
        at: [{ name: `the node's end of ${sender.name}'s cable`, place: context.portPlace(sender) }],
        notAt: [wire, victim],
        where: context.gatewayLog(red),
      });
    }
    return `arrives from the network node; from a workload, ${attempts.length} ways tried, it does not even reach the other node`;
  },
};

/** What comes out of blue's tunnel as a datagram of alpha to charlie: both are in the default group, so charlie's port would take it. */
export function tunnelPacket(context: CheckContext): Readonly<{ payload: Uint8Array; mark: Uint8Array }> {
  const { blue } = context.scenario;
  const mark = token();
  const frame = udpFrame({ source: context.workload(blue, 'alpha'), destination: context.workload(blue, 'charlie'), payload: mark });
  return { payload: encodeVxlan({ vni: blue.vni, frame }), mark };
}
