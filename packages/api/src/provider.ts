import type { Network } from '@weft/core/resource';
import { Type } from 'typebox';
import type { Attribute } from './attribute.ts';
import { InvalidInput } from './request-error.ts';
import { integer, nullOr, text } from './values.ts';

type ProviderSource = Readonly<{ record: Network }>;

const ADMIN = { create: 'optional', createBy: 'admin', update: true, updateBy: 'admin', seenBy: 'admin', filter: 'equal' } as const;

/** What carries a network (neutron-api.md §4.1): VXLAN on all nodes, with the VNI as segmentation id. Administrators set and see it. */
export const providerAttributes = {
  'provider:network_type': { show: () => 'vxlan', shows: Type.Literal('vxlan'), parse: nullOr(text(32)), ...ADMIN },
  'provider:physical_network': { show: () => null, shows: Type.Null(), parse: nullOr(text(64)), ...ADMIN },
  'provider:segmentation_id': { show: (source) => source.record.vni, shows: Type.Integer(), parse: nullOr(integer), ...ADMIN },
} as const satisfies Readonly<Record<string, Attribute<ProviderSource>>>;

type ProviderValues = Readonly<{
  'provider:network_type'?: string | null | undefined;
  'provider:physical_network'?: string | null | undefined;
  'provider:segmentation_id'?: number | null | undefined;
}>;

/** The segmentation id that is asked for, if one is. Throws InvalidInput for a network that no VXLAN can be. */
export function segmentationIdOf(values: ProviderValues): number | undefined {
  const type = values['provider:network_type'] ?? undefined;
  const physical = values['provider:physical_network'] ?? undefined;
  const id = values['provider:segmentation_id'] ?? undefined;
  if (type === undefined && (physical !== undefined || id !== undefined)) throw new InvalidInput('network_type required');
  if (type !== undefined && type !== 'vxlan') throw new InvalidInput(`network_type value '${type}' not supported`);
  if (physical !== undefined) throw new InvalidInput('provider:physical_network specified for vxlan network');
  return id;
}
