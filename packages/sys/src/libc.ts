/**
 * The C library calls that Node does not offer. This package is the only one that loads native code by FFI.
 *
 * Calls are synchronous and stay on the calling thread: namespaces are thread state (see netns.ts), so an asynchronous FFI call, which
 * would run on a pool thread, is never made. Files are opened by `node:fs`, whose synchronous calls run on this thread as well.
 */
import { createRequire } from 'node:module';
import type * as koffiModule from 'koffi';
import { once } from './once.ts';
import { SysError } from './sys-error.ts';

type Buffer = Uint8Array | null;

/** Sizes and results are plain numbers: none of these calls handles more than 2³¹ bytes. */
export type Libc = Readonly<{
  setns: (fd: number, type: number) => number;
  unshare: (flags: number) => number;
  mount: (source: string, target: string, type: string | null, flags: number, data: null) => number;
  umount2: (target: string, flags: number) => number;
  socket: (domain: number, type: number, protocol: number) => number;
  bind: (fd: number, address: Uint8Array, length: number) => number;
  connect: (fd: number, address: Uint8Array, length: number) => number;
  listen: (fd: number, backlog: number) => number;
  accept4: (fd: number, address: Buffer, length: Buffer, flags: number) => number;
  send: (fd: number, bytes: Uint8Array, length: number, flags: number) => number;
  sendto: (fd: number, bytes: Uint8Array, length: number, flags: number, address: Uint8Array, addressLength: number) => number;
  recv: (fd: number, bytes: Uint8Array, length: number, flags: number) => number;
  recvfrom: (fd: number, bytes: Uint8Array, length: number, flags: number, address: Buffer, addressLength: Buffer) => number;
  setsockopt: (fd: number, level: number, name: number, value: Uint8Array, length: number) => number;
  getsockopt: (fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array) => number;
  getsockname: (fd: number, address: Uint8Array, length: Uint8Array) => number;
  poll: (entries: Uint8Array, count: number, timeoutMs: number) => number;
  ifNameToIndex: (name: string) => number;
  flock: (fd: number, operation: number) => number;
  /** For commands whose argument is a number. */
  fcntl: (fd: number, command: number, argument: number) => number;
  memfdCreate: (name: string, flags: number) => number;
  /** The errno of this thread's last failed call. */
  errno: () => number;
}>;

export type Koffi = typeof koffiModule;

/** The FFI library, loaded at the first call. */
export const koffi = once(() => createRequire(import.meta.url)('koffi') as Koffi);

/** The C library, bound at the first call. */
export const libc = once(() => bindLibc(koffi()));

function bindLibc(koffi: Koffi): Libc {
  const library = koffi.load('libc.so.6');
  const bind = <T>(definition: string): T => library.func(definition) as T;
  return {
    setns: bind('int setns(int, int)'),
    unshare: bind('int unshare(int)'),
    mount: bind('int mount(str, str, str, ulong, void *)'),
    umount2: bind('int umount2(str, int)'),
    socket: bind('int socket(int, int, int)'),
    bind: bind('int bind(int, void *, uint)'),
    connect: bind('int connect(int, void *, uint)'),
    listen: bind('int listen(int, int)'),
    accept4: bind('int accept4(int, void *, void *, int)'),
    send: bind('long send(int, void *, size_t, int)'),
    sendto: bind('long sendto(int, void *, size_t, int, void *, uint)'),
    recv: bind('long recv(int, void *, size_t, int)'),
    recvfrom: bind('long recvfrom(int, void *, size_t, int, void *, void *)'),
    setsockopt: bind('int setsockopt(int, int, int, void *, uint)'),
    getsockopt: bind('int getsockopt(int, int, int, void *, void *)'),
    getsockname: bind('int getsockname(int, void *, void *)'),
    poll: bind('int poll(void *, ulong, int)'),
    ifNameToIndex: bind('uint if_nametoindex(str)'),
    flock: bind('int flock(int, int)'),
    fcntl: bind('int fcntl(int, int, int)'),
    memfdCreate: bind('int memfd_create(str, uint)'),
    errno: () => koffi.errno(),
  };
}

/** Returns the result of a call that says -1 on failure; throws SysError with the errno then. */
export function sysCheck(call: string, result: number, what?: string): number {
  if (result < 0) throw new SysError(call, libc().errno(), what);
  return result;
}
