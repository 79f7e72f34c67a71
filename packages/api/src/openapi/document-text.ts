import type { OpenApiDocument } from './document.ts';

/** The document as it is kept and served: a line for each value, so that changes of it can be read. */
export function documentText(document: OpenApiDocument): string {
  return `${JSON.stringify(document, null, 1)}\n`;
}
