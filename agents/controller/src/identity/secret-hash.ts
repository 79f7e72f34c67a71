import { scrypt, timingSafeEqual } from 'node:crypto';
import { WeftError } from '@weft/core/weft-error';

/**
 * Passwords and secrets as they are kept: `$scrypt$ln=14,r=8,p=1$<salt>$<hash>`, base64url (RFC 7914; N = 2^ln). 16 MiB and some tens of
 * milliseconds each, on libuv's threads; more than a few at once wait, and too many are refused, so that guessing cannot eat the controller.
 */
export class SecretHasher {
  readonly #waitingMost: number;
  readonly #randomBytes: (count: number) => Uint8Array;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: Readonly<{ waiting?: number }>, deps: Readonly<{ randomBytes: (count: number) => Uint8Array }>) {
    this.#waitingMost = options.waiting ?? MOST_WAITING;
    this.#randomBytes = deps.randomBytes;
  }

  /** Throws TooManyLogins. */
  async hash(secret: string): Promise<string> {
    const salt = Buffer.from(this.#randomBytes(16));
    const hash = await this.#derive(secret, { salt, ...COST });
    return `$scrypt$ln=${COST.ln},r=${COST.r},p=${COST.p}$${salt.toString('base64url')}$${hash.toString('base64url')}`;
  }

  /** Takes as long when there is nothing to compare with: who has an account cannot be measured. Throws TooManyLogins. */
  async verify(secret: string, kept: string | undefined): Promise<boolean> {
    const parsed = kept === undefined ? undefined : parseKept(kept);
    const hash = await this.#derive(secret, parsed ?? { salt: Buffer.alloc(16), ...COST });
    return parsed !== undefined && hash.length === parsed.hash.length && timingSafeEqual(hash, parsed.hash);
  }

  async #derive(secret: string, { salt, ln, r, p }: Readonly<{ salt: Buffer; ln: number; r: number; p: number }>): Promise<Buffer> {
    if (this.#waiting.length >= this.#waitingMost) throw new TooManyLogins();
    if (this.#running >= AT_ONCE) await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    this.#running += 1;
    try {
      const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
      scrypt(secret.normalize('NFKC'), salt, HASH_BYTES, { N: 2 ** ln, r, p, maxmem: 64 * 1024 * 1024 }, (error, hash) => {
        if (error === null) resolve(hash);
        else reject(error);
      });
      return await promise;
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }
}

/** Nobody's fault; it passes. */
export class TooManyLogins extends WeftError {
  constructor(details: Readonly<Record<string, unknown>> = {}) {
    super('too_many_logins', 'Too many log-ins at present.', { details, remedy: 'Wait a moment and try again.', retryable: true });
  }
}

const COST = { ln: 14, r: 8, p: 1 } as const;
const HASH_BYTES = 32;
/** Of libuv's four threads: the store and name look-ups need some, too. */
const AT_ONCE = 2;
const MOST_WAITING = 64;

function parseKept(kept: string): Readonly<{ ln: number; r: number; p: number; salt: Buffer; hash: Buffer }> | undefined {
  const [, ln, r, p, salt, hash] = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w-]+)\$([\w-]+)$/.exec(kept) ?? [];
  if (salt === undefined || hash === undefined) return undefined;
  return { ln: Number(ln), r: Number(r), p: Number(p), salt: Buffer.from(salt, 'base64url'), hash: Buffer.from(hash, 'base64url') };
}
