import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { Type } from 'typebox';
import type { TObject } from 'typebox';
import { stringify } from 'yaml';
import { ConfigError, loadConfig } from './config.ts';

const LAUNCHER = Type.Object({
  servers: Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }),
  roles: Type.Array(Type.Union([Type.Literal('compute'), Type.Literal('network')])),
  stateDir: Type.String({ default: '/var/lib/weft' }),
  port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
  tunnel: Type.Optional(Type.Enum(['vxlan', 'geneve'])),
  key: Type.Optional(Type.String({ pattern: '^/' })),
  uplink: Type.Optional(Type.Union([Type.String(), Type.Object({ link: Type.String(), mtuBytes: Type.Integer() })])),
  labels: Type.Optional(Type.Record(Type.String(), Type.String())),
});

const MINIMAL = 'servers: [a]\nroles: [compute]\n';

it('a correct file gives its values, unconverted, with defaults for what is absent', () => {
  const text = `# a comment\nservers:\n  - control.example\nroles: [compute, network]\nport: 8888\nlabels: {rack: '7'}\nkey: /etc/weft/k\n`;
  const config = loadConfig({ path: 'launcher.yaml', schema: LAUNCHER, text });
  assert.deepEqual(config, {
    servers: ['control.example'],
    roles: ['compute', 'network'],
    stateDir: '/var/lib/weft',
    port: 8888,
    labels: { rack: '7' },
    key: '/etc/weft/k',
  });
});

it('every problem is reported at once, each with its line', () => {
  const text = [
    'sevrers: [a]', // 1
    'roles: [compute, netwrok]', // 2
    'port: "8888"', // 3
    'tunnel: gre', // 4
    'key: etc/key', // 5
    'uplink:', // 6
    '  link: eth0', // 7
    '  mtuBytse: 1500', // 8
    'labels:', // 9
    '  rack: 7', // 10
    'zzz: 1', // 11
  ].join('\n');
  assert.deepEqual(problems(LAUNCHER, text), [
    'line 1: sevrers: unknown key; did you mean servers?',
    'line 2: roles[1]: must be one of compute, network ("netwrok"); did you mean network?',
    'line 3: port: must be an integer, not a string ("8888"); leave the quotes away',
    'line 4: tunnel: must be one of vxlan, geneve ("gre")',
    'line 5: key: must match pattern "^/"',
    'line 8: uplink.mtuBytse: unknown key; did you mean mtuBytes?',
    'line 6: uplink.mtuBytes: is missing',
    'line 10: labels.rack: must be a string, not an integer (7); put it in quotes',
    'line 11: zzz: unknown key',
    'servers: is missing',
  ]);
});

it('wrong types, empty values and bounds are named', () => {
  const cases: [string, string[]][] = [
    ['- a\n', ['must be a mapping, not a list']],
    ['', ['servers: is missing', 'roles: is missing']],
    [
      'servers:\nroles: compute\n',
      ['line 1: servers: must be a list, not empty', 'line 2: roles: must be a list, not a string ("compute")'],
    ],
    [`${MINIMAL}port: 0`, ['line 3: port: must be >= 1 (0)']],
    [`${MINIMAL}port: 1.5`, ['line 3: port: must be an integer, not a number (1.5)']],
    [`servers: []\nroles: []`, ['line 1: servers: must not have fewer than 1 items']],
    [`servers:\n  - a\n  - ''\nroles: []`, ['line 3: servers[1]: must not have fewer than 1 characters ("")']],
    [`${MINIMAL}uplink: 5`, ['line 3: uplink: must be a string or a mapping, not an integer (5); put it in quotes']],
    [`${MINIMAL}uplink: {link: eth0, mtuBytes: x}`, ['line 3: uplink.mtuBytes: must be an integer, not a string ("x")']],
    [`${MINIMAL}__proto__: 1`, ['line 3: __proto__: unknown key']],
    [`${MINIMAL}toString: 1`, ['line 3: toString: unknown key']],
  ];
  for (const [text, expected] of cases) assert.deepEqual(problems(LAUNCHER, text), expected, text);
});

