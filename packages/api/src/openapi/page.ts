/**
 * The API's document as a page to read: plain HTML and CSS of our own, that works without scripts, so that the strictest policy for contents
 * holds. Operations are folded, by subject; browsers open one that a link or a search leads to.
 */
import { markup, raw } from './html.ts';
import type { Html } from './html.ts';
import type { OpenApiDocument, OperationObject } from './document.ts';
import { attributeTable, schemaText } from './page-schema.ts';
import { PAGE_STYLE } from './page-style.ts';

type Entry = Readonly<{ method: string; path: string; operation: OperationObject }>;
type Parameter = Readonly<{ name: string; in: string; description?: string; schema: Schema; required?: boolean }>;
type Schema = Readonly<Record<string, unknown>>;
type Media = Readonly<Record<string, Readonly<{ schema: Schema }>>>;
type Response = Readonly<{ description: string; content?: Media }>;

const PARTS = [
  { prefix: '/v2.0', title: 'Networks', about: '/v2.0: OpenStack’s network API (Neutron)' },
  { prefix: '/v1', title: 'Weft', about: '/v1: what Weft adds' },
  { prefix: '/v3', title: 'Identity', about: '/v3: OpenStack’s identity API (Keystone)' },
  { prefix: '/ ', title: 'Discovery', about: 'Open to all' },
] as const;

/** The whole page. Its one style element is {@link PAGE_STYLE}. */
export function documentPage(document: OpenApiDocument): string {
  const entries = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );
  const partOf = ({ path, operation }: Entry) =>
    PARTS.find(({ prefix }) => path.startsWith(prefix) && !operation.tags.includes('discovery')) ?? PARTS[3];
  const parts = PARTS.map((part) => ({ part, subjects: bySubject(entries.filter((entry) => partOf(entry) === part)) })).filter(
    ({ subjects }) => subjects.size > 0,
  );
  const nav = parts.map(
    ({ part, subjects }) =>
      markup`<h2>${part.title}</h2>
        <ul>
          ${[...subjects.keys()].map((name) => markup`<li><a href="#${anchor(part.title, name)}">${name}</a></li>`)}
        </ul>`,
  );
  const main = parts.map(
    ({ part, subjects }) =>
      markup`<h2>${part.about}</h2>
        ${[...subjects].map(
          ([name, list]) =>
            markup`<section id="${anchor(part.title, name)}">
              <h3>${name}</h3>
              ${list.map((entry) => operationHtml(document, entry))}
            </section>`,
        )}`,
  );
  const page = markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${document.info.title} API</title>
        <style>${raw(PAGE_STYLE)}</style>
      </head>
      <body>
        <nav aria-label="Subjects">
          <h1>${document.info.title} API</h1>
          <p><a href="openapi.json">openapi.json</a></p>
          ${nav}
          <h2><a href="#schemas">Schemas</a></h2>
        </nav>
        <main>
          ${introduction(document.info.description)} ${main}
          <h2 id="schemas">Schemas</h2>
          ${Object.entries(document.components.schemas).map(([name, schema]) => schemaHtml(name, schema as Schema))}
        </main>
      </body>
    </html> `;
  return page.text;
}

function bySubject(entries: readonly Entry[]): ReadonlyMap<string, readonly Entry[]> {
  return Map.groupBy(entries, ({ operation }) => operation.tags[0] ?? '');
}

function anchor(part: string, subject: string): string {
  return `${part}-${subject}`.toLowerCase().replaceAll(' ', '-');
}

/** Paragraphs, with `code` and **strong**: as much of Markdown as the introduction has. */
function introduction(text: string): Html {
  const paragraphs = text.split('\n\n').map((paragraph) => {
    const { text: safe } = markup`${paragraph}`;
    return raw(`<p>${safe.replaceAll(/`([^`]+)`/g, '<code>$1</code>').replaceAll(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')}</p>`);
  });
  return markup`<div class="introduction">${paragraphs}</div>`;
}

function operationHtml(document: OpenApiDocument, { method, path, operation }: Entry): Html {
  const parameters = (operation.parameters ?? []).map((parameter) => resolved(document, parameter) as Parameter);
  const body = (operation.requestBody as { content: Media } | undefined)?.content['application/json']?.schema;
  const responses = Object.entries(operation.responses).map(([status, response]) => ({
    status,
    response: resolved(document, response) as Response,
  }));
  return markup`<details id="${operation.operationId}">
    <summary><span class="method ${method}">${method}</span> <code>${path}</code> <span class="says">${operation.summary}</span></summary>
    <div>
      ${operation.description === undefined ? undefined : markup`<p>${raw(introduction(operation.description).text)}</p>`}
      ${operation.security.length === 0 ? markup`<p>Open: it takes no token.</p>` : undefined}
      ${
        parameters.length === 0
          ? undefined
          : markup`<h4>Parameters</h4>
              <table>
                <tbody>
                  ${parameters.map(parameterRow)}
                </tbody>
              </table>`
      }
      ${
        body === undefined
          ? undefined
          : markup`<h4>Body</h4>
              <p>${schemaText(body)}</p>`
      }
      <h4>Answers</h4>
      <table class="answers">
        <tbody>
          ${responses.map(({ status, response }) => responseRow(status, response))}
        </tbody>
      </table>
    </div>
  </details>`;
}

function parameterRow({ name, in: place, description, schema, required }: Parameter): Html {
  const { type, items } = schema as { type?: string; items?: Schema };
  const isMany = type === 'array' && items !== undefined;
  const notes = [required === true && place !== 'path' ? 'Required.' : '', description ?? ''].filter((text) => text !== '').join(' ');
  return markup`<tr><td><code>${name}</code>${place === 'query' ? '' : ` (${place})`}</td><td>${schemaText(isMany ? items : schema)}${isMany ? '; repeatable' : ''}</td><td>${notes}</td></tr>`;
}

function responseRow(status: string, { description, content }: Response): Html {
  const schemas = Object.values(content ?? {}).map(({ schema }) => schemaText(schema));
  // What narrows an error's type is in its description already.
  const shown = Number(status) >= 400 ? undefined : schemas;
  return markup`<tr>
    <td class="${Number(status) >= 400 ? 'error' : 'fine'}">${status}</td>
    <td>${description}</td>
    <td>${shown}</td>
  </tr>`;
}

function schemaHtml(name: string, schema: Schema): Html {
  const required = new Set((schema['required'] ?? []) as readonly string[]);
  // In a view nearly all is there; in a body it matters what has to be.
  const isBody = name.endsWith('Create');
  const note = (attribute: string, { readOnly }: Schema): string =>
    isBody && required.has(attribute) ? 'Required.' : readOnly === true ? 'Read-only.' : '';
  return markup`<section class="schema" id="schema-${name}">
    <h3>${name}</h3>
    ${attributeTable(schema, note) ?? markup`<p>${schemaText(schema)}</p>`}
  </section>`;
}

function resolved(document: OpenApiDocument, item: object): object {
  const { $ref } = item as { $ref?: string };
  if ($ref === undefined) return item;
  const [section = '', name = ''] = $ref.split('/').slice(2);
  return document.components[section as 'parameters' | 'responses'][name] ?? {};
}
