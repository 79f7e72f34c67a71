import { canonicalJson } from '@weft/core/canonical-json';
import type { BindingChange } from '@weft/core/command/bind-port';
import { VNIC_TYPES } from '@weft/core/port-binding';
import type { EffectiveBinding } from '@weft/core/port-binding';
import { Type } from 'typebox';
import type { Attribute } from './attribute.ts';
import { described } from './described.ts';
import { nameText } from './standard-attributes.ts';
import { invalid, nullOr, oneOf, printed } from './values.ts';

/** Where a port is bound (neutron-api.md §5.1). What is bound, and how, is for administrators and Nova; of what kind, for everybody. */

const MAX_PROFILE_BYTES = 4095;

type Json = Readonly<Record<string, unknown>>;
type Source = Readonly<{ binding: EffectiveBinding }>;

export const vnicType = oneOf(...VNIC_TYPES);

/** Null is none. */
export const hostId = described(nullOr(nameText).schema, (value, what): string => (value === null ? '' : nameText(value, what)));

const Profile = Type.Union([Type.Object({}, { additionalProperties: true }), Type.Null()]);

/** Null is none. */
export const bindingProfile = described(Profile, (value, what): Json => {
  if (value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(what, `'${printed(value)}' is not a dictionary.`);
  const bytes = new TextEncoder().encode(canonicalJson(value)).length;
  if (bytes > MAX_PROFILE_BYTES) throw invalid(what, `the profile has ${bytes} bytes, and may have ${MAX_PROFILE_BYTES}.`);
  return value as Json;
});

export const VifType = Type.Enum(['unbound', 'tap', 'binding_failed']);
export const VifDetails = Type.Object({ port_filter: Type.Optional(Type.Boolean()), connectivity: Type.Optional(Type.String()) });

/** The network filters what a bound port sends and gets, and carries frames. */
export const vifDetails = ({ vifType }: EffectiveBinding): Json => (vifType === 'tap' ? { port_filter: true, connectivity: 'l2' } : {});

export const bindingAttributes = {
  'binding:vnic_type': {
    show: (source) => source.binding.vnicType,
    parse: vnicType,
    create: 'optional',
    default: 'normal',
    update: true,
    filter: 'equal',
  },
  'binding:host_id': {
    show: (source) => source.binding.host,
    shows: nameText.schema,
    parse: hostId,
    create: 'optional',
    default: '',
    createBy: 'admin',
    update: true,
    updateBy: 'admin',
    seenBy: 'admin',
    filter: 'equal',
  },
  'binding:profile': {
    show: (source) => JSON.parse(source.binding.profile) as Json,
    shows: Type.Object({}, { additionalProperties: true }),
    parse: bindingProfile,
    create: 'optional',
    default: {},
    createBy: 'admin',
    update: true,
    updateBy: 'admin',
    seenBy: 'admin',
  },
  'binding:vif_type': { show: (source) => source.binding.vifType, shows: VifType, seenBy: 'admin' },
  'binding:vif_details': { show: (source) => vifDetails(source.binding), shows: VifDetails, seenBy: 'admin' },
} as const satisfies Readonly<Record<string, Attribute<Source>>>;

type Values = Readonly<{ 'binding:vnic_type'?: BindingChange['vnicType']; 'binding:host_id'?: string; 'binding:profile'?: Json }>;

/** Nothing, if a body says nothing of it. */
export function bindingChange(values: Values): Readonly<{ binding?: BindingChange }> {
  const { 'binding:vnic_type': type, 'binding:host_id': host, 'binding:profile': profile } = values;
  if (type === undefined && host === undefined && profile === undefined) return {};
  return {
    binding: {
      ...(type === undefined ? {} : { vnicType: type }),
      ...(host === undefined ? {} : { host }),
      ...(profile === undefined ? {} : { profile: canonicalJson(profile) }),
    },
  };
}
