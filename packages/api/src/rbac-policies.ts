import type { CreateRbacPolicy } from '@weft/core/command/rbac-policy';
import { EVERYBODY, RBAC_ACTIONS } from '@weft/core/rbac-policy';
import type { RbacAction, RbacPolicy } from '@weft/core/rbac-policy';
import type { NetworkId } from '@weft/core/uuid';
import { Type } from 'typebox';
import type { AttributeTable, CreateValues } from './attribute.ts';
import type { Caller } from './caller.ts';
import { described } from './described.ts';
import { Forbidden, InvalidInput } from './request-error.ts';
import { identityAttributes, nameText } from './standard-attributes.ts';
import { invalid, printed, uuid } from './values.ts';

export type RbacPolicySource = Readonly<{ record: RbacPolicy & Readonly<{ description: string }> }>;

export const RBAC_POLICIES = { path: 'rbac-policies', plural: 'rbac_policies', singular: 'rbac_policy' } as const;

const objectType = described(Type.Literal('network'), (value): 'network' => {
  if (value !== 'network') throw new InvalidInput(`'${printed(value)}' is not a valid RBAC object type`);
  return value;
});

const action = described(Type.Enum([...RBAC_ACTIONS]), (value): RbacAction => {
  const known = RBAC_ACTIONS.find((one) => one === value);
  if (known === undefined) {
    throw new InvalidInput(`Invalid action '${printed(value)}' for object type 'network'. Valid actions: ${RBAC_ACTIONS.join(', ')}`);
  }
  return known;
});

const target = described(Type.String({ minLength: 1, maxLength: 255 }), (value, what): string => {
  const text = nameText(value, what);
  if (text.trim() === '') throw invalid(what, `'${text}' is not a project, nor * for all.`);
  return text;
});

/** Who else may use a network: neutron-api.md §9. */
export const rbacPolicyAttributes = {
  ...identityAttributes,
  object_type: { show: (source) => source.record.objectType, parse: objectType, create: 'required', filter: 'equal' },
  object_id: { show: (source) => source.record.objectId, parse: uuid<NetworkId>(), create: 'required', filter: 'equal' },
  action: { show: (source) => source.record.action, parse: action, create: 'required', filter: 'equal' },
  target_tenant: { show: (source) => source.record.target, parse: target, create: 'required', update: true, filter: 'equal' },
  target_project: { show: (source) => source.record.target, shows: Type.String(), filter: 'equal' },
} as const satisfies AttributeTable<RbacPolicySource>;

export function createRbacPolicyRequest(values: CreateValues<typeof rbacPolicyAttributes>): CreateRbacPolicy {
  return { objectId: values.object_id, action: values.action, target: values.target_tenant };
}

/** `target_project` is another name of `target_tenant`. */
export function withTarget(body: object): object {
  const { target_project: project, ...rest } = body as Readonly<Record<string, unknown>>;
  return project === undefined ? body : { target_tenant: project, ...rest };
}

/** What is for everybody, and what is outside, administrators decide. Throws Forbidden. */
export function checkRbacPolicy(
  caller: Caller,
  verb: 'create' | 'update',
  wish: Readonly<{ action?: RbacAction; target?: string | undefined }>,
): void {
  if (caller.kind === 'admin') return;
  const rule = wish.target === EVERYBODY ? 'target_tenant' : wish.action === 'access_as_external' ? 'action' : undefined;
  if (rule !== undefined) {
    throw new Forbidden(`(rule:${verb}_rbac_policy and rule:${verb}_rbac_policy:${rule}) is disallowed by policy`);
  }
}
