import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Type } from 'typebox';
import { createSchema, updateSchema, viewSchema } from './attribute-schema.ts';
import type { AttributeTable } from './attribute.ts';
import { boolean, nullOr, text } from './values.ts';

const table = {
  id: { show: () => 'x', shows: Type.String() },
  name: { show: () => '', parse: text(5), create: 'required', update: true },
  note: { show: () => null, parse: nullOr(text(9)), create: 'optional', default: null },
  hidden: { show: () => true, parse: boolean, create: 'optional', createBy: 'admin', update: true, updateBy: 'admin', seenBy: 'admin' },
  secret: { parse: text(3), create: 'optional' },
} as const satisfies AttributeTable<object>;

const plain = (schema: unknown): unknown => JSON.parse(JSON.stringify(schema));

test('a view has every attribute that is shown, with what nobody can write marked read-only', () => {
  assert.deepEqual(plain(viewSchema(table)), {
    type: 'object',
    additionalProperties: false,
    required: ['id', 'name', 'note'],
    properties: {
      id: { type: 'string', readOnly: true },
      name: { type: 'string', maxLength: 5 },
      note: { anyOf: [{ type: 'string', maxLength: 9 }, { type: 'null' }] },
      hidden: { type: 'boolean', description: 'Shown to administrators only.' },
    },
  });
});

test('a create body says what is required, what absence means and what takes an administrator', () => {
  assert.deepEqual(plain(createSchema(table)), {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: { type: 'string', maxLength: 5 },
      note: { anyOf: [{ type: 'string', maxLength: 9 }, { type: 'null' }], default: null },
      hidden: { type: 'boolean', description: 'Set by administrators only.' },
      secret: { type: 'string', maxLength: 3 },
    },
  });
});

test('an update body requires nothing and has only what can be changed', () => {
  assert.deepEqual(plain(updateSchema(table)), {
    type: 'object',
    additionalProperties: false,
    properties: { name: { type: 'string', maxLength: 5 }, hidden: { type: 'boolean', description: 'Changed by administrators only.' } },
  });
});
