import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Compile } from 'typebox/schema';
import { schemaOf } from '../attribute-schema.ts';
import type { Attribute } from '../attribute.ts';
import { COLLECTIONS } from './collections.ts';
import { openApiDocument } from './document.ts';
import { documentText } from './document-text.ts';

const KEPT = new URL('../../openapi.json', import.meta.url);
const document = openApiDocument();
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

/** Every value of a document, with where it is. */
function* values(value: unknown, at = '#'): Generator<readonly [at: string, value: unknown]> {
  yield [at, value];
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) yield* values(inner, `${at}/${key}`);
}

test('the document that is kept is the one that is made: if not, `npm run openapi` writes it', () => {
  assert.ok(readFileSync(KEPT, 'utf8') === documentText(document), 'packages/api/openapi.json is out of date: npm run openapi');
});

test('every attribute says what it takes and what it answers', () => {
  for (const { names, table } of COLLECTIONS) {
    for (const [name, attribute] of Object.entries<Attribute<never>>(table)) {
      const at = `${names.plural}.${name}`;
      const takes = schemaOf(attribute.parse);
      if (attribute.parse !== undefined)
        assert.ok(takes !== undefined, `${at}: its parser has no schema: make it with described(schema, …)`);
      if (attribute.show !== undefined) assert.ok(attribute.shows !== undefined || takes !== undefined, `${at}: it has no \`shows\``);
    }
  }
});

test('every reference leads somewhere, and nothing that is named is never referred to', () => {
  const referred = new Set<string>();
  for (const [at, value] of values(document)) {
    if (!at.endsWith('/$ref')) continue;
    const found = String(value)
      .split('/')
      .slice(1)
      .reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], document);
    assert.ok(found !== undefined, `${at}: ${String(value)}`);
    referred.add(String(value));
  }
  for (const section of ['schemas', 'parameters', 'responses'] as const) {
    for (const name of Object.keys(document.components[section]))
      assert.ok(referred.has(`#/components/${section}/${name}`), `${section}/${name}`);
  }
});

