import { markup, raw } from './html.ts';
import type { Html } from './html.ts';

type Schema = Readonly<Record<string, unknown>>;

/** A schema as people read it: `string, up to 255 characters`, `list of Port`, `null or integer 1 to 65535`. */
export function schemaText(schema: Schema): Html {
  const { $ref, anyOf, allOf, type, items } = schema as {
    $ref?: string;
    anyOf?: Schema[];
    allOf?: Schema[];
    type?: string;
    items?: Schema;
  };
  if ($ref !== undefined) return refLink($ref);
  if (anyOf !== undefined) return joined(anyOf.map(schemaText), ' or ');
  if (allOf !== undefined) return joined(allOf.map(schemaText), ' and ');
  if ('const' in schema) return markup`<code>${JSON.stringify(schema['const'])}</code>`;
  if (Array.isArray(schema['enum']))
    return joined(
      schema['enum'].map((value) => markup`<code>${JSON.stringify(value)}</code>`),
      ' or ',
    );
  if (type === 'array') return markup`list of ${schemaText(items ?? {})}${boundsText(schema)}`;
  if (type === 'object') return objectText(schema);
  return markup`${type ?? 'anything'}${boundsText(schema)}`;
}

/** The attributes of an object, a row each; undefined for what has none. */
export function attributeTable(schema: Schema, note: (name: string, attribute: Schema) => string): Html | undefined {
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>);
  if (properties.length === 0) return undefined;
  const rows = properties.map(([name, attribute]) => {
    const { description } = attribute as { description?: string };
    const notes = [note(name, attribute), description ?? '', defaultText(attribute)].filter((text) => text !== '').join(' ');
    return markup`<tr>
      <td><code>${name}</code></td>
      <td>${schemaText(attribute)}</td>
      <td>${notes}</td>
    </tr>`;
  });
  return markup`<table>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}

function objectText(schema: Schema): Html {
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>);
  if (properties.length === 0) return markup`object`;
  const parts = properties.map(([name, attribute]) => markup`<code>${name}</code>: ${schemaText(attribute)}`);
  return markup`{ ${joined(parts, ', ')} }`;
}

function refLink(reference: string): Html {
  const name = reference.split('/').at(-1) ?? '';
  return markup`<a href="#schema-${name}">${name}</a>`;
}

function boundsText(schema: Schema): string {
  const { format, minimum, maximum, minLength, maxLength, minItems, maxItems } = schema as Record<string, string | number | undefined>;
  const parts = [
    format === undefined ? '' : ` (${format})`,
    minimum === undefined ? '' : ` from ${minimum}`,
    maximum === undefined ? '' : ` to ${maximum}`,
    minLength === undefined ? '' : `, at least ${minLength} characters`,
    maxLength === undefined ? '' : `, up to ${maxLength} characters`,
    minItems === undefined ? '' : `, at least ${minItems}`,
    maxItems === undefined ? '' : `, up to ${maxItems}`,
  ];
  return parts.join('');
}

function defaultText(schema: Schema): string {
  return 'default' in schema ? `Default: ${JSON.stringify(schema['default'])}.` : '';
}

function joined(parts: readonly Html[], separator: string): Html {
  return raw(parts.map(({ text }) => text).join(separator));
}
