import type * as X509 from '@peculiar/x509';

/**
 * Loads the X.509 library when a certificate is to be made, and not before: of all daemons only the controller makes any, and the library
 * brings twenty packages. One of them, tsyringe, refuses to load unless the three metadata functions below exist (a decorator proposal that
 * was never adopted); the library itself stores nothing there.
 */
export async function loadX509(): Promise<typeof X509> {
  provideReflectMetadata();
  return await import('@peculiar/x509');
}

type Metadata = Map<unknown, unknown>;

/** Adds to `Reflect` what is missing; a complete polyfill that came first is left alone. */
function provideReflectMetadata(): void {
  if ('getMetadata' in Reflect) return;
  const stored = new WeakMap<object, Metadata>();
  const own = (key: unknown, target: object): unknown => stored.get(target)?.get(key);
  const inherited = (key: unknown, target: object | null): unknown =>
    target === null ? undefined : (own(key, target) ?? inherited(key, Object.getPrototypeOf(target) as object | null));
  const define = (key: unknown, value: unknown, target: object): void => {
    const metadata = stored.get(target) ?? new Map<unknown, unknown>();
    stored.set(target, metadata.set(key, value));
  };
  Object.assign(Reflect, { defineMetadata: define, getOwnMetadata: own, getMetadata: inherited });
}
