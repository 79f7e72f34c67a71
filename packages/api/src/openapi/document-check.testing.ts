import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { OpenApiDocument } from './document.ts';
import { Compile } from 'typebox/schema';

const KEPT = new URL('../../openapi.json', import.meta.url);

/** What was asked, and what came of it. */
export type Exchange = Readonly<{
  method: string;
  url: string;
  status: number;
  contentType: string | undefined;
  raw: string;
}>;

type Schema = Readonly<Record<string, unknown>>;
type Validator = Readonly<{ Check(value: unknown): boolean; Errors(value: unknown): [boolean, object[]] }>;

/** Holds answers to the API's document: an answer that it does not tell of, or tells otherwise, fails the test that saw it. */
export class DocumentCheck {
  /** The one that is kept, which a test of its own holds to the schemas: to make it takes longer than most tests. */
  readonly #document = JSON.parse(readFileSync(KEPT, 'utf8')) as OpenApiDocument;
  readonly #exactComponents = new Map<boolean, unknown>();
  readonly #paths: readonly Readonly<{ path: string; pattern: RegExp }>[];
  readonly #validators = new Map<string, Validator>();

  constructor() {
    // Those without parameters first: `quotas/tenant` is no project.
    const paths = Object.keys(this.#document.paths).toSorted((a, b) => a.split('{').length - b.split('{').length);
    this.#paths = paths.map((path) => ({
      path,
      pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}/?$`),
    }));
  }

  /** Throws AssertionError. */
  check({ method, url, status, contentType, raw }: Exchange): void {
    // A browser's question about the API, and no operation of it.
    if (method === 'OPTIONS') return;
    const [target = '', query = ''] = url.replace(/^(\/v2\.0\/(?![^?]*\/tags\/)[^?]*)\.json(?=\?|$)/, '$1').split('?', 2);
    const path = this.#paths.find(({ pattern }) => pattern.test(target))?.path;
    const methods = path === undefined ? {} : (this.#document.paths[path] ?? {});
    const operation = methods[method.toLowerCase()] ?? (method === 'HEAD' ? methods['get'] : undefined);
    const what = `${method} ${path ?? target} answered ${status}`;
    if (operation === undefined) {
      assert.ok([400, 401, 403, 404, 405].includes(status), `${what}: the document has no such operation\n${raw}`);
      return;
    }
    if (status === 405 || contentType?.startsWith('text/') === true) return;
    const response = this.#resolved(operation.responses[String(status)]);
    assert.ok(response !== undefined, `${what}, which the document does not tell of: add its code to the operation’s errors\n${raw}`);
    if (raw === '' || method === 'HEAD') return;
    const type = contentType?.split(';', 1)[0] ?? '';
    const { content } = response as Readonly<{ content?: Readonly<Record<string, Readonly<{ schema: Schema }>>> }>;
    const schema = content?.[type]?.schema;
    assert.ok(schema !== undefined, `${what} with ${type}, which the document does not tell of\n${raw}`);
    const isPart = new URLSearchParams(query).has('fields');
    const validator = this.#validator(`${path} ${method} ${status} ${type} ${isPart}`, schema, isPart);
    const body: unknown = JSON.parse(raw);
    if (!validator.Check(body)) {
      const [, errors] = validator.Errors(body);
      assert.fail(`${what} otherwise than the document says: ${JSON.stringify(errors.slice(0, 4))}\n${raw}`);
    }
  }

  #validator(key: string, schema: Schema, isPart: boolean): Validator {
    const known = this.#validators.get(key);
    if (known !== undefined) return known;
    let components = this.#exactComponents.get(isPart);
    if (components === undefined) {
      components = exact({ schemas: this.#document.components.schemas }, isPart);
      this.#exactComponents.set(isPart, components);
    }
    const made: Validator = Compile({ ...(exact(schema, isPart) as object), components });
    this.#validators.set(key, made);
    return made;
  }

  #resolved(response: object | undefined): object | undefined {
    const { $ref } = (response ?? {}) as { $ref?: string };
    return $ref === undefined ? response : this.#document.components.responses[$ref.split('/').at(-1) ?? ''];
  }
}

/** The schema, but without room for attributes that it does not name; with `isPart`, none has to be there. */
function exact(schema: unknown, isPart: boolean, isOpen = false): unknown {
  if (Array.isArray(schema)) return schema.map((item) => exact(item, isPart, isOpen));
  if (typeof schema !== 'object' || schema === null) return schema;
  const entries = Object.entries(schema).flatMap(([key, value]): [string, unknown][] =>
    key === 'required' && isPart ? [] : [[key, key === 'const' || key === 'enum' ? value : exact(value, isPart, key === 'allOf')]],
  );
  const closed = 'properties' in schema && schema.constructor === Object && !('additionalProperties' in schema) && !isOpen;
  return { ...Object.fromEntries(entries), ...(closed && isSchema(schema) ? { additionalProperties: false } : {}) };
}

/** A schema, and not the list of an object's properties, one of which is called `properties`. */
function isSchema(value: object): boolean {
  return (value as Schema)['type'] === 'object';
}
