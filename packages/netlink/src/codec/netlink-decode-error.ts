import { WeftError } from '@weft/core/weft-error';

/** Bytes that are no netlink message: cut short, or lengths that do not fit. */
export class NetlinkDecodeError extends WeftError {
  constructor(what: string, offset: number, length: number) {
    super('netlink_decode_error', `${what} at byte ${offset} of ${length}`, { details: { what, offset, length } });
  }
}
