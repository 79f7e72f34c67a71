import { WeftError } from '@weft/core/weft-error';
import { errnoName } from '@weft/sys/sys-error';

/** The kernel refused a request. `extAck` is its own explanation, if it gave one. */
export class NetlinkError extends WeftError {
  /** A name like `EEXIST`. */
  readonly errno: string;
  /** The request, like `RTM_NEWLINK`. */
  readonly request: string;
  readonly extAck: string | undefined;

  constructor(options: Readonly<{ errno: number; request: string; what?: string; extAck?: string; offset?: number }>) {
    const { request, what, extAck, offset } = options;
    const errno = errnoName(options.errno);
    super('netlink_error', `${request}${what === undefined ? '' : ` ${what}`}: ${errno}${extAck === undefined ? '' : ` (${extAck})`}`, {
      details: {
        errno,
        request,
        ...(what === undefined ? {} : { what }),
        ...(extAck === undefined ? {} : { extAck }),
        ...(offset === undefined ? {} : { offset }),
      },
      // An interrupted dump or a busy object may succeed a moment later.
      retryable: ['EINTR', 'EBUSY', 'EAGAIN', 'ENOBUFS'].includes(errno),
    });
    this.errno = errno;
    this.request = request;
    this.extAck = extAck;
  }
}

/** True if the error says that the thing is not there: for a delete, success. */
export function isAbsent(error: unknown): boolean {
  return error instanceof NetlinkError && ['ENODEV', 'ENOENT', 'EADDRNOTAVAIL', 'ESRCH'].includes(error.errno);
}

/**
 * True if the error says that the thing is there already – or, for a VXLAN device, that another one has its VNI and port: then `extAck` says
 * so, while a clash of names comes without a text.
 */
export function isPresent(error: unknown): boolean {
  return error instanceof NetlinkError && error.errno === 'EEXIST';
}
