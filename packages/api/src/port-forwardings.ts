import type { PortForwardingRequest } from '@weft/core/command/port-forwarding';
import type { PortForwarding } from '@weft/core/resource';
import type { PortId } from '@weft/core/uuid';
import { Type } from 'typebox';
import type { AttributeTable, CreateValues, UpdateValues, View } from './attribute.ts';
import { described } from './described.ts';
import { BadRequest } from './request-error.ts';
import { Id, nameText } from './standard-attributes.ts';
import { integer, invalid, ipAddress, nullOr, oneOf, printed, uuid } from './values.ts';

export type PortForwardingSource = Readonly<{ record: PortForwarding }>;

export const PORT_FORWARDINGS = { path: 'port_forwardings', plural: 'port_forwardings', singular: 'port_forwarding' } as const;

type Range = Readonly<{ first: number; last: number }>;

const PortNumber = Type.Integer({ minimum: 1, maximum: 65_535 });

const portNumber = described(PortNumber, (value, what): number => {
  const number = integer(value, what);
  if (number < 1 || number > 65_535) throw invalid(what, `'${number}' is not in the range [1, 65535].`);
  return number;
});

/** `8080:8090`, or one port. */
const portRange = described(Type.String({ pattern: '^\\d{1,5}(:\\d{1,5})?$' }), (value, what): Range => {
  const [, first, last = first] = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(typeof value === 'number' ? String(value) : printed(value)) ?? [];
  if (first === undefined || last === undefined) throw invalid(what, `'${printed(value)}' is not a valid port range, such as 8080:8090.`);
  const range = { first: portNumber(first, what), last: portNumber(last, what) };
  if (range.last < range.first) throw invalid(what, `the range '${printed(value)}' ends before it begins.`);
  return range;
});

const transport = oneOf('tcp', 'udp');
const protocol = described(transport.schema, (value, what) => transport(typeof value === 'string' ? value.toLowerCase() : value, what));

const internalLast = ({ internalFirst, externalFirst, externalLast }: PortForwarding): number =>
  internalFirst + externalLast - externalFirst;
const one = (first: number, last: number): number | null => (first === last ? first : null);

/**
 * Port forwardings: neutron-api.md §6.3, but only TCP and UDP, and both ranges of the same length. One of `…_port` and `…_port_range`
 * says the ports; each side has its own. Like Neutron's they show neither project nor time.
 */
export const portForwardingAttributes = {
  id: { show: (source) => source.record.id, shows: Id, filter: 'equal' },
  protocol: { show: (source) => source.record.protocol, parse: protocol, create: 'required', update: true, filter: 'equal' },
  external_port: {
    show: (source) => one(source.record.externalFirst, source.record.externalLast),
    parse: nullOr(portNumber),
    create: 'optional',
    update: true,
    filter: 'equal',
  },
  external_port_range: {
    show: (source) => `${source.record.externalFirst}:${source.record.externalLast}`,
    parse: nullOr(portRange),
    create: 'optional',
    update: true,
    filter: 'equal',
  },
  internal_port_id: {
    show: (source) => source.record.internalPortId,
    parse: uuid<PortId>(),
    create: 'required',
    update: true,
    filter: 'equal',
  },
  internal_ip_address: {
    show: (source) => source.record.internalAddress,
    parse: ipAddress,
    create: 'required',
    update: true,
    filter: 'equal',
  },
  internal_port: {
    show: (source) => one(source.record.internalFirst, internalLast(source.record)),
    parse: nullOr(portNumber),
    create: 'optional',
    update: true,
    filter: 'equal',
  },
  internal_port_range: {
    show: (source) => `${source.record.internalFirst}:${internalLast(source.record)}`,
    parse: nullOr(portRange),
    create: 'optional',
    update: true,
    filter: 'equal',
  },
  description: {
    show: (source) => source.record.description,
    parse: nameText,
    create: 'optional',
    default: '',
    update: true,
    filter: 'equal',
  },
} as const satisfies AttributeTable<PortForwardingSource>;

export type PortForwardingView = View<typeof portForwardingAttributes>;

/** Throws BadRequest where the ports of a side are not said, or said twice. */
export function createPortForwardingRequest(values: CreateValues<typeof portForwardingAttributes>): PortForwardingRequest {
  const external = rangeOf('external', values.external_port, values.external_port_range);
  const internal = rangeOf('internal', values.internal_port, values.internal_port_range);
  if (external === undefined) throw missing('external_port');
  if (internal === undefined) throw missing('internal_port');
  return {
    description: values.description,
    protocol: values.protocol,
    externalFirst: external.first,
    externalLast: external.last,
    internalPortId: values.internal_port_id,
    internalAddress: values.internal_ip_address,
    internalFirst: internal.first,
    internalLast: internal.last,
  };
}

/** What is not in the body stays as `old` has it. */
export function updatePortForwardingRequest(
  values: UpdateValues<typeof portForwardingAttributes>,
  old: PortForwarding,
): PortForwardingRequest {
  const external = rangeOf('external', values.external_port, values.external_port_range);
  const internal = rangeOf('internal', values.internal_port, values.internal_port_range);
  return {
    description: values.description ?? old.description,
    protocol: values.protocol ?? old.protocol,
    externalFirst: external?.first ?? old.externalFirst,
    externalLast: external?.last ?? old.externalLast,
    internalPortId: values.internal_port_id ?? old.internalPortId,
    internalAddress: values.internal_ip_address ?? old.internalAddress,
    internalFirst: internal?.first ?? old.internalFirst,
    internalLast: internal?.last ?? internalLast(old),
  };
}

function rangeOf(side: 'external' | 'internal', port: number | null | undefined, range: Range | null | undefined): Range | undefined {
  const single = typeof port === 'number' ? { first: port, last: port } : undefined;
  const given = range ?? undefined;
  if (single !== undefined && given !== undefined && (given.first !== single.first || given.last !== single.last)) {
    throw new BadRequest(`Bad port_forwarding request: ${side}_port and ${side}_port_range say different ports.`);
  }
  return given ?? single;
}

function missing(attribute: string): BadRequest {
  return new BadRequest(`Failed to parse request. Required attribute '${attribute}' not specified`, {
    remedy: `Say ${attribute}, or ${attribute}_range as "first:last".`,
  });
}
