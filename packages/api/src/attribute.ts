import { canonicalJson } from '@weft/core/canonical-json';
import type { Parse } from '@weft/core/fields';
import type { Static, TSchema } from 'typebox';
import type { Caller } from './caller.ts';
import { BadRequest, Forbidden } from './request-error.ts';

/**
 * A collection of /v2.0 is a table: one row per attribute says who may set it when, how a value is parsed, whether lists can be filtered by
 * it and how it is shown. Everything else – bodies, views, lists – follows from the table, so that a new attribute is a new row.
 *
 * `S` is what a view is made from: a record and what is computed for it.
 */
export type Attribute<S> = Readonly<{
  /** Its value in answers; absent: write-only. */
  show?: (source: S) => unknown;
  /** What {@link Attribute.show} answers, for the API's document. Absent: what `parse` takes. */
  shows?: TSchema;
  /** Parses, and converts, a value of a request body; absent: read-only. For the API's document it is a `Described` one. */
  parse?: Parse<unknown>;
  create?: 'required' | 'optional';
  /** What an absent value means at create. */
  default?: unknown;
  update?: true;
  /** Setting it at create, or changing it, takes an administrator. */
  createBy?: 'admin';
  updateBy?: 'admin';
  /** Shown to administrators only. */
  seenBy?: 'admin';
  /**
   * `equal`: by the shown value. Lists can be sorted by it, too. A function decides for values that are not scalars; where a key is repeated,
   * one value must match, unless it decides on all of them `together`.
   */
  filter?: 'equal' | ((source: S, value: string) => boolean) | Readonly<{ together: (source: S, values: readonly string[]) => boolean }>;
}>;

export type AttributeTable<S> = Readonly<Record<string, Attribute<S>>>;

type Parsed<A> = A extends { parse: Parse<infer V> } ? V : never;

/** What {@link parseCreate} returns for a table. */
export type CreateValues<T> = {
  readonly [K in keyof T as T[K] extends { create: string } ? K : never]:
    Parsed<T[K]> | (T[K] extends { create: 'required' } | { default: unknown } ? never : undefined);
};

type Written<A> = A extends { parse: { schema: infer S extends TSchema } } ? Unchanging<Static<S>> : unknown;

/** Nobody changes a body that was handed over. */
type Unchanging<V> = V extends readonly (infer I)[]
  ? readonly Unchanging<I>[]
  : V extends object
    ? { readonly [K in keyof V]: Unchanging<V[K]> }
    : V;

/** The body of a create request, below its wrapper, as JSON. */
export type CreateBody<T> = {
  readonly [K in keyof T as T[K] extends { create: 'required' } ? K : never]: Written<T[K]>;
} & { readonly [K in keyof T as T[K] extends { create: 'optional' } ? K : never]?: Written<T[K]> | undefined } & Readonly<{
    tenant_id?: string;
  }>;

/** The body of an update request, below its wrapper, as JSON. */
export type UpdateBody<T> = { readonly [K in keyof T as T[K] extends { update: true } ? K : never]?: Written<T[K]> | undefined };

/** What {@link parseUpdate} returns for a table: only what the body has. */
export type UpdateValues<T> = { readonly [K in keyof T as T[K] extends { update: true } ? K : never]?: Parsed<T[K]> };

/** An object as JSON: every attribute that can be shown. Those of administrators are missing for others. */
export type View<T> = {
  readonly [K in keyof T as T[K] extends { show: unknown } ? K : never]: T[K] extends { show: (source: never) => infer V } ? V : never;
};

/** How a collection is called: in its URL (`security-groups`), and in JSON (`security_groups`, `security_group`). */
export type CollectionNames = Readonly<{ path: string; plural: string; singular: string }>;

/** The bodies of a create request: several where the plural key is there, which makes all of them or none. Throws BadRequest. */
export function unwrapCreate(body: unknown, names: CollectionNames): Readonly<{ bulk: boolean; bodies: readonly object[] }> {
  if (isObject(body) && Object.hasOwn(body, names.plural)) {
    const bodies = body[names.plural];
    if (!Array.isArray(bodies) || !bodies.every(isObject)) throw new BadRequest(`Unable to find '${names.plural}' in request body`);
    if (bodies.length === 0) throw new BadRequest('Resources required');
    return { bulk: true, bodies };
  }
  return { bulk: false, bodies: [unwrap(body, names)] };
}

/** The attributes below the wrapper key. Throws BadRequest. */
export function unwrap(body: unknown, names: CollectionNames): object {
  const inner = isObject(body) && Object.hasOwn(body, names.singular) ? body[names.singular] : undefined;
  if (!isObject(inner)) throw new BadRequest(`Unable to find '${names.singular}' in request body`);
  return inner;
}

