import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { CannotListen, listenAt } from './listen-at.ts';

const listen = (port: number, host = '127.0.0.1'): Promise<AddressInfo> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
    server.unref();
  });

void test('a port that somebody has is named with its key and what to do about it', async () => {
  const { port } = await listen(0);
  const again = listenAt('https', { host: '127.0.0.1', port }, () => listen(port));
  await assert.rejects(again, (error) => {
    assert.ok(error instanceof CannotListen);
    assert.equal(error.message, `listening at 127.0.0.1, port ${port} (\`https\`): EADDRINUSE`);
    assert.match(error.remedy ?? '', /second weft server/);
    return true;
  });
});

void test('an address that this machine does not have is named too', async () => {
  await assert.rejects(
    listenAt('ssntp', { host: '192.0.2.1', port: 0 }, () => listen(0, '192.0.2.1')),
    (error) => error instanceof CannotListen && (error.remedy?.includes('correct `host`') ?? false),
  );
});
