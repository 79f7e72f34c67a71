import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { PayloadError, decodeDocuments, decodePayload, encodePayload } from './payload.ts';

const fuzzRuns = Number(process.env['FUZZ_RUNS'] ?? 200);

test('JSON values survive the wire', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const expected: unknown = JSON.parse(JSON.stringify(value));
      assert.deepEqual(decodePayload(encodePayload(value)), expected);
    }),
  );
});

test('YAML 1.2 is read where it is not JSON, and `no` is a word', () => {
  const text = 'tenant_added:\n  agent_ip: 10.20.0.11\n  vnic_mac: "02:5e:10:00:00:01"\n  vni: 10001\n  restart: no\n';
  assert.deepEqual(decodePayload(Buffer.from(text)), {
    tenant_added: { agent_ip: '10.20.0.11', vnic_mac: '02:5e:10:00:00:01', vni: 10001, restart: 'no' },
  });
});

test('an empty payload is undefined, and is what undefined becomes', () => {
  assert.equal(decodePayload(new Uint8Array(0)), undefined);
  assert.equal(decodePayload(Buffer.from(' \n')), undefined);
  assert.equal(encodePayload(undefined).length, 0);
});

test('several documents are read in their order, and refused where one is expected', () => {
  const text = '---\nstart: {a: 1}\n...\n#cloud-config\n---\nusers: []\n...\n---\n{"uuid": "x"}\n...\n';
  assert.deepEqual(decodeDocuments(Buffer.from(text)), [{ start: { a: 1 } }, { users: [] }, { uuid: 'x' }]);
  assert.throws(() => decodePayload(Buffer.from(text)), /3 documents/);
});

test('what is not UTF-8, not YAML, ambiguous, or made to explode is refused', () => {
  const names = Array.from('abcdefghi');
  const bomb = names
    .map(
      (name, index) =>
        `${name}: &${name} [${Array(9)
          .fill(index === 0 ? 'x' : `*${names[index - 1]}`)
          .join(',')}]`,
    )
    .join('\n');
  const bad: [string, Uint8Array][] = [
    ['not UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d)],
    ['unclosed', Buffer.from('a: [1')],
    ['one key twice', Buffer.from('a: 1\na: 2')],
    ['aliases', Buffer.from(bomb)],
    ['nesting', Buffer.from('['.repeat(20_000))],
    ['long', Buffer.from(`a: ${'x'.repeat(40_000)}`)],
  ];
  for (const [name, bytes] of bad) assert.throws(() => decodePayload(bytes), PayloadError, name);
});

test('a key named __proto__ sets no prototype', () => {
  for (const text of ['{"__proto__": {"admin": true}}', '__proto__:\n  admin: true\n']) {
    const value = decodePayload(Buffer.from(text)) as Record<string, unknown>;
    assert.equal(value['admin'], undefined, text);
  }
});

test('arbitrary bytes decode or throw PayloadError', () => {
  const yamlish = fc.string({
    unit: fc.constantFrom('a', ':', ' ', '\n', '-', '[', ']', '{', '}', '&', '*', '!', '|', '"', "'", '#', '1', '?', '%'),
    maxLength: 60,
  });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 100 }),
        yamlish.map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        try {
          assert.ok(Array.isArray(decodeDocuments(bytes)));
        } catch (error) {
          assert.ok(error instanceof PayloadError, String(error));
        }
      },
    ),
    { numRuns: fuzzRuns },
  );
});
