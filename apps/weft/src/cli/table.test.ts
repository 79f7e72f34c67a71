import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatRecord, formatTable, formatValue, printable } from './table.ts';
import type { Column } from './table.ts';

type Row = readonly [string, string];
const COLUMNS: readonly Column<Row>[] = [
  { heading: 'name', cell: ([name]) => name },
  { heading: 'status', cell: ([, status]) => status, isState: true },
  { heading: 'last', cell: ([name]) => name },
];

test('a table aligns its columns with their longest cell and ends no line with blanks', () => {
  const text = formatTable(COLUMNS, [
    ['a', 'ACTIVE'],
    ['long name', ''],
  ]);
  assert.equal(text, 'NAME       STATUS  LAST\na          ACTIVE  a\nlong name          long name\n');
});

test('a table without rows is its heading', () => {
  assert.equal(formatTable(COLUMNS, []), 'NAME  STATUS  LAST\n');
});

test('a narrow terminal gets lines that are cut, and say so', () => {
  assert.equal(formatTable(COLUMNS, [['abcdef', 'ACTIVE']], { width: 12 }), 'NAME    STA…\nabcdef  ACT…\n');
});

test('a terminal with colours shows states in theirs, and cells stay aligned', () => {
  const rows: readonly Row[] = [
    ['a', 'ACTIVE'],
    ['b', 'held: would remove 3 ports'],
    ['c', 'BUILD'],
    ['d', 'whatever'],
  ];
  const text = formatTable(COLUMNS, rows, { colours: true });
  assert.ok(text.includes('\u001b[32mACTIVE\u001b[39m'));
  assert.ok(text.includes('\u001b[31mheld: would remove 3 ports\u001b[39m'));
  assert.ok(text.includes('\u001b[33mBUILD\u001b[39m'));
  // oxlint-disable-next-line no-control-regex
  const plain = text.replaceAll(/\u001b\[\d+m/g, '');
  assert.equal(plain, formatTable(COLUMNS, rows));
});

test('no cell gets a control character to the terminal, and no line is wider than it', () => {
  const cell = fc.string({ unit: 'binary', maxLength: 30 });
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell)), fc.integer({ min: 4, max: 60 }), (rows, width) => {
      const lines = formatTable(COLUMNS, rows, { width }).split('\n');
      assert.equal(lines.length, rows.length + 2, 'a line for each row, one for the heading, and the end');
      for (const line of lines) {
        assert.ok(Array.from(line).length <= width, `${JSON.stringify(line)} is wider than ${width}`);
        // oxlint-disable-next-line no-control-regex
        assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u202e]/);
      }
    }),
  );
});

test('text that could move the cursor, or turn the line around, is shown as its code', () => {
  assert.equal(printable('a\u001b[2Jb\u202ec\n'), String.raw`a\x1b[2Jb\u202ec\x0a`);
});

test('values read like text: lists with commas, absence as a dash, objects as pairs', () => {
  const cases: readonly (readonly [unknown, string])[] = [
    [null, '-'],
    [undefined, '-'],
    ['', '-'],
    [[], '-'],
    [{}, '-'],
    [true, 'yes'],
    [false, 'no'],
    [0, '0'],
    [['a', 'b'], 'a, b'],
    [{ a: 1, b: null }, 'a=1 b=-'],
    [{ code: { message: 'x' } }, 'code={"message":"x"}'],
    [[{ a: 1 }, { a: 2 }], 'a=1\na=2'],
  ];
  for (const [value, text] of cases) assert.equal(formatValue(value), text, JSON.stringify(value));
});

test('a record aligns its values, also those of several lines', () => {
  assert.equal(
    formatRecord([
      ['id', 'x'],
      ['fixed_ips', [{ ip: 'a' }, { ip: 'b' }]],
    ]),
    'id         x\nfixed_ips  ip=a\n           ip=b\n',
  );
});