/** Checks and converts the attributes of a new object in Neutron's order. Throws BadRequest, InvalidInput or Forbidden. */
export function parseCreate<S, T extends AttributeTable<S>>(
  table: T & AttributeTable<S>,
  names: CollectionNames,
  body: object,
  caller: Caller,
): CreateValues<T> {
  const given = withProject(body, caller);
  refuseUnknown(table, given);
  for (const [name, attribute] of Object.entries<Attribute<S>>(table)) {
    if (attribute.create === undefined && Object.hasOwn(given, name)) throw new BadRequest(`Attribute '${name}' not allowed in POST`);
    if (attribute.create === 'required' && given[name] === undefined) {
      throw new BadRequest(`Failed to parse request. Required attribute '${name}' not specified`);
    }
  }
  const values: Record<string, unknown> = {};
  for (const [name, attribute] of Object.entries<Attribute<S>>(table)) {
    if (attribute.create === undefined) continue;
    values[name] = given[name] === undefined ? attribute.default : attribute.parse?.(given[name], name);
  }
  for (const name of Object.keys(given)) {
    const attribute: Attribute<S> | undefined = table[name];
    // Saying what holds anyway is not setting it: clients send all that they know.
    if (attribute?.createBy !== 'admin' || caller.kind === 'admin' || isDefault(attribute, values[name])) continue;
    throw disallowed(`create_${names.singular}`, name);
  }
  return values as CreateValues<T>;
}

/** Checks and converts what is to change. Throws BadRequest, InvalidInput or Forbidden. */
export function parseUpdate<S, T extends AttributeTable<S>>(
  table: T & AttributeTable<S>,
  names: CollectionNames,
  body: object,
  caller: Caller,
): UpdateValues<T> {
  const given = body as Readonly<Record<string, unknown>>;
  refuseUnknown(table, given);
  for (const name of Object.keys(given)) {
    if (table[name]?.update !== true) throw new BadRequest(`Cannot update read-only attribute ${name}`);
  }
  const values = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, table[name]?.parse?.(value, name)]));
  for (const name of Object.keys(given)) {
    if (table[name]?.updateBy === 'admin' && caller.kind !== 'admin') throw disallowed(`update_${names.singular}`, name);
  }
  return values as UpdateValues<T>;
}

/** The object as this caller sees it; with `fields`, only those. */
export function show<S, T extends AttributeTable<S>>(
  table: T & AttributeTable<S>,
  source: S,
  caller: Caller,
  fields?: ReadonlySet<string>,
): View<T> {
  return shower<S, T>(table, caller, fields)(source);
}

/** {@link show} for many: what this caller sees is found out once. */
export function shower<S, T extends AttributeTable<S>>(
  table: T & AttributeTable<S>,
  caller: Caller,
  fields?: ReadonlySet<string>,
): (source: S) => View<T> {
  const shown = Object.entries<Attribute<S>>(table).flatMap(([name, attribute]) =>
    attribute.show === undefined || !isSeen(attribute, caller) || fields?.has(name) === false ? [] : [{ name, of: attribute.show }],
  );
  return (source) => {
    const view: Record<string, unknown> = {};
    for (const { name, of } of shown) view[name] = of(source);
    return view as View<T>;
  };
}

export function isSeen<S>(attribute: Attribute<S>, caller: Caller): boolean {
  return attribute.seenBy === undefined || caller.kind === attribute.seenBy;
}

/** `tenant_id` and `project_id` are one attribute with two names; from here on it is `project_id`. */
function withProject(body: object, caller: Caller): Readonly<Record<string, unknown>> {
  const { tenant_id: tenant, project_id: project, ...rest } = body as Readonly<Record<string, unknown>>;
  if (tenant !== undefined && project !== undefined && tenant !== project) {
    throw new BadRequest("'project_id' and 'tenant_id' do not match");
  }
  const owner = project ?? tenant;
  if (owner !== undefined && caller.kind === 'tenant' && owner !== caller.tenantId) {
    throw new BadRequest(
      "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges",
    );
  }
  return owner === undefined ? rest : { ...rest, project_id: owner };
}

function refuseUnknown(table: AttributeTable<never>, given: Readonly<Record<string, unknown>>): void {
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(table, name));
  if (unknown.length > 0) throw new BadRequest(`Unrecognized attribute(s) '${unknown.join(', ')}'`);
}

function isDefault<S>(attribute: Attribute<S>, value: unknown): boolean {
  return attribute.default !== undefined && canonicalJson(attribute.default) === canonicalJson(value);
}

function disallowed(action: string, attribute: string): Forbidden {
  return new Forbidden(`(rule:${action} and rule:${action}:${attribute}) is disallowed by policy`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
