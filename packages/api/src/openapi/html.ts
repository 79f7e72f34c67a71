/** Text that is HTML already. */
export type Html = Readonly<{ text: string }>;

type Value = string | number | Html | undefined | readonly (Html | undefined)[];

/** HTML with everything that is put into it escaped, but for what is HTML itself. */
export function markup(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return { text: parts.map((part, index) => part + inserted(values[index])).join('') };
}

/** Trusted text: nothing in it is escaped. */
export function raw(text: string): Html {
  return { text };
}

function inserted(value: Value): string {
  if (value === undefined) return '';
  if (typeof value === 'string' || typeof value === 'number') return escaped(String(value));
  return 'text' in value ? value.text : value.map((part) => part?.text ?? '').join('');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}
