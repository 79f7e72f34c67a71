import { Type } from 'typebox';
import { ref } from './operation.ts';
import type { Operation } from './operation.ts';

const Link = Type.Object({ rel: Type.String(), href: Type.String() });
const Version = Type.Object({ id: Type.String(), status: Type.String(), links: Type.Array(Link) });
const Resource = Type.Object({ name: Type.String(), collection: Type.String(), links: Type.Array(Link) });

/** What anybody may ask: which APIs are here, whether they are well, and what they are like. */
export function commonOperations(): readonly Operation[] {
  const open = { method: 'get', tag: 'discovery', access: 'open' } as const;
  return [
    {
      ...open,
      path: '/',
      id: 'list_versions',
      summary: 'List the versions of the network API',
      answer: { status: 200, schema: Type.Object({ versions: Type.Array(Version) }) },
    },
    {
      ...open,
      path: '/v2.0',
      id: 'list_resources',
      summary: 'List the core resources',
      answer: { status: 200, schema: Type.Object({ resources: Type.Array(Resource) }) },
    },
    { ...open, path: '/healthz', id: 'show_health', summary: 'Ask how the server is', answer: { status: 200, schema: ref('Health') } },
    {
      ...open,
      path: '/healthcheck',
      id: 'check_health',
      summary: 'Ask whether the server answers',
      answer: { status: 200, schema: Type.String(), type: 'text/plain' },
    },
    {
      ...open,
      path: '/openapi.json',
      id: 'show_document',
      summary: 'Get this document',
      answer: { status: 200, schema: Type.Object({}, { additionalProperties: true }) },
    },
    {
      ...open,
      path: '/docs',
      id: 'show_documentation',
      summary: 'Read this document as a page',
      answer: { status: 200, schema: Type.String(), type: 'text/html' },
    },
  ];
}
