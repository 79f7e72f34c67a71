import { Type } from 'typebox';
import type { TSchema } from 'typebox';

/**
 * One entry of the API's document: a method and a path, what it takes and what it answers. The server's routes and these entries are held
 * equal by a test, and answers of requests in tests are checked against them.
 */
export type Operation = Readonly<{
  method: Method;
  /** With parameters in braces: `/v2.0/networks/{id}`. */
  path: string;
  /** Unique; what generated clients call it. */
  id: string;
  tag: string;
  summary: string;
  about?: string;
  query?: readonly Parameter[];
  headers?: readonly Parameter[];
  /** Of the body; absent: there is none. */
  body?: TSchema;
  bodyOptional?: true;
  answer: Answer;
  /** Codes of the table of errors that are this operation's own, `not_found:port` for an object that is not there. */
  errors?: readonly string[];
  /** `open`: no token. `admin`: administrators only; others are refused, or told that there is nothing. Default: any token. */
  /** Errors that have another form than those of their API, by status. */
  errorBodies?: Readonly<Record<number, TSchema>>;
  access?: 'open' | 'admin';
}>;

export type Method = 'get' | 'head' | 'post' | 'put' | 'patch' | 'delete';

export type Parameter = Readonly<{ name: string; description?: string; schema: TSchema; required?: true }>;

/** A successful answer; without a schema it has no body. `type`: default `application/json`. */
export type Answer = Readonly<{
  status: 200 | 201 | 204;
  description?: string;
  schema?: TSchema;
  type?: string;
  headers?: Readonly<Record<string, string>>;
}>;

/** A schema that the document has once, under its name. */
export function ref(name: string): TSchema {
  return Type.Unsafe({ $ref: `#/components/schemas/${name}` });
}

/** `security_group_rule` → `SecurityGroupRule`; whatever is neither letter nor digit parts words. */
export function pascalCase(text: string): string {
  return text.replaceAll(/(?:^|[^A-Za-z0-9]+)([A-Za-z0-9]?)/g, (_, letter: string) => letter.toUpperCase());
}

/** What people read: `security group rule`, `floating IP`. */
export function spaced(text: string): string {
  return text
    .replaceAll(/[_-]/g, ' ')
    .replace(/^floatingip/, 'floating IP')
    .replaceAll(/\b(ip|nat)\b/g, (word) => word.toUpperCase());
}

/** `a port`, `an instance`. */
export function withArticle(what: string): string {
  return `${/^[aeiou]/i.test(what) ? 'an' : 'a'} ${what}`;
}

/** Whether a request of this method changes something. */
export function isWrite(method: string): boolean {
  return method !== 'get' && method !== 'head';
}
