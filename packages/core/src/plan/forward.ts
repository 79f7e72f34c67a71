import { Fields, integerIn, oneOf } from '../fields.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Ipv4 } from '../ipv4.ts';
import { parseUuid } from '../uuid.ts';
import type { ConcentratorId } from '../uuid.ts';

/** One port of a public or uplink address that leads to a workload's. Key: `<address>/<protocol>/<port>`. */
export type ForwardBody = Readonly<{
  concentratorId: ConcentratorId;
  address: Ipv4;
  protocol: 'tcp' | 'udp';
  port: number;
  internal: Ipv4;
  internalPort: number;
}>;

export const forwardKey = (address: Ipv4, protocol: string, port: number): string => `${address}/${protocol}/${port}`;

const parsePort = integerIn(1, 65_535);

export function parseForwardBody(value: unknown): ForwardBody {
  const f = new Fields(value, 'forward');
  return {
    concentratorId: f.required('concentratorId', parseUuid<ConcentratorId>),
    address: f.required('address', parseIpv4),
    protocol: f.required('protocol', oneOf('tcp', 'udp')),
    port: f.required('port', parsePort),
    internal: f.required('internal', parseIpv4),
    internalPort: f.required('internalPort', parsePort),
  };
}
