import type { DhcpOptionChange } from '@weft/core/dhcp-option';
import type { Port } from '@weft/core/resource';
import { WeftError } from '@weft/core/weft-error';
import { Type } from 'typebox';
import type { Attribute } from './attribute.ts';
import { described } from './described.ts';
import { listOf, nullOr, objectOf, oneOf, text } from './values.ts';

/** `extra_dhcp_opts` of ports (neutron-api.md §5.1). In an update, options are merged by name, and a null value takes one away. */

const word = text(255);
const keys = { opt_name: word, opt_value: nullOr(word), ip_version: oneOf(4, 6) };
const Option = Type.Object(
  { opt_name: word.schema, opt_value: keys.opt_value.schema, ip_version: Type.Optional(Type.Unsafe<4 | 6>({ enum: [4, 6], default: 4 })) },
  { additionalProperties: false },
);

const option = described(Option, (value, what): DhcpOptionChange => {
  const { opt_name: name, opt_value: given, ip_version: version = 4 } = objectOf(keys, 'extra-dhcp-opt')(value, what);
  const bad = (why: string): WeftError => new WeftError('extra_dhcp_opt_bad_data', `Invalid data format for extra-dhcp-opt: ${why}`);
  if (name === undefined || name === '') throw bad('an option has no opt_name');
  if (given === undefined) throw bad(`option ${name} has no opt_value`);
  if (version !== 4) throw bad(`option ${name} is for IP version ${version}; there are options for IP version 4 alone`);
  return { name, value: given };
});

const options = listOf(option);

export const dhcpOptionsAttribute = {
  show: (source: Readonly<{ record: Pick<Port, 'dhcpOptions'> }>) =>
    (source.record.dhcpOptions ?? []).map(({ name, value }) => ({ opt_name: name, opt_value: value, ip_version: 4 as const })),
  shows: Type.Array(Type.Object({ opt_name: Type.String(), opt_value: Type.String(), ip_version: Type.Literal(4) })),
  parse: described(nullOr(options).schema, (value, what): readonly DhcpOptionChange[] => (value === null ? [] : options(value, what))),
  create: 'optional',
  update: true,
} as const satisfies Attribute<Readonly<{ record: Pick<Port, 'dhcpOptions'> }>>;
