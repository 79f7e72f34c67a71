import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { daemonCall, parseDaemonArgs, runDaemonCommand } from './daemons.ts';

class Sink {
  text = '';
  write(text: string): void {
    this.text += text;
  }
}

function fileWith(t: TestContext, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'weft-daemon-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'file.yaml');
  writeFileSync(path, text);
  return path;
}

async function run(
  name: Parameters<typeof runDaemonCommand>[0],
  ...args: string[]
): Promise<Readonly<{ code: unknown; out: string; err: string }>> {
  const [stdout, stderr] = [new Sink(), new Sink()];
  const code = await runDaemonCommand(name, args, { stdout, stderr });
  return { code, out: stdout.text, err: stderr.text };
}

void test('a daemon takes its configuration, a check of it, and its version, and nothing else', () => {
  assert.deepEqual(parseDaemonArgs('launcher', []), { kind: 'run', config: '/etc/weft/launcher.yaml' });
  assert.deepEqual(parseDaemonArgs('server', ['--config', 'x']), { kind: 'run', config: 'x' });
  assert.deepEqual(parseDaemonArgs('server', ['--check-config', '--config=x']), { kind: 'check', config: 'x' });
  assert.deepEqual(parseDaemonArgs('server', ['--version']), { kind: 'version' });
  for (const wrong of [['--port', '1'], ['extra'], ['--config']])
    assert.equal(parseDaemonArgs('server', wrong).kind, 'wrong', wrong.join(' '));
});

void test('weft concentrator is a daemon, and with a word behind it a command of the command line', async () => {
  for (const args of [[], ['--config', 'x'], ['--version'], ['--help'], ['-h'], ['--conifg', 'x']]) {
    assert.deepEqual(daemonCall(['concentrator', ...args]), { name: 'concentrator', args }, args.join(' '));
  }
  for (const args of [['list'], ['show', 'x'], ['move', 'x', '--node', 'y'], ['lsit']]) {
    assert.equal(daemonCall(['concentrator', ...args]), undefined, args.join(' '));
  }
  assert.deepEqual(daemonCall(['launcher', 'list']), { name: 'launcher', args: ['list'] });
  for (const args of [[], ['node', 'list'], ['--as', 'red', 'concentrator', 'list']]) assert.equal(daemonCall(args), undefined);
  const { code, out } = await run('concentrator', '--help');
  assert.equal(code, 0);
  assert.match(out, /usage: weft concentrator[^]*weft concentrator list, show and move/);
});

void test('wrong arguments are told with the usage, exit code 2', async () => {
  const { code, err } = await run('scheduler', '--conifg', 'x');
  assert.equal(code, 2);
  assert.match(err, /--conifg[^]*usage: weft scheduler/);
});

void test('a configuration is checked without starting anything', async (t) => {
  const keys = 'ca: a.pem\ncert: b.pem\nkey: c.pem\n';
  const fine = await run('server', '--check-config', '--config', fileWith(t, keys));
  assert.deepEqual([fine.code, fine.err], [0, '']);
  const wrong = await run('server', '--config', fileWith(t, `${keys}clustr:\n  vxlanPort: 1\n`));
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /line 4: clustr: .*cluster/);
});

void test('each daemon names what is wrong in its file, by line or key', async (t) => {
  const keys = 'ca: a.pem\ncert: b.pem\nkey: c.pem\n';
  const cases = [
    ['server', 'cluster: { computeCidrs: [10.0.0.1/24] }\n', /cluster\.computeCidrs\[0\]/],
    ['server', 'cluster: { vniFirst: 20, vniLast: 10 }\n', /cluster\.vniLast/],
    ['scheduler', 'ssntp: { port: 70000 }\n', /ssntp\.port/],
    [
      'scheduler',
      'cluster: { concentratorAddresses: { cidr: 10.9.0.0/24, first: 10.9.0.9, last: 10.9.0.2 } }\n',
      /concentratorAddresses\.cidr[^]*computeCidrs[^]*concentratorAddresses\.last/,
    ],
    [
      'scheduler',
      'cluster: { uplink: { cidr: 203.0.113.0/24, gateway: 192.0.2.1, first: 203.0.113.9, last: 203.0.113.2 } }\n',
      /uplink\.gateway[^]*uplink\.last|uplink\.gateway/,
    ],
    ['controller', 'servers: []\n', /servers/],
    ['controller', 'servers: ["a:b:c"]\n', /servers\[0\]/],
    ['launcher', 'servers: [control]\nroles: []\n', /roles/],
    ['launcher', 'servers: [control]\nroles: [computer]\n', /roles\[0\]/],
    ['concentrator', 'servers: [control]\nroles: [network]\n', /line 5: roles/],
    ['concentrator', 'servers: []\n', /servers/],
    ['concentrator', 'servers: [control]\nunderlay: { address: dhcp }\n', /underlay\.interface: is missing: with dhcp/],
    ['concentrator', 'servers: [control]\nunderlay: { address: 10.88.0.7 }\n', /underlay\.address/],
    ['concentrator', 'servers: [control]\nunderlay: { interface: data0123456789ab }\n', /underlay\.interface/],
  ] as const;
  for (const [name, text, message] of cases) {
    const { code, err } = await run(name, '--check-config', '--config', fileWith(t, keys + text));
    assert.equal(code, 1, text);
    assert.match(err, message, text);
  }
});
