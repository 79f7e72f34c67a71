/**
 * Clients that create ports as fast as they are answered; a program that api.bench.ts starts on the control node.
 *
 *     WEFT_TOKEN=… node api-clients.ts <url> <ca file> <network id> <clients> <ms>   prints { creates, seconds, latenciesMs }
 *
 * Each client keeps one connection and has one request under way.
 */
import { readFileSync } from 'node:fs';
import { WeftClient } from '@weft/api/client';

export type ApiClientsReport = Readonly<{ creates: number; seconds: number; latenciesMs: readonly number[] }>;

/** Connections, TLS sessions and compiled code are there before the clock starts. */
const WARM_UP_MS = 1000;

const [url = '', ca = '', networkId = '', clients, forMs] = process.argv.slice(2);
const latenciesMs: number[] = [];
const client = new WeftClient({ url, ca: readFileSync(ca, 'utf8'), token: process.env['WEFT_TOKEN'] ?? '' });

async function createUntil(endMs: number, latencies: number[]): Promise<void> {
  for (let now = performance.now(); now < endMs;) {
    await client.ports.create({ network_id: networkId });
    const answered = performance.now();
    latencies.push(answered - now);
    now = answered;
  }
}

const all = (endMs: number, latencies: number[]): Promise<void[]> =>
  Promise.all(Array.from({ length: Number(clients) }, () => createUntil(endMs, latencies)));
await all(performance.now() + WARM_UP_MS, []);
const started = performance.now();
await all(started + Number(forMs), latenciesMs);
const report: ApiClientsReport = { creates: latenciesMs.length, seconds: (performance.now() - started) / 1000, latenciesMs };
console.log(JSON.stringify(report));
