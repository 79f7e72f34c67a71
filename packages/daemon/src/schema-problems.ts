import { Value } from 'typebox/value';
import { nearest } from './nearest.ts';
import { isSecretName } from './redact.ts';

/** The parts of JSON Schema that TypeBox makes and that are walked here; everything else is left to TypeBox at the leaves. */
export type SchemaNode = Readonly<{
  type?: string;
  properties?: Readonly<Record<string, SchemaNode>>;
  required?: readonly string[];
  patternProperties?: Readonly<Record<string, SchemaNode>>;
  additionalProperties?: boolean | SchemaNode;
  items?: SchemaNode;
  anyOf?: readonly SchemaNode[];
  const?: unknown;
  enum?: readonly unknown[];
}>;

export type SchemaProblem = Readonly<{
  /** Keys and list indexes from the top. */
  path: readonly (string | number)[];
  message: string;
}>;

/**
 * Everything that is wrong with `value`, in the order of the document. Stricter than the schema in one way: a mapping's unknown keys are
 * problems also where the schema says nothing about them.
 */
export function schemaProblems(schema: SchemaNode, value: unknown, path: SchemaProblem['path'] = []): SchemaProblem[] {
  const choices = choicesOf(schema);
  if (choices !== undefined) return choices.includes(value) ? [] : [{ path, message: choiceMessage(choices, value, path) }];
  if (schema.anyOf !== undefined) return unionProblems(schema.anyOf, value, path);
  if (schema.type !== undefined && !hasType(schema.type, value)) return [{ path, message: typeMessage([schema.type], value, path) }];
  if (schema.type === 'object') return mappingProblems(schema, value as Record<string, unknown>, path);
  if (schema.type === 'array') return listProblems(schema, value as unknown[], path);
  return leafProblems(schema, value, path);
}

function mappingProblems(schema: SchemaNode, value: Record<string, unknown>, path: SchemaProblem['path']): SchemaProblem[] {
  const properties = schema.properties ?? {};
  const problems: SchemaProblem[] = [];
  for (const [key, item] of Object.entries(value)) {
    const known = propertySchema(schema, key);
    if (known !== undefined) problems.push(...schemaProblems(known, item, [...path, key]));
    else {
      // A key that is there already was hardly meant a second time.
      const free = Object.keys(properties).filter((name) => !Object.hasOwn(value, name));
      const near = nearest(key, free) ?? nearest(key, Object.keys(properties));
      problems.push({ path: [...path, key], message: `unknown key${near === undefined ? '' : `; did you mean ${near}?`}` });
    }
  }
  for (const key of schema.required ?? []) if (!Object.hasOwn(value, key)) problems.push({ path: [...path, key], message: 'is missing' });
  return problems;
}

function propertySchema(schema: SchemaNode, key: string): SchemaNode | undefined {
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  for (const [pattern, item] of Object.entries(schema.patternProperties ?? {})) if (new RegExp(pattern, 'u').test(key)) return item;
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

function listProblems(schema: SchemaNode, value: readonly unknown[], path: SchemaProblem['path']): SchemaProblem[] {
  const { items, ...own } = schema;
  const inside = items === undefined ? [] : value.flatMap((item, index) => schemaProblems(items, item, [...path, index]));
  return [...leafProblems(own, value, path), ...inside];
}

/** Of several alternatives the one that was most probably meant: of the same type, and nearest to being right. */
function unionProblems(variants: readonly SchemaNode[], value: unknown, path: SchemaProblem['path']): SchemaProblem[] {
  let best: SchemaProblem[] | undefined;
  for (const variant of variants) {
    const problems = schemaProblems(variant, value, path);
    if (problems.length === 0) return [];
    const comparable = variant.type !== undefined && hasType(variant.type, value);
    if (comparable && (best === undefined || problems.length < best.length)) best = problems;
  }
  if (best !== undefined) return best;
  const types = variants.map(({ type }) => type).filter((type) => type !== undefined);
  return [{ path, message: types.length === variants.length ? typeMessage(types, value, path) : 'fits none of the permitted forms' }];
}

function leafProblems(schema: SchemaNode, value: unknown, path: SchemaProblem['path']): SchemaProblem[] {
  const [error] = Value.Errors(schema, value);
  return error === undefined ? [] : [{ path, message: `${error.message}${shown(value, path)}` }];
}

/** The permitted values, if the schema is nothing but a choice among values. */
function choicesOf(schema: SchemaNode): readonly unknown[] | undefined {
  if ('const' in schema) return [schema.const];
  if (schema.enum !== undefined) return schema.enum;
  if (schema.anyOf?.every((variant) => 'const' in variant)) return schema.anyOf.map((variant) => variant.const);
  return undefined;
}

function choiceMessage(choices: readonly unknown[], value: unknown, path: SchemaProblem['path']): string {
  const words = choices.filter((choice) => typeof choice === 'string');
  const near = typeof value === 'string' ? nearest(value, words) : undefined;
  const list = choices.length === 1 ? String(choices[0]) : `one of ${choices.join(', ')}`;
  return `must be ${list}${shown(value, path)}${near === undefined || choices.length === 1 ? '' : `; did you mean ${near}?`}`;
}

function typeMessage(types: readonly string[], value: unknown, path: SchemaProblem['path']): string {
  const wanted = [...new Set(types.map(typeName))].join(' or ');
  const quotes = types.includes('string') && ['number', 'boolean'].includes(typeof value) ? '; put it in quotes' : '';
  const number =
    types.some((type) => type === 'integer' || type === 'number') && typeof value === 'string' && Number.isFinite(Number(value));
  return `must be ${wanted}, not ${typeName(typeOf(value))}${shown(value, path)}${quotes}${number ? '; leave the quotes away' : ''}`;
}

/** The wrong value itself, where it is short and cannot be a secret. */
function shown(value: unknown, path: SchemaProblem['path']): string {
  const secret = path.some((key) => typeof key === 'string' && isSecretName(key));
  if (secret || !['string', 'number', 'boolean'].includes(typeof value)) return '';
  const text = JSON.stringify(value);
  return text.length > 60 ? '' : ` (${text})`;
}

function hasType(type: string, value: unknown): boolean {
  return type === typeOf(value) || (type === 'number' && typeOf(value) === 'integer');
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

function typeName(type: string): string {
  const names: Record<string, string> = {
    string: 'a string',
    integer: 'an integer',
    number: 'a number',
    boolean: 'true or false',
    array: 'a list',
    object: 'a mapping',
    null: 'empty',
  };
  return names[type] ?? type;
}
