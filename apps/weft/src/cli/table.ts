/** A table for a terminal: aligned, with a heading, cut to `width` if that is known. Control characters in values are made visible. */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[], width?: number): string {
  const lines = [headings.map((heading) => heading.toUpperCase()), ...rows].map((line) => line.map(printable));
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => displayWidth(line[column] ?? ''))));
  return lines
    .map((line) => line.map((cell, column) => cell + ' '.repeat(widths[column]! - displayWidth(cell))).join('  '))
    .map((line) => `${cut(line.trimEnd(), width)}\n`)
    .join('');
}

/** `name: value` lines, the names aligned. */
export function formatRecord(fields: Readonly<Record<string, unknown>>): string {
  const width = Math.max(0, ...Object.keys(fields).map((key) => key.length));
  return Object.entries(fields)
    .map(([key, value]) => `${key.padEnd(width)}  ${printable(formatValue(value))}\n`)
    .join('');
}

/** One cell: a list with commas, absence as a dash, a structure as JSON. */
export function formatValue(value: unknown): string {
  if (value === undefined || value === null || value === '') return '-';
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(formatValue).join(', ');
  return JSON.stringify(value);
}

function printable(text: string): string {
  // A name is somebody else's text: it must not be able to move the cursor of whoever lists it.
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Columns of a terminal, as far as code points tell. */
function displayWidth(text: string): number {
  return Array.from(text).length;
}

function cut(line: string, width: number | undefined): string {
  const characters = Array.from(line);
  return width === undefined || width < 2 || characters.length <= width ? line : `${characters.slice(0, width - 1).join('')}…`;
}
