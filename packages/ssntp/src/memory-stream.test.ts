import { memoryStreamPair } from './memory-stream.ts';
import { CONTRACT_CLIENT, CONTRACT_SERVER, transportContract } from './transport-contract.ts';

transportContract('memory', async (onStream) => ({
  connect: async () => {
    const [client, server] = memoryStreamPair({ ...CONTRACT_CLIENT, address: 'client' }, { ...CONTRACT_SERVER, address: 'server' });
    onStream(server);
    return client;
  },
  [Symbol.asyncDispose]: async () => {},
}));
