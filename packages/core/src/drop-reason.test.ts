import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DROP_KINDS, DROPS, dropParts, isDropKind } from './drop-reason.ts';

test('every kind of drop says where, why and in which direction, and what it means and what to do in sentences', () => {
  for (const kind of DROP_KINDS) {
    const { where, reason, direction } = dropParts(kind);
    assert.equal(`${where} ${reason} ${direction ?? 'none'}`, kind);
    assert.match(reason, /^[a-z_]+$/, kind);
    for (const text of Object.values(DROPS[kind])) assert.match(text, /^[A-Z][^\n]*\.$/, kind);
  }
});

test('a word of an object is no kind of drop', () => {
  assert.deepEqual([isDropKind('port mtu sent'), isDropKind('toString'), isDropKind('port mtu')], [true, false, false]);
});
