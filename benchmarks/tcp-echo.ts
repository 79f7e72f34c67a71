/**
 * One byte there and back over a standing TCP connection; a program that groups.bench.ts starts inside the namespaces.
 *
 *     node tcp-echo.ts serve <address> <port>           takes one connection; prints `listening`
 *     node tcp-echo.ts ask <address> <port> <rounds>    prints { roundTripsMs }
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** Code is compiled and caches are warm before the first that counts. */
const WARM_UP = 500;

async function ask(address: string, port: number, rounds: number): Promise<void> {
  const socket = connect({ host: address, port, noDelay: true });
  await once(socket, 'connect');
  const roundTripsMs: number[] = [];
  for (let round = -WARM_UP; round < rounds; round += 1) {
    const started = performance.now();
    socket.write('x');
    await once(socket, 'data');
    if (round >= 0) roundTripsMs.push(performance.now() - started);
  }
  socket.end();
  console.log(JSON.stringify({ roundTripsMs }));
}

function serve(address: string, port: number): void {
  const server = createServer({ noDelay: true }, (socket) => {
    server.close();
    socket.pipe(socket);
  });
  server.listen(port, address, () => console.log('listening'));
}

const [verb, address = '', port, rounds] = process.argv.slice(2);
if (verb === 'serve') serve(address, Number(port));
else await ask(address, Number(port), Number(rounds));
