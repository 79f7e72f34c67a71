import { koffi, libc } from './libc.ts';
import { once } from './once.ts';
import { SysError } from './sys-error.ts';

const SIG_BLOCK = 0;
const SIG_SETMASK = 2;
/** `sigset_t` of glibc and musl: a bit a signal, from 1. */
const SET_BYTES = 128;
/** What a thread does to itself: SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV. */
const OWN_DOING: readonly number[] = [4, 5, 6, 7, 8, 11];

type Masks = Readonly<{ setMask: (how: number, set: Uint8Array, old: Uint8Array | null) => number; others: Uint8Array }>;

const masks = once((): Masks => {
  const others = new Uint8Array(SET_BYTES).fill(0xff);
  for (const signal of OWN_DOING) others[(signal - 1) >> 3]! &= ~(1 << ((signal - 1) & 7));
  // Loaded already, with its errno.
  libc();
  const setMask = koffi().load('libc.so.6').func('int pthread_sigmask(int, void *, void *)') as Masks['setMask'];
  return { setMask, others };
});

/**
 * Runs a synchronous action during which this thread takes no signal, for libraries that take an interrupted call for a failed one: select()
 * and poll() are interrupted also where SA_RESTART was asked for (signal(7)). What is sent meanwhile comes afterwards, or to another thread.
 * Throws what `action` throws.
 */
export function withoutSignals<T>(action: () => T): T {
  const { setMask, others } = masks();
  const before = new Uint8Array(SET_BYTES);
  check(setMask(SIG_BLOCK, others, before));
  try {
    return action();
  } finally {
    check(setMask(SIG_SETMASK, before, null));
  }
}

/** pthread functions return the errno. */
function check(errno: number): void {
  if (errno !== 0) throw new SysError('pthread_sigmask', errno);
}
