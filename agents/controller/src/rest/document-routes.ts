import { createHash } from 'node:crypto';
import { openApiDocument } from '@weft/api/openapi/document';
import type { DocumentOptions } from '@weft/api/openapi/document';
import { documentText } from '@weft/api/openapi/document-text';
import { documentPage } from '@weft/api/openapi/page';
import { PAGE_STYLE } from '@weft/api/openapi/page-style';
import type { FastifyInstance } from 'fastify';

/** The API's own description, for programs and for people. It says nothing that is not in the sources, so anybody may have it. */
export function documentRoutes(app: FastifyInstance, options: DocumentOptions): void {
  // Made when somebody wants it: most servers are never asked.
  let made: Readonly<{ json: string; page: string }> | undefined;
  const texts = (): NonNullable<typeof made> => {
    if (made === undefined) {
      const document = openApiDocument(options);
      made = { json: documentText(document), page: documentPage(document) };
    }
    return made;
  };
  app.route({
    method: 'GET',
    url: '/openapi.json',
    handler: (_request, reply) => reply.headers(NOT_TO_BE_GUESSED).type('application/json').send(texts().json),
  });
  app.route({
    method: 'GET',
    url: '/docs',
    handler: (_request, reply) =>
      reply
        .headers({ ...NOT_TO_BE_GUESSED, 'content-security-policy': POLICY })
        .type('text/html; charset=utf-8')
        .send(texts().page),
  });
}

const NOT_TO_BE_GUESSED = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' };

/** The page is text with one style: whatever else got into it, browsers would neither load nor run it. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(PAGE_STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
