import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openApiDocument } from './document.ts';
import { documentPage } from './page.ts';

const document = openApiDocument();
const page = documentPage(document);

test('the page has every operation and every schema, and every link on it leads somewhere', () => {
  const ids = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
  for (const methods of Object.values(document.paths)) {
    for (const { operationId } of Object.values(methods)) assert.ok(ids.has(operationId), operationId);
  }
  for (const name of Object.keys(document.components.schemas)) assert.ok(ids.has(`schema-${name}`), name);
  for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) assert.ok(ids.has(target), target);
});

test('the page is complete in itself: it loads nothing and runs nothing', () => {
  assert.doesNotMatch(page, /<script|<link|<img|<iframe|javascript:|https?:\/\/|\son[a-z]+=|style=|@import|url\(/i);
  assert.equal(page.match(/<style>/g)?.length, 1);
});

test('what the document says is text on the page, whatever is in it', () => {
  const { paths, ...rest } = document;
  const [path = '', methods = {}] = Object.entries(paths)[0] ?? [];
  const [method = '', operation] = Object.entries(methods)[0] ?? [];
  assert.ok(operation !== undefined);
  const evil = { ...rest, paths: { [path]: { [method]: { ...operation, summary: '<script>alert("1")</script>' } } } };
  assert.match(documentPage(evil), /&lt;script&gt;alert\(&quot;1&quot;\)/);
  assert.doesNotMatch(documentPage(evil), /<script/);
});
