import { readFileSync } from 'node:fs';
import { WeftError } from '@weft/core/weft-error';
import type { Static, TObject } from 'typebox';
import { Value } from 'typebox/value';
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { schemaProblems } from './schema-problems.ts';
import type { SchemaNode } from './schema-problems.ts';

/** `line` counts from 1; `key` is written as `servers[0].port`, empty for the file as a whole. */
export type ConfigProblem = Readonly<{ line: number | undefined; key: string; message: string }>;

/** A configuration file cannot be used; all its problems at once. */
export class ConfigError extends WeftError {
  readonly problems: readonly ConfigProblem[];

  constructor(path: string, problems: readonly ConfigProblem[], cause?: unknown) {
    const lines = problems.map(({ line, key, message }) =>
      [line === undefined ? '' : `line ${line}: `, key === '' ? '' : `${key}: `, message].join(''),
    );
    const count = problems.length === 1 ? lines[0]! : `${problems.length} problems\n  ${lines.join('\n  ')}`;
    super('config_invalid', `configuration ${path}: ${count}`, {
      details: { path, problems },
      remedy: 'Correct the file; --check-config checks it without starting anything.',
      cause,
    });
    this.problems = problems;
  }
}

/**
 * Reads a daemon's YAML file (or `text` in its stead; `path` is then only its name). Nothing is converted: a port in quotes is a string. Keys
 * that are absent take the schema's `default`; unknown keys are errors. Relative paths among the values stay as they are.
 * Throws ConfigError.
 */
export function loadConfig<T extends TObject>(options: Readonly<{ path: string; schema: T; text?: string }>): Static<T> {
  const { path, schema } = options;
  const text = options.text ?? readConfig(path);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  // A warning is, for instance, a tag that nobody knows: the value is then not what its author meant.
  const syntax = [...document.errors, ...document.warnings].map(({ pos, message }) => ({
    line: lines.linePos(pos[0]).line,
    key: '',
    message,
  }));
  if (syntax.length > 0) throw new ConfigError(path, syntax);

  const value = Value.Default(schema, plainValue(document, path) ?? {});
  const problems = schemaProblems(schema as SchemaNode, value).map((problem) => ({
    line: lineOf(document, lines, problem.path),
    key: keyName(problem.path),
    message: problem.message,
  }));
  if (problems.length > 0) throw new ConfigError(path, problems);
  return value as Static<T>;
}

function readConfig(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reasons: Record<string, string> = {
      ENOENT: 'there is no such file',
      EACCES: 'no permission to read it',
      EISDIR: 'it is a directory',
      ERR_ENCODING_INVALID_ENCODED_DATA: 'it is not UTF-8 text',
    };
    throw new ConfigError(path, [{ line: undefined, key: '', message: reasons[code ?? ''] ?? 'it cannot be read' }], error);
  }
}

function plainValue(document: Document, path: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // Aliases that multiply themselves beyond reason, or point nowhere.
    throw new ConfigError(path, [{ line: undefined, key: '', message: (error as Error).message }], error);
  }
}

/** The line of the key at `path`; of what surrounds it if it is missing; undefined for the whole file. */
function lineOf(document: Document, lines: LineCounter, path: readonly (string | number)[]): number | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
      if (pair === undefined) break;
      offset = isScalar(pair.key) ? pair.key.range?.[0] : offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[step as number];
      offset = (node as { range?: readonly number[] } | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}

function keyName(path: readonly (string | number)[]): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index === 0 ? '' : '.'}${step}`)).join('');
}
