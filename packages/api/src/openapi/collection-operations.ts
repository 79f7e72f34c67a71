import { Type } from 'typebox';
import { ref, spaced, withArticle } from './operation.ts';
import type { Operation, Parameter } from './operation.ts';
import { COLLECTIONS, schemaName } from './collections.ts';
import type { DocumentedCollection } from './collections.ts';
import { fieldsOf, listParameters } from './list-parameters.ts';
import { Tags } from '../tags.ts';

/** The verbs of every collection of /v2.0 (neutron-api.md §1.1), and the tags of those that have them (§1.8). */
export function collectionOperations(): readonly Operation[] {
  return COLLECTIONS.flatMap((collection) => [
    ...verbsOf(collection),
    ...(Object.hasOwn(collection.table, 'tags') ? tagsOf(collection) : []),
  ]);
}

/** Binds a write to what was seen. */
const IF_MATCH: Parameter = {
  name: 'If-Match',
  schema: Type.String({ examples: ['revision_number=5'] }),
  description: '`revision_number=5`: refused with 412 if the object is at another revision by now.',
};

function verbsOf(collection: DocumentedCollection): readonly Operation[] {
  const { names, table, kind, under, verbs, errors = {} } = collection;
  const { plural, singular } = names;
  const at = under === undefined ? `/v2.0/${names.path}` : `/v2.0/${under.path}/${names.path}`;
  const one = under === undefined ? `${at}/{id}` : `${at}/{child}`;
  const view = schemaName(names);
  const what = spaced(singular);
  const parent = under === undefined ? [] : [`not_found:${under.kind}`];
  const missing = [...parent, `not_found:${kind}`];
  const common = { tag: spaced(plural), ...(collection.access === undefined ? {} : { access: collection.access }) };
  const shown = { schema: Type.Object({ [singular]: ref(view) }) };
  const written = errors.write ?? [];
  const operations: Operation[] = [
    {
      ...common,
      method: 'get',
      path: at,
      id: `list_${plural}`,
      summary: `List ${spaced(plural)}`,
      query: listParameters(table),
      answer: { status: 200, schema: listSchema(plural, view) },
      errors: [...missing, 'invalid_input', 'bad_part'],
    },
  ];
  if (verbs.includes('show')) {
    operations.push({
      ...common,
      method: 'get',
      path: one,
      id: `show_${singular}`,
      summary: `Show ${withArticle(what)}`,
      query: [fieldsOf(table)],
      answer: { status: 200, ...shown },
      errors: missing,
    });
  }
  if (verbs.includes('create')) {
    const body = ref(`${view}Create`);
    const many = Type.Object({ [plural]: Type.Array(body, { minItems: 1 }) });
    operations.push({
      ...common,
      method: 'post',
      path: at,
      id: `create_${singular}`,
      summary: `Create ${withArticle(what)}, or several`,
      about: `With the key \`${plural}\` all of them are made, or none.`,
      body: Type.Union([Type.Object({ [singular]: body }), many]),
      answer: { status: 201, schema: Type.Union([shown.schema, Type.Object({ [plural]: Type.Array(ref(view)) })]) },
      errors: [...parent, ...(errors.create ?? []), ...written],
    });
  }
  if (verbs.includes('update')) {
    operations.push({
      ...common,
      method: 'put',
      path: one,
      id: `update_${singular}`,
      summary: `Change ${withArticle(what)}`,
      about: 'What is left out stays.',
      ...(under === undefined ? { headers: [IF_MATCH] } : {}),
      body: Type.Object({ [singular]: ref(`${view}Update`) }),
      answer: { status: 200, ...shown },
      errors: [...missing, ...(errors.update ?? []), ...written, 'bad_part', 'revision_number_constraint_failed'],
    });
  }
  if (verbs.includes('delete')) {
    operations.push({
      ...common,
      method: 'delete',
      path: one,
      id: `delete_${singular}`,
      summary: `Delete ${withArticle(what)}`,
      ...(under === undefined ? { headers: [IF_MATCH] } : {}),
      answer: { status: 204 },
      errors: [...missing, ...(errors.delete ?? []), 'bad_part', 'revision_number_constraint_failed'],
    });
  }
  return operations;
}

function listSchema(plural: string, view: string): Type.TObject {
  return Type.Object({ [plural]: Type.Array(ref(view)), [`${plural}_links`]: Type.Optional(ref('PageLinks')) });
}

function tagsOf({ names }: DocumentedCollection): readonly Operation[] {
  const { singular, plural } = names;
  const [all, one] = [`/v2.0/${names.path}/{id}/tags`, `/v2.0/${names.path}/{id}/tags/{child}`];
  const what = spaced(singular);
  const tag = spaced(plural);
  const list = { status: 200, schema: Type.Object({ tags: Tags }) } as const;
  const missing = ['tag_resource_not_found'];
  const writes = { headers: [IF_MATCH], errors: [...missing, 'invalid_input', 'bad_part', 'revision_number_constraint_failed'] };
  return [
    {
      method: 'get',
      path: all,
      id: `list_${singular}_tags`,
      tag,
      summary: `List ${withArticle(what)}’s tags`,
      answer: list,
      errors: missing,
    },
    {
      ...writes,
      method: 'put',
      path: all,
      id: `replace_${singular}_tags`,
      tag,
      summary: `Replace ${withArticle(what)}’s tags`,
      body: Type.Object({ tags: Tags }),
      answer: list,
    },
    {
      ...writes,
      method: 'delete',
      path: all,
      id: `delete_${singular}_tags`,
      tag,
      summary: `Take all tags off ${withArticle(what)}`,
      answer: { status: 204 },
    },
    {
      method: 'get',
      path: one,
      id: `check_${singular}_tag`,
      tag,
      summary: `Ask whether ${withArticle(what)} has a tag`,
      answer: { status: 204 },
      errors: [...missing, 'tag_not_found'],
    },
    { ...writes, method: 'put', path: one, id: `add_${singular}_tag`, tag, summary: `Tag ${withArticle(what)}`, answer: { status: 201 } },
    {
      ...writes,
      method: 'delete',
      path: one,
      id: `remove_${singular}_tag`,
      tag,
      summary: `Take a tag off ${withArticle(what)}`,
      answer: { status: 204 },
      errors: [...writes.errors, 'tag_not_found'],
    },
  ];
}