/** What OpenAPI 3.1 (§4.8) asks of the objects that the document consists of. */
const STRUCTURE = {
  type: 'object',
  required: ['openapi', 'info', 'paths'],
  additionalProperties: false,
  properties: {
    openapi: { const: '3.1.0' },
    info: { type: 'object', required: ['title', 'version'], properties: { title: { type: 'string' }, version: { type: 'string' } } },
    tags: {
      type: 'array',
      items: { type: 'object', required: ['name'], properties: { name: { type: 'string' } }, additionalProperties: false },
    },
    paths: {
      type: 'object',
      propertyNames: { pattern: '^/' },
      additionalProperties: {
        type: 'object',
        minProperties: 1,
        propertyNames: { enum: ['get', 'head', 'put', 'post', 'patch', 'delete'] },
        additionalProperties: { $ref: '#/$defs/operation' },
      },
    },
    components: {
      type: 'object',
      additionalProperties: false,
      properties: {
        schemas: { $ref: '#/$defs/named' },
        parameters: { $ref: '#/$defs/named', additionalProperties: { $ref: '#/$defs/parameter' } },
        responses: { $ref: '#/$defs/named', additionalProperties: { $ref: '#/$defs/response' } },
        securitySchemes: { $ref: '#/$defs/named' },
      },
    },
  },
  $defs: {
    named: { type: 'object', propertyNames: { pattern: '^[A-Za-z0-9._-]+$' }, additionalProperties: { type: 'object' } },
    reference: { type: 'object', required: ['$ref'], properties: { $ref: { type: 'string' } }, additionalProperties: false },
    schema: { type: 'object' },
    parameter: {
      type: 'object',
      required: ['name', 'in', 'schema'],
      additionalProperties: false,
      properties: {
        name: { type: 'string', minLength: 1 },
        in: { enum: ['path', 'query', 'header'] },
        required: { type: 'boolean' },
        description: { type: 'string', minLength: 1 },
        schema: { $ref: '#/$defs/schema' },
      },
      anyOf: [{ properties: { in: { enum: ['query', 'header'] } } }, { required: ['required'], properties: { required: { const: true } } }],
    },
    content: {
      type: 'object',
      propertyNames: { pattern: '^[a-z]+/[a-z+-]+$' },
      additionalProperties: {
        type: 'object',
        required: ['schema'],
        additionalProperties: false,
        properties: { schema: { $ref: '#/$defs/schema' } },
      },
    },
    response: {
      type: 'object',
      required: ['description'],
      additionalProperties: false,
      properties: {
        description: { type: 'string', minLength: 1 },
        headers: { type: 'object', additionalProperties: { type: 'object', required: ['schema'] } },
        content: { $ref: '#/$defs/content' },
      },
    },
    operation: {
      type: 'object',
      required: ['operationId', 'tags', 'summary', 'responses', 'security'],
      additionalProperties: false,
      properties: {
        operationId: { type: 'string', pattern: '^[a-z][a-z0-9_]*$' },
        tags: { type: 'array', items: { type: 'string' }, minItems: 1 },
        summary: { type: 'string', minLength: 1, maxLength: 100 },
        description: { type: 'string', minLength: 1 },
        parameters: { type: 'array', items: { anyOf: [{ $ref: '#/$defs/reference' }, { $ref: '#/$defs/parameter' }] } },
        requestBody: {
          type: 'object',
          required: ['content'],
          additionalProperties: false,
          properties: { required: { type: 'boolean' }, content: { $ref: '#/$defs/content' } },
        },
        responses: {
          type: 'object',
          minProperties: 1,
          propertyNames: { pattern: '^[2-5]\\d\\d$' },
          additionalProperties: { anyOf: [{ $ref: '#/$defs/reference' }, { $ref: '#/$defs/response' }] },
        },
        security: { type: 'array', items: { type: 'object', additionalProperties: { type: 'array' } } },
      },
    },
  },
};

test('the document is built as OpenAPI 3.1 says', () => {
  const [isRight, errors] = Compile(STRUCTURE as object).Errors(document);
  assert.ok(isRight, JSON.stringify(errors.slice(0, 3)));
});

test('operations have ids of their own, and name the parameters of their paths', () => {
  const ids = operations.map(({ operation }) => operation.operationId);
  assert.deepEqual(
    ids.filter((id, index) => ids.indexOf(id) !== index),
    [],
  );
  for (const { path, method, operation } of operations) {
    const named = (operation.parameters ?? []).flatMap((parameter) => {
      const { $ref } = parameter as { $ref?: string };
      const one = $ref === undefined ? parameter : document.components.parameters[$ref.split('/').at(-1) ?? ''];
      const { in: place, name } = one as { in: string; name: string };
      return place === 'path' ? [name] : [];
    });
    assert.deepEqual(
      named,
      [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
      `${method} ${path}`,
    );
  }
});

test('every operation says how it may fail, and those without a token are few', () => {
  for (const { path, method, operation } of operations) {
    if (operation.security.length === 0) continue;
    for (const status of ['400', '401', '500', '503']) assert.ok(status in operation.responses, `${method} ${path}: ${status}`);
  }
  const open = operations.filter(({ operation }) => operation.security.length === 0).map(({ path, method }) => `${method} ${path}`);
  assert.deepEqual(open.toSorted(), [
    'get /',
    'get /docs',
    'get /healthcheck',
    'get /healthz',
    'get /openapi.json',
    'get /v2.0',
    'get /v3',
    'post /v3/auth/tokens',
  ]);
});

test('without the embedded identity service the document has nothing of it', () => {
  const { paths } = openApiDocument({ identity: false });
  assert.deepEqual(
    Object.keys(paths).filter((path) => path.startsWith('/v3')),
    [],
  );
});
