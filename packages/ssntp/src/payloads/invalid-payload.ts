import type { Uuid } from '@weft/core/uuid';
import type { ErrorInfo } from '@weft/core/weft-error';
import type { Frame, RoutedFrame } from '../frame.ts';
import { routedFrame } from '../frame.ts';
import { ErrorOperand, FrameType, frameName } from '../operands.ts';
import { encodePayload } from '../payload.ts';
import { PayloadMap } from '../payload-map.ts';
import { parseErrorInfo } from './request.ts';

/** ERROR InvalidPayload: the receiver dropped a frame of this name, and why. */
export type InvalidPayload = Readonly<{ frame: string; error: ErrorInfo }>;

export function parseInvalidPayload(value: unknown): InvalidPayload {
  const map = new PayloadMap(value, 'invalid_payload');
  return { frame: map.requiredString('frame'), error: parseErrorInfo(map.raw('error'), map.pathOf('error')) };
}

/** The answer to `frame`, for the one who sent it. Never send it for an InvalidPayload: two peers would complain to each other for ever. */
export function invalidPayloadFrame(destination: Uuid, frame: Frame, error: ErrorInfo): RoutedFrame {
  const payload: InvalidPayload = { frame: frameName(frame.type, frame.operand), error };
  return routedFrame(FrameType.ERROR, ErrorOperand.InvalidPayload, destination, encodePayload(payload));
}
