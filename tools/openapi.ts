/** Writes the API's document to where it is kept: `npm run openapi`. A test says when that is due. */
import { writeFileSync } from 'node:fs';
import { openApiDocument } from '@weft/api/openapi/document';
import { documentText } from '@weft/api/openapi/document-text';

writeFileSync(new URL('../packages/api/openapi.json', import.meta.url), documentText(openApiDocument()));
