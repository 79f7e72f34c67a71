import { randomBytes } from 'node:crypto';

/** 16 random bytes that mark one probe's packets: no other frame contains them. */
export function token(): Uint8Array {
  return new Uint8Array(randomBytes(16));
}
