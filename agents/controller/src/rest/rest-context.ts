import type { Caller } from '@weft/api/caller';
import type { FastifyRequest } from 'fastify';
import type { Cluster } from '../cluster.ts';
import type { Controller } from '../controller.ts';
import type { Decider } from './dry-run.ts';

/** What routes work with. They decide by the decider only, which knows dry runs: of the cluster they can read. */
export type RestContext = Readonly<{
  controller: Readonly<
    Pick<Controller, 'nodes' | 'statusSources' | 'calls' | 'events' | 'clock'> & { cluster: Pick<Cluster, 'state' | 'config' | 'settled'> }
  >;
  decider: Decider;
  randomBytes: (count: number) => Uint8Array;
  /** Who sent an authenticated request. */
  caller: (request: FastifyRequest) => Caller;
}>;

export function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '/';
}

/** Where the client sees us, also behind a proxy that ends TLS, if it is one of ours (`trustedProxies`). */
export function baseUrl(request: FastifyRequest): string {
  return `${request.protocol}://${request.host}`;
}
