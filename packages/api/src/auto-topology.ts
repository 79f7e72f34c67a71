import { Type } from 'typebox';
import type { Static } from 'typebox';
import { ProjectId } from './standard-attributes.ts';

/** A project's automatic topology (neutron-api.md §10). `id`: its network's; of a dry run `dry-run=pass`. */
export const AutoTopologyView = Type.Object({ id: Type.String(), tenant_id: ProjectId, project_id: ProjectId });
export type AutoTopologyView = Static<typeof AutoTopologyView>;
