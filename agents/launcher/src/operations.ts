import { WeftError } from '@weft/core/weft-error';
import { GATEWAY_DROPS, parseGatewayDrops, parsePortDrops, PORT_DROPS } from '@weft/ssntp/payloads/port-drops';
import type { DataplanePort } from './dataplane-port.ts';

/** What a controller may ask of a node: from a request's body to what is answered. Throws a WeftError, which is answered instead. */
export type Operations = ReadonlyMap<string, (body: unknown) => unknown>;

/** The questions that a launcher answers. They read, and are over in a few milliseconds. */
export function operations(deps: Readonly<{ dataplane: () => DataplanePort | undefined }>): Operations {
  const dataplane = (): DataplanePort => {
    const open = deps.dataplane();
    if (open === undefined) throw new WeftError('not_ready', 'the data path of this node is not set up yet', { retryable: true });
    return open;
  };
  return new Map<string, (body: unknown) => unknown>([
    [
      PORT_DROPS,
      (body) => {
        const { port_id, concentrator_uuid, ...rest } = parsePortDrops(body);
        return { drops: dataplane().portDrops({ portId: port_id, concentratorId: concentrator_uuid, ...rest }) };
      },
    ],
    [
      GATEWAY_DROPS,
      (body) => {
        const { concentrator_uuid: concentratorId, public_addresses: publicAddresses, ...rest } = parseGatewayDrops(body);
        const drops = dataplane().gatewayDrops({ concentratorId, publicAddresses, ...rest });
        if (drops === undefined)
          throw new WeftError('no_gateway_here', `concentrator ${concentratorId} is not on this node`, { retryable: true });
        return { drops };
      },
    ],
  ]);
}
