import { WeftError } from '@weft/core/weft-error';

/** errno values 1… of Linux on x86-64 and arm64 (asm-generic/errno-base.h and errno.h), by position; a dash is unused. */
const NAMES = (
  'EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR ' +
  'EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ' +
  'ENOTEMPTY ELOOP - ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT - ' +
  'EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ ' +
  'EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ' +
  'ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ' +
  'ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH ' +
  'EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED ' +
  'EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON'
).split(' ');

/** The name of a (positive) errno value, `errno_999` for one that has none. */
export function errnoName(number: number): string {
  const name = NAMES[number - 1];
  return name === undefined || name === '-' ? `errno_${number}` : name;
}

/** The value of an errno name, 0 for an unknown one. */
export function errnoNumber(name: string): number {
  return name === '-' ? 0 : NAMES.indexOf(name) + 1;
}

/** A system call failed. The message says which call on what, the errno why. */
export class SysError extends WeftError {
  /** A name like `ENOENT`. */
  readonly errno: string;
  readonly errnoNumber: number;
  /** The call, like `setns`. */
  readonly call: string;

  constructor(call: string, number: number, what?: string, options: { cause?: unknown; remedy?: string } = {}) {
    const errno = errnoName(number);
    super('sys_error', `${call}${what === undefined ? '' : ` ${what}`}: ${errno}`, {
      details: { call, errno, ...(what === undefined ? {} : { what }) },
      ...options,
    });
    this.errno = errno;
    this.errnoNumber = number;
    this.call = call;
  }
}

/** Runs a synchronous `node:fs` call; its system errors become SysError. */
export function fsCall<T>(call: string, what: string, fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') {
      throw new SysError(call, Math.abs(error.errno), what, { cause: error });
    }
    throw error;
  }
}

/** True for a SysError with one of these errno names. */
export function isSysError(error: unknown, ...errnos: readonly string[]): error is SysError {
  return error instanceof SysError && (errnos.length === 0 || errnos.includes(error.errno));
}
