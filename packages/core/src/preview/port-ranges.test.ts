import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatPorts, piecesOf } from './port-ranges.ts';

test('pieces are all ports, cut at the ends of the ranges and nowhere else', () => {
  assert.deepEqual(piecesOf([]), [{ first: 1, last: 65_535 }]);
  assert.deepEqual(
    piecesOf([
      { first: 22, last: 22 },
      { first: 0, last: 65_535 },
    ]),
    [
      { first: 1, last: 21 },
      { first: 22, last: 22 },
      { first: 23, last: 65_535 },
    ],
  );
  const port = fc.integer({ min: 0, max: 65_535 });
  fc.assert(
    fc.property(fc.array(fc.tuple(port, port)), (pairs) => {
      const ranges = pairs.map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }));
      const pieces = piecesOf(ranges);
      assert.equal(formatPorts(pieces), '1-65535');
      for (const piece of pieces)
        for (const range of ranges)
          assert.ok(piece.last < range.first || piece.first > range.last || (piece.first >= range.first && piece.last <= range.last));
    }),
  );
});

test('ports are shown as one list of ports and ranges', () => {
  assert.equal(
    formatPorts([
      { first: 22, last: 22 },
      { first: 80, last: 88 },
      { first: 89, last: 89 },
    ]),
    '22,80-89',
  );
  assert.equal(formatPorts([]), '');
});
