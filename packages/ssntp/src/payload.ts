import { WeftError } from '@weft/core/weft-error';
import { parseAllDocuments } from 'yaml';

/** The payload is not UTF-8, JSON or YAML. Like a value that a parser refuses, it costs the frame, never the connection. */
export class PayloadError extends WeftError {
  constructor(message: string, cause?: unknown) {
    super('invalid_payload', message, { cause });
  }
}

/** YAML is for people and old peers. Its parser looks for equal keys in quadratic time: this much can cost a quarter of a second, a megabyte minutes. */
const MAX_YAML_BYTES = 32 * 1024;

/** An alias may not blow a document up: more uses than this of the nodes that aliases name, and it is refused. */
const MAX_ALIAS_COUNT = 64;

/** Any JSON value as a payload. JSON is YAML 1.2, so every peer can read it. `undefined` is the empty payload. */
export function encodePayload(value: unknown): Uint8Array {
  return value === undefined ? new Uint8Array(0) : Buffer.from(JSON.stringify(value), 'utf8');
}

/** The single document of a payload; `undefined` when it is empty. Throws PayloadError. */
export function decodePayload(bytes: Uint8Array): unknown {
  const documents = decodeDocuments(bytes);
  if (documents.length > 1) throw new PayloadError(`decoding a payload: ${documents.length} documents where one is expected`);
  return documents[0];
}

/** All documents of a payload in their order; JSON is one. Throws PayloadError. */
export function decodeDocuments(bytes: Uint8Array): unknown[] {
  const text = decodeText(bytes);
  if (text.trim() === '') return [];
  try {
    return [JSON.parse(text)];
  } catch {
    return decodeYaml(text, bytes.length);
  }
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new PayloadError('decoding a payload: it is not UTF-8', cause);
  }
}

function decodeYaml(text: string, size: number): unknown[] {
  if (size > MAX_YAML_BYTES) throw new PayloadError(`decoding a payload: not JSON, and ${size} bytes are too many for YAML`);
  try {
    const documents = parseAllDocuments(text, { version: '1.2', prettyErrors: false, logLevel: 'error' });
    return documents.map((document) => {
      const fault = document.errors[0];
      if (fault !== undefined) throw fault;
      const value: unknown = document.toJS({ maxAliasCount: MAX_ALIAS_COUNT });
      return value;
    });
  } catch (cause) {
    throw new PayloadError('decoding a payload: it is neither JSON nor YAML', cause);
  }
}
