/**
 * Asks for lists, and serves bytes as fast as Node can; a program that lists.bench.ts starts on the control node.
 *
 *     WEFT_TOKEN=… node list-client.ts ask <url> <ca file> <repeats> <path…>   prints [{ path, bytes, ms }]
 *     node list-client.ts serve <certificate> <key> <address> <port>           answers /N with N bytes; prints `listening`
 *
 * One connection, one request at a time; an answer is over with its last byte.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, createServer, request } from 'node:https';

export type ListReport = readonly Readonly<{ path: string; bytes: number; ms: readonly number[] }>[];

async function ask(url: string, ca: string, repeats: number, paths: readonly string[]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: readFileSync(ca) });
  const headers = { 'x-auth-token': process.env['WEFT_TOKEN'] ?? '' };
  const get = async (path: string): Promise<number> => {
    const asked = request(new URL(path, url), { agent, headers });
    asked.end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    let bytes = 0;
    for await (const chunk of answer) bytes += (chunk as Buffer).length;
    if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode}`);
    return bytes;
  };
  const report: { path: string; bytes: number; ms: number[] }[] = [];
  for (const path of paths) {
    // Connection and compiled code are there before the clock starts.
    const bytes = await get(path);
    const ms: number[] = [];
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      const started = performance.now();
      await get(path);
      ms.push(performance.now() - started);
    }
    report.push({ path, bytes, ms });
  }
  agent.destroy();
  console.log(JSON.stringify(report satisfies ListReport));
}

function serve(certificate: string, key: string, address: string, port: number): void {
  const bodies = new Map<number, Buffer>();
  const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (asked, answer) => {
    const bytes = Number(asked.url?.slice(1));
    const body = bodies.get(bytes) ?? Buffer.alloc(bytes, 'x');
    bodies.set(bytes, body);
    answer.setHeader('content-type', 'application/json').end(body);
  });
  server.listen(port, address, () => console.log('listening'));
}

const [verb, ...args] = process.argv.slice(2);
if (verb === 'serve') serve(args[0] ?? '', args[1] ?? '', args[2] ?? '', Number(args[3]));
else await ask(args[0] ?? '', args[1] ?? '', Number(args[2]), args.slice(3));
