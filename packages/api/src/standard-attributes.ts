import type { TenantId, Uuid } from '@weft/core/uuid';
import { Type } from 'typebox';
import type { Attribute } from './attribute.ts';
import { boolean, text } from './values.ts';

export const Id = Type.String({ format: 'uuid' });
export const Timestamp = Type.String({ format: 'date-time' });
/** A project of an external identity service need not have a UUID for an id. */
export const ProjectId = Type.String({ maxLength: 255 });

/** What every record of /v2.0 has. */
type StandardSource = Readonly<{
  record: Readonly<{ id: Uuid; tenantId: TenantId; description: string; revision: number; createdAt: string; updatedAt: string }>;
}>;

/** A name of the Neutron API: up to 255 characters. */
export const nameText = text(255);

/** The rows that all collections begin with (neutron-api.md §1.6). `tenant_id` in a body is read as `project_id`. */
export const identityAttributes = {
  id: { show: (source) => source.record.id, shows: Id, filter: 'equal' },
  tenant_id: { show: (source) => source.record.tenantId, shows: ProjectId, filter: 'equal' },
  project_id: { show: (source) => source.record.tenantId, filter: 'equal', parse: nameText, create: 'optional' },
} as const satisfies Readonly<Record<string, Attribute<StandardSource>>>;

/** The rows that all collections end with. */
export const stampAttributes = {
  revision_number: { show: (source) => source.record.revision, shows: Type.Integer(), filter: 'equal' },
  created_at: { show: (source) => source.record.createdAt, shows: Timestamp },
  updated_at: { show: (source) => source.record.updatedAt, shows: Timestamp },
} as const satisfies Readonly<Record<string, Attribute<StandardSource>>>;

export const nameAttribute = {
  show: (source: Readonly<{ record: Readonly<{ name: string }> }>) => source.record.name,
  parse: nameText,
  create: 'optional',
  default: '',
  update: true,
  filter: 'equal',
} as const satisfies Attribute<Readonly<{ record: Readonly<{ name: string }> }>>;

export const adminStateUpAttribute = {
  show: (source: Readonly<{ record: Readonly<{ adminStateUp: boolean }> }>) => source.record.adminStateUp,
  parse: boolean,
  create: 'optional',
  default: true,
  update: true,
  filter: 'equal',
} as const satisfies Attribute<Readonly<{ record: Readonly<{ adminStateUp: boolean }> }>>;

export const descriptionAttribute = {
  show: (source: StandardSource) => source.record.description,
  parse: nameText,
  create: 'optional',
  default: '',
  update: true,
  filter: 'equal',
} as const satisfies Attribute<StandardSource>;
