/**
 * TCP as fast as it goes, for machines without iperf3; a program that tcp-throughput.ts starts inside the namespaces.
 *
 *     node tcp-pump.ts receive <address> <port> <omit ms>   takes one connection; prints `listening`, then { bytes, seconds }
 *     node tcp-pump.ts send <address> <port> <ms>           sends for that long
 */
import { connect, createServer } from 'node:net';

const CHUNK = Buffer.alloc(256 * 1024);

function receive(address: string, port: number, omitMs: number): void {
  const server = createServer((socket) => {
    server.close();
    let bytes = 0;
    let since: number | undefined;
    const opened = performance.now();
    socket.on('data', (chunk) => {
      const now = performance.now();
      if (now - opened < omitMs) return;
      // The chunk that starts the clock was sent before.
      if (since === undefined) since = now;
      else bytes += chunk.length;
    });
    socket.on('end', () => {
      console.log(JSON.stringify({ bytes, seconds: since === undefined ? 0 : (performance.now() - since) / 1000 }));
    });
  });
  server.listen(port, address, () => console.log('listening'));
}

function send(address: string, port: number, forMs: number): void {
  const socket = connect({ host: address, port });
  const end = performance.now() + forMs;
  const pump = (): void => {
    while (performance.now() < end) if (!socket.write(CHUNK)) return;
    socket.end();
  };
  socket.on('connect', pump);
  socket.on('drain', pump);
}

const [verb, address = '', port, ms] = process.argv.slice(2);
if (verb === 'receive') receive(address, Number(port), Number(ms));
else send(address, Number(port), Number(ms));
