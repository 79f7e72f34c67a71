/** Scheduler and controller as two processes, as on a control machine that keeps them apart. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { WeftClient } from '@weft/api/client';
import { parseUuid } from '@weft/core/uuid';
import { createAuthority, issueLeaf } from '@weft/pki/certificate';
import type { Identity } from '@weft/pki/certificate';
import { Role, oidsOfRoles } from '@weft/ssntp/role';

const WEFT = fileURLToPath(new URL('../../bin/weft.mjs', import.meta.url));
const LIMIT_MS = 60_000;

type Daemon = ChildProcessByStdio<null, Readable, null>;
type LogLine = Readonly<Record<string, unknown>>;

/** Starts a daemon with a certificate of its own; ends with the first log line that has the message. */
async function start(
  t: TestContext,
  name: string,
  authority: Identity,
  config: Readonly<Record<string, unknown>>,
  message: string,
): Promise<Readonly<{ daemon: Daemon; line: LogLine; directory: string }>> {
  const directory = mkdtempSync(join(tmpdir(), `weft-${name}-`));
  const roles = name === 'scheduler' ? Role.Scheduler : Role.Controller;
  const leaf = await issueLeaf(authority, {
    uuid: parseUuid(randomUUID()),
    oids: oidsOfRoles(roles),
    ipAddresses: ['127.0.0.1'],
    name,
    days: 1,
  });
  const files = { ca: join(directory, 'ca'), cert: join(directory, 'cert'), key: join(directory, 'key') };
  writeFileSync(files.ca, authority.certPem);
  writeFileSync(files.cert, leaf.certPem);
  writeFileSync(files.key, leaf.keyPem);
  writeFileSync(join(directory, 'config.yaml'), JSON.stringify({ ...files, ...config }));
  const daemon = spawn(process.execPath, [WEFT, name, '--config', join(directory, 'config.yaml')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => {
    daemon.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  });
  const seen: string[] = [];
  for await (const text of createInterface({ input: daemon.stdout })) {
    seen.push(text);
    const line = JSON.parse(text) as LogLine;
    if (line['msg'] !== message) continue;
    daemon.stdout.resume();
    return { daemon, line, directory };
  }
  throw new Error(`${name} ended before it said "${message}":\n${seen.join('\n')}`);
}

void test('a controller of its own finds its scheduler, answers, and both stop in order', { timeout: LIMIT_MS }, async (t) => {
  const authority = await createAuthority({ name: 'test', days: 1 });
  const loopback = { host: '127.0.0.1', port: 0 };
  const scheduler = await start(t, 'scheduler', authority, { ssntp: loopback }, 'listening for SSNTP');
  const stateDir = mkdtempSync(join(tmpdir(), 'weft-state-'));
  t.after(() => rmSync(stateDir, { recursive: true }));
  const servers = [`127.0.0.1:${String(scheduler.line['port'])}`];
  const controller = await start(t, 'controller', authority, { servers, stateDir, https: loopback }, 'listening for REST');

  const token = readFileSync(join(stateDir, 'admin.token'), 'utf8').trim();
  const client = new WeftClient({ url: String(controller.line['address']), ca: authority.certPem, token });
  while ((await client.health()).scheduler !== 'connected') await delay(20);
  assert.deepEqual(await client.nodes.list(), []);
  const { name } = await client.tenants.create({ name: 'green' });
  assert.equal(name, 'green');

  for (const { daemon } of [controller, scheduler]) {
    const ended = new Promise((resolve) => daemon.once('exit', (code, signal) => resolve(code ?? signal)));
    daemon.kill('SIGTERM');
    assert.equal(await ended, 0);
  }
});
