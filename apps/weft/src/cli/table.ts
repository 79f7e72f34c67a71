/**
 * A table's column: its heading, how a cell is made, and whether cells are a state, which a terminal shows in a colour. Only the last
 * columns are cut where a terminal is too narrow, so what identifies a row comes first.
 */
export type Column<V> = Readonly<{ heading: string; cell: (view: V) => string; isState?: boolean }>;

export type Look = Readonly<{
  /** Lines are cut to it. */
  width?: number | undefined;
  colours?: boolean;
}>;

const BOLD = [1, 22] as const;
const GREEN = [32, 39] as const;
const YELLOW = [33, 39] as const;
const RED = [31, 39] as const;
const GAP = '  ';

/** A table for a terminal: aligned, with a heading. Control characters in values are made visible. */
export function formatTable<V>(columns: readonly Column<V>[], views: readonly V[], look: Look = {}): string {
  const headings = columns.map(({ heading }) => heading.toUpperCase());
  const rows = views.map((view) => columns.map(({ cell }) => printable(cell(view))));
  const widths = headings.map((heading, at) => rows.reduce((most, row) => Math.max(most, lengthOf(row[at]!)), lengthOf(heading)));
  const line = (cells: readonly string[], colourOf: (cell: string, at: number) => readonly [number, number] | undefined): string => {
    let left = look.width ?? Number.POSITIVE_INFINITY;
    let text = '';
    for (const [at, cell] of cells.entries()) {
      const isLast = at === cells.length - 1;
      const padded = isLast ? cell : cell + ' '.repeat(widths[at]! - lengthOf(cell)) + GAP;
      const shown = cut(padded, left);
      left -= lengthOf(shown);
      text += look.colours === true ? painted(shown, colourOf(cell, at)) : shown;
      if (left <= 0) break;
    }
    return `${text.trimEnd()}\n`;
  };
  const stateColour = (cell: string, at: number): readonly [number, number] | undefined =>
    columns[at]?.isState === true ? colourOfState(cell) : undefined;
  return [line(headings, () => BOLD), ...rows.map((row) => line(row, stateColour))].join('');
}

/** `name  value` lines, the values aligned; what has several lines goes on below itself. */
export function formatRecord(fields: Iterable<readonly [name: string, value: unknown]>): string {
  const entries = [...fields];
  const width = Math.max(0, ...entries.map(([name]) => lengthOf(name)));
  return entries
    .map(([name, value]) => {
      const lines = formatValue(value).split('\n').map(printable);
      return `${name}${' '.repeat(width - lengthOf(name))}${GAP}${lines.join(`\n${' '.repeat(width)}${GAP}`)}\n`;
    })
    .join('');
}

/** One cell: a list with commas, absence as a dash, objects as `key=value`, several of them on a line each. */
export function formatValue(value: unknown): string {
  if (value === undefined || value === null || value === '') return '-';
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) {
    if (value.length === 0) return '-';
    return value.map(formatValue).join(value.some(isObject) ? '\n' : ', ');
  }
  if (typeof value === 'object') {
    const pairs = Object.entries(value).map(([key, inner]) => `${key}=${isObject(inner) ? JSON.stringify(inner) : formatValue(inner)}`);
    return pairs.length === 0 ? '-' : pairs.join(' ');
  }
  return `${value as number}`;
}

/** A name is somebody else's text: it must not be able to move the cursor of whoever lists it, nor turn the line around. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, '0')}`;
  });
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Columns of a terminal, as far as code points tell. */
function lengthOf(text: string): number {
  return Array.from(text).length;
}

function cut(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length <= width || lengthOf(text.trimEnd()) <= width
    ? text
    : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

function painted(text: string, colour: readonly [number, number] | undefined): string {
  if (colour === undefined) return text;
  const word = text.trimEnd();
  return `\u001b[${colour[0]}m${word}\u001b[${colour[1]}m${text.slice(word.length)}`;
}

/** By its first word: `held: would remove 3 ports`. */
function colourOfState(cell: string): readonly [number, number] | undefined {
  const [word = ''] = cell.toLowerCase().split(/[^a-z-]/, 1);
  if (['active', 'connected', 'in-sync'].includes(word)) return GREEN;
  if (['error', 'disconnected', 'held'].includes(word)) return RED;
  return ['build', 'building', 'pending', 'syncing', 'unknown', 'down'].includes(word) ? YELLOW : undefined;
}
