/**
 * TCP connections as fast as they are made; a program that router.bench.ts starts inside the namespaces.
 *
 *     node tcp-connections.ts serve <address> <port> <ports>                   listens on so many ports; prints `listening`
 *     node tcp-connections.ts connect <address> <port> <ports> <ms> <clients>  prints { connections, seconds }
 *
 * Each is reset once it stands, so that neither side keeps it and no port is used up.
 */
import { connect, createServer } from 'node:net';
import { once } from 'node:events';

async function serve(address: string, port: number, ports: number): Promise<void> {
  for (let at = 0; at < ports; at += 1) {
    const server = createServer((socket) => socket.on('error', () => undefined));
    server.listen(port + at, address, 1024);
    await once(server, 'listening');
  }
  console.log('listening');
}

async function connectFor(address: string, port: number, ports: number, forMs: number, clients: number): Promise<void> {
  let connections = 0;
  const started = performance.now();
  const client = async (first: number): Promise<void> => {
    for (let at = first; performance.now() - started < forMs; at += 1) {
      const socket = connect({ host: address, port: port + (at % ports) });
      await once(socket, 'connect');
      socket.resetAndDestroy();
      connections += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, first) => client(first)));
  console.log(JSON.stringify({ connections, seconds: (performance.now() - started) / 1000 }));
}

const [verb, address = '', ...numbers] = process.argv.slice(2);
const [port = 0, ports = 1, forMs = 0, clients = 1] = numbers.map(Number);
if (verb === 'serve') await serve(address, port, ports);
else await connectFor(address, port, ports, forMs, clients);
