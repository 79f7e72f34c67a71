import type { TSchema } from 'typebox';
import { DryRunView } from '../dry-run.ts';
import { collectionOperations } from './collection-operations.ts';
import { PageLinks, collectionSchemas } from './collections.ts';
import { commonOperations } from './common-operations.ts';
import { ERROR_SCHEMAS, errorResponses } from './error-responses.ts';
import { IDENTITY_SCHEMAS, identityOperations } from './identity-operations.ts';
import { ExtensionView, QUOTA_SCHEMAS, networkOperations } from './network-operations.ts';
import { isWrite, pascalCase, ref } from './operation.ts';
import type { Operation, Parameter } from './operation.ts';
import { Shared } from './share.ts';
import { WEFT_SCHEMAS, weftOperations } from './weft-operations.ts';

const INTRODUCTION = `Three APIs at one address. **/v2.0** is that of OpenStack's network service (Neutron) and **/v3** that of its identity
service (Keystone), so that what speaks those works unchanged; **/v1** is Weft's own.

Every request but those marked as open carries a token in \`X-Auth-Token\`. What belongs to another project does not exist (404).
Every answer carries \`X-Openstack-Request-Id\`.

Values in requests may be written as Neutron's clients do: \`"true"\`, \`"yes"\` or \`1\` for true, \`"5"\` for 5. Attributes that are
not known are refused, never dropped.

Writes under /v2.0 and /v1 take \`dry_run=true\`: they refuse what the write refuses, and otherwise answer 200 with what it would change, on
which nodes, and which packets would get through or no longer; nothing is changed.`;

/** An OpenAPI 3.1 document. */
export type OpenApiDocument = Readonly<{
  openapi: string;
  info: Readonly<{ title: string; version: string; description: string }>;
  tags: readonly Readonly<{ name: string }>[];
  paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  components: Readonly<Record<'schemas' | 'parameters' | 'responses', Readonly<Record<string, object>>> & { securitySchemes: object }>;
}>;

/** As much of an operation as our own page reads. */
export type OperationObject = Readonly<{
  operationId: string;
  tags: readonly string[];
  summary: string;
  description?: string;
  parameters?: readonly object[];
  requestBody?: object;
  responses: Readonly<Record<string, object>>;
  security: readonly object[];
}>;

/** Every operation of the API. */
function operations(): readonly Operation[] {
  return [...collectionOperations(), ...networkOperations(), ...weftOperations(), ...identityOperations(), ...commonOperations()];
}

export type DocumentOptions = Readonly<{
  /** Whether the embedded identity service is there. Default true. */
  identity?: boolean;
}>;

/** The API's document, made from the tables, schemas and errors that the server itself works by. */
export function openApiDocument({ identity = true }: DocumentOptions = {}): OpenApiDocument {
  const all = operations().filter(({ path }) => identity || !path.startsWith('/v3'));
  const paths: Record<string, Record<string, OperationObject>> = {};
  for (const operation of all) (paths[operation.path] ??= {})[operation.method] = operationObject(operation);
  const { responses, parameters } = shareParts(
    Object.values(paths).flatMap((methods) => Object.entries(methods).map(([method, one]) => ({ methods, method, one }))),
  );
  const document = {
    openapi: '3.1.0',
    info: {
      title: 'Weft',
      version: '0.1.0',
      description: INTRODUCTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: [...new Set(all.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: schemas(identity),
      parameters,
      responses,
      securitySchemes: {
        token: {
          type: 'apiKey',
          in: 'header',
          name: 'X-Auth-Token',
          description: 'A token of the identity service, or a fixed one: the administrator’s, or that of a tenant made under /v1.',
        },
      },
    },
  };
  // Schemas carry marks of the library that made them, which are no part of them.
  return JSON.parse(JSON.stringify(document)) as OpenApiDocument;
}

const DRY_RUN = {
  name: 'dry_run',
  in: 'query',
  schema: { type: 'string', enum: ['true', 'false'] },
  description: 'true: only say what the write would do.',
};

type Place = Readonly<{ methods: Record<string, OperationObject>; method: string; one: OperationObject }>;

/** Puts references where the same stands in many places, and returns what they refer to. */
function shareParts(places: readonly Place[]): Readonly<{ responses: object; parameters: object }> {
  const parameters = new Shared('parameters', ({ name }) => pascalCase(String(name)));
  const responses = new Shared('responses', ({ description }) => pascalCase(String(description).split(/[:;.]/, 1)[0] ?? ''));
  for (const { one } of places) {
    for (const parameter of one.parameters ?? []) parameters.count(parameter);
    for (const response of Object.values(one.responses)) responses.count(response);
  }
  for (const { methods, method, one } of places) {
    methods[method] = {
      ...one,
      ...(one.parameters === undefined ? {} : { parameters: one.parameters.map((parameter) => parameters.refer(parameter)) }),
      responses: Object.fromEntries(Object.entries(one.responses).map(([status, response]) => [status, responses.refer(response)])),
    };
  }
  return { responses: responses.items, parameters: parameters.items };
}

function schemas(identity: boolean): Record<string, TSchema> {
  return {
    ...collectionSchemas(),
    ...QUOTA_SCHEMAS,
    Extension: ExtensionView,
    PageLinks,
    ...WEFT_SCHEMAS,
    ...(identity ? IDENTITY_SCHEMAS : {}),
    DryRun: DryRunView,
    ...ERROR_SCHEMAS,
  };
}

function operationObject(operation: Operation): OperationObject {
  const { id, tag, summary, about, path, method, access } = operation;
  const note = access === 'admin' ? 'Administrators only.' : undefined;
  const description = [about, note].filter((part) => part !== undefined).join(' ');
  const hasDryRun = isWrite(method) && !path.startsWith('/v3');
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) =>
      parameterObject('path', { name, schema: { type: 'string' }, required: true }),
    ),
    ...(operation.query ?? []).map((parameter) => parameterObject('query', parameter)),
    ...(operation.headers ?? []).map((parameter) => parameterObject('header', parameter)),
    ...(hasDryRun ? [DRY_RUN] : []),
  ];
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === '' ? {} : { description }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(operation.body === undefined
      ? {}
      : { requestBody: { required: operation.bodyOptional !== true, content: { 'application/json': { schema: operation.body } } } }),
    responses: { ...successes(operation, hasDryRun), ...errorResponses(operation) },
    security: access === 'open' ? [] : [{ token: [] }],
  };
}

function parameterObject(place: 'path' | 'query' | 'header', { name, description, schema, required }: Parameter): object {
  return {
    name,
    in: place,
    ...(required === true ? { required } : {}),
    ...(description === undefined ? {} : { description }),
    schema,
  };
}

function successes({ answer, method }: Operation, hasDryRun: boolean): Record<string, object> {
  const { status, description, schema, type = 'application/json', headers } = answer;
  const dry = ref('DryRun');
  const isShared = hasDryRun && status === 200;
  const shown = isShared && schema !== undefined ? { anyOf: [schema, dry] } : schema;
  const own = {
    description: description ?? DONE[status],
    ...(headers === undefined
      ? {}
      : {
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, text]) => [name, { description: text, schema: { type: 'string' } }]),
          ),
        }),
    ...(shown === undefined || method === 'head' ? {} : { content: { [type]: { schema: shown } } }),
  };
  const asked = { description: 'A dry run: what it would do.', content: { 'application/json': { schema: dry } } };
  return { ...(hasDryRun && !isShared ? { '200': asked } : {}), [String(status)]: own };
}

const DONE = { 200: 'Done.', 201: 'Made.', 204: 'Done; there is nothing to say.' } as const;
