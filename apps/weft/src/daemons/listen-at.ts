import { WeftError } from '@weft/core/weft-error';

const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Another process listens there, perhaps a second weft server: end it, or give this one another port.',
  EADDRNOTAVAIL: 'No interface of this machine has that address: correct `host`, or leave it out to listen on all.',
  EACCES: 'Ports below 1024 need root: start it as root, or choose a higher port.',
};

/** A daemon cannot listen where its configuration says. */
export class CannotListen extends WeftError {
  constructor(key: string, host: string | undefined, port: number, cause: unknown) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    super('cannot_listen', `listening at ${host ?? 'all addresses'}, port ${port} (\`${key}\`): ${errno}`, {
      details: { key, host, port, errno },
      ...(REMEDIES[errno] === undefined ? {} : { remedy: REMEDIES[errno] }),
      cause,
    });
  }
}

/** Listens where `key` of the configuration says. Throws CannotListen. */
export async function listenAt<T>(key: string, at: Readonly<{ host?: string; port: number }>, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen();
  } catch (error) {
    throw new CannotListen(key, at.host, at.port, error);
  }
}
