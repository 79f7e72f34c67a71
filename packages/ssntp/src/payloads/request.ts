import type { Uuid } from '@weft/core/uuid';
import type { ErrorInfo } from '@weft/core/weft-error';
import { InvalidValue } from '@weft/core/weft-error';
import type { RoutedFrame } from '../frame.ts';
import { routedFrame } from '../frame.ts';
import { Command, FrameType, Status } from '../operands.ts';
import { encodePayload } from '../payload.ts';
import { PayloadMap } from '../payload-map.ts';

/** COMMAND Request: a question over a one-way protocol. `id` is the asker's, unique among its open ones; `op` says how to read `body`. */
export type Request = Readonly<{ id: string; op: string; body: unknown }>;

/** STATUS Reply: to the request of the same id. */
export type Reply = Readonly<{ id: string; ok: unknown }> | Readonly<{ id: string; error: ErrorInfo }>;

export function parseRequest(value: unknown): Request {
  const map = new PayloadMap(value, 'request');
  return { id: map.requiredString('id'), op: map.requiredString('op'), body: map.raw('body') };
}

/** A reply has either `ok` (null for nothing to say) or `error`. */
export function parseReply(value: unknown): Reply {
  const map = new PayloadMap(value, 'reply');
  const id = map.requiredString('id');
  if (map.has('error')) return { id, error: parseErrorInfo(map.raw('error'), 'reply.error') };
  if (!Object.hasOwn(value as object, 'ok')) throw new InvalidValue('reply', id, 'has neither ok nor error');
  return { id, ok: map.raw('ok') };
}

/** What crosses the wire of an error (style §5). */
export function parseErrorInfo(value: unknown, path: string): ErrorInfo {
  const map = new PayloadMap(value, path);
  const info = { code: map.requiredString('code'), message: map.string('message'), retryable: map.boolean('retryable') };
  const details = map.raw('details');
  return typeof details === 'object' && !Array.isArray(details) ? { ...info, details: details as ErrorInfo['details'] & object } : info;
}

/** The frame of a request to `destination`; nil is the leading controller. */
export function requestFrame(destination: Uuid, request: Request): RoutedFrame {
  return routedFrame(FrameType.COMMAND, Command.Request, destination, encodePayload(request));
}

/** The frame of a reply to whoever sent the request: `destination` is the request's origin. `undefined` is sent as null. */
export function replyFrame(destination: Uuid, reply: Reply): RoutedFrame {
  const payload = 'ok' in reply ? { id: reply.id, ok: reply.ok ?? null } : reply;
  return routedFrame(FrameType.STATUS, Status.Reply, destination, encodePayload(payload));
}