it('a wrong secret is not shown', () => {
  const schema = Type.Object({ password: Type.String(), token: Type.Object({ value: Type.Integer() }) });
  assert.deepEqual(problems(schema, 'password: 12345\ntoken: {value: hunter2}'), [
    'line 1: password: must be a string, not an integer; put it in quotes',
    'line 2: token.value: must be an integer, not a string',
  ]);
});

it('YAML mistakes carry their line: doubled keys, unknown tags, broken indentation, several documents', () => {
  for (const [text, line] of [
    ['servers: [a]\nservers: [b]\n', 2],
    ['servers: [a]\nroles: !set x\n', 2],
    ['servers: [a\nroles: []\n', 2],
    ['servers: [a]\n---\nroles: []\n', 2],
    ['\tservers: 1\n', 1],
  ] as const) {
    assert.equal(failure(LAUNCHER, text).problems[0]?.line, line, text);
  }
});

it('aliases that multiply beyond reason are refused', () => {
  const rows = Array.from({ length: 12 }, (_, index) => `a${index + 1}: &a${index + 1} [${`*a${index},`.repeat(9)}]`);
  const text = `a0: &a0 [x]\n${rows.join('\n')}\n`;
  assert.match(failure(LAUNCHER, text).message, /alias/);
});

it('a file that cannot be read is named with the reason', () => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-config-'));
  try {
    const binary = join(directory, 'binary.yaml');
    writeFileSync(binary, Uint8Array.of(0x61, 0xff, 0xfe));
    for (const [path, reason] of [
      [join(directory, 'absent.yaml'), 'there is no such file'],
      [directory, 'it is a directory'],
      [binary, 'it is not UTF-8 text'],
    ] as const) {
      assert.throws(() => loadConfig({ path, schema: LAUNCHER }), { code: 'config_invalid', message: `configuration ${path}: ${reason}` });
    }
    const good = join(directory, 'good.yaml');
    writeFileSync(good, MINIMAL);
    assert.equal(loadConfig({ path: good, schema: LAUNCHER }).stateDir, '/var/lib/weft');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it('whatever is written as YAML and fits the schema is read back unchanged', () => {
  const value = fc.record(
    {
      servers: fc.array(fc.string({ minLength: 1, unit: 'binary' }).filter(isYamlText), { minLength: 1 }),
      roles: fc.array(fc.constantFrom('compute', 'network')),
      stateDir: fc.string().filter(isYamlText),
      port: fc.integer({ min: 1, max: 65_535 }),
      labels: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string().filter(isYamlText)),
    },
    { requiredKeys: ['servers', 'roles', 'stateDir'] },
  );
  fc.assert(
    fc.property(value, (written) => {
      const read = loadConfig({ path: 'x', schema: LAUNCHER, text: stringify(written) });
      assert.deepEqual(read, JSON.parse(JSON.stringify(written)));
    }),
    { numRuns: 40 },
  );
});

it('arbitrary text either loads or throws ConfigError', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.json(),
        fc.array(fc.constantFrom('a: ', '- ', '\n', '{', '*x', '&x ', '? ', ' ', '!t ')).map((parts) => parts.join('')),
      ),
      (text) => {
        try {
          loadConfig({ path: 'x', schema: LAUNCHER, text });
        } catch (error) {
          assert.ok(error instanceof ConfigError && error.problems.length > 0, String(error));
        }
      },
    ),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 300) },
  );
});

function failure(schema: TObject, text: string): ConfigError {
  try {
    loadConfig({ path: 'x.yaml', schema, text });
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  return assert.fail(`accepted: ${text}`);
}

function problems(schema: TObject, text: string): string[] {
  return failure(schema, text).problems.map(({ line, key, message }) =>
    [...(line === undefined ? [] : [`line ${line}`]), ...(key === '' ? [] : [key]), message].join(': '),
  );
}

/** Not what this test is about: line breaks and control characters have rules of their own in YAML. */
function isYamlText(text: string): boolean {
  return text.isWellFormed() && !/[\p{Cc}\u2028\u2029\ufeff\ufffe\uffff]/u.test(text);
}
