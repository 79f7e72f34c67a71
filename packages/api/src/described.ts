import type { Parse } from '@weft/core/fields';
import type { TSchema } from 'typebox';

/**
 * A parser that says what it takes: the JSON Schema of the value as it stands in a body. The API's document and the client's types are made
 * from it. What is accepted beyond that, as Neutron does (`"yes"` for true, `"5"` for 5), is in the document's introduction, not in the schema.
 */
export type Described<T, S extends TSchema = TSchema> = Parse<T> & Readonly<{ schema: S }>;

/** The same parser, with its schema. */
export function described<T, S extends TSchema>(schema: S, parse: Parse<T>): Described<T, S> {
  return Object.assign((value: unknown, what: string): T => parse(value, what), { schema });
}
