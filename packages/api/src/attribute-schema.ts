import { Type } from 'typebox';
import type { TSchema } from 'typebox';
import type { Attribute, AttributeTable } from './attribute.ts';

/** JSON Schemas of what a collection's table takes and answers. */

/** An object as it is shown; what only administrators see need not be there. */
export function viewSchema(table: AttributeTable<never>): Type.TObject {
  return objectOf(table, (attribute) => {
    const schema = attribute.show === undefined ? undefined : (attribute.shows ?? schemaOf(attribute.parse));
    if (schema === undefined) return undefined;
    const shown = { ...schema, ...(isWritable(attribute) ? {} : { readOnly: true }) };
    return attribute.seenBy === 'admin' ? Type.Optional(noted(shown, 'Shown to administrators only.')) : shown;
  });
}

/** The attributes of a new object. */
export function createSchema(table: AttributeTable<never>): Type.TObject {
  const own = objectOf(table, (attribute) => {
    if (attribute.create === undefined) return undefined;
    const given = attribute.default === undefined ? {} : { default: attribute.default };
    const schema = { ...schemaOf(attribute.parse), ...given };
    const allowed = attribute.createBy === 'admin' ? noted(schema, 'Set by administrators only.') : schema;
    return attribute.create === 'required' ? allowed : Type.Optional(allowed);
  });
  if (!('project_id' in own.properties)) return own;
  const tenant = Type.String({ maxLength: 255, description: 'Another name of project_id.' });
  return Type.Object({ ...own.properties, tenant_id: Type.Optional(tenant) }, { additionalProperties: false });
}

/** What of an object can be changed; what is left out stays. */
export function updateSchema(table: AttributeTable<never>): Type.TObject {
  return objectOf(table, (attribute) => {
    if (attribute.update !== true) return undefined;
    const schema = { ...schemaOf(attribute.parse) };
    return Type.Optional(attribute.updateBy === 'admin' ? noted(schema, 'Changed by administrators only.') : schema);
  });
}

/** The schema that a parser carries, if it does. */
export function schemaOf(parse: unknown): TSchema | undefined {
  return typeof parse === 'function' && 'schema' in parse ? (parse.schema as TSchema) : undefined;
}

function objectOf(table: AttributeTable<never>, of: (attribute: Attribute<never>) => TSchema | undefined): Type.TObject {
  const properties: Record<string, TSchema> = {};
  for (const [name, attribute] of Object.entries(table)) {
    const schema = of(attribute);
    if (schema !== undefined) properties[name] = schema;
  }
  return Type.Object(properties, { additionalProperties: false });
}

function isWritable(attribute: Attribute<never>): boolean {
  return attribute.create !== undefined || attribute.update === true;
}

function noted(schema: TSchema, note: string): TSchema {
  const { description } = schema as Readonly<{ description?: string }>;
  return { ...schema, description: description === undefined ? note : `${description} ${note}` };
}
