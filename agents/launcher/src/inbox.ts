import { parseSync } from '@weft/core/plan/sync';
import type { Sync } from '@weft/core/plan/sync';
import { NIL_UUID } from '@weft/core/uuid';
import type { Uuid } from '@weft/core/uuid';
import { errorInfo, WeftError } from '@weft/core/weft-error';
import { framePayload } from '@weft/ssntp/frame';
import type { Frame } from '@weft/ssntp/frame';
import type { Logger } from '@weft/ssntp/logger';
import { Command, ErrorOperand, EventOperand, FrameType, frameName } from '@weft/ssntp/operands';
import { decodePayload } from '@weft/ssntp/payload';
import { invalidPayloadFrame, parseInvalidPayload } from '@weft/ssntp/payloads/invalid-payload';
import { parseRequest, replyFrame } from '@weft/ssntp/payloads/request';
import type { Operations } from './operations.ts';
import { parseTenantAdded, parseTenantRemoved } from '@weft/ssntp/payloads/tenant-event';
import type { TenantEvent } from '@weft/ssntp/payloads/tenant-event';

export type InboxDeps = Readonly<{
  sync: (sync: Sync) => void;
  /** TenantAdded or, unless `added`, TenantRemoved. */
  hint: (event: TenantEvent, added: boolean) => void;
  /** Something happened that the plan tells more of: DELETE, EVACUATE and the like are wake-ups here (design §4). */
  wake: () => void;
  /** What a controller may ask. */
  operations: Operations;
  send: (frame: Frame) => boolean;
  log: Logger;
}>;

/** Origins beyond this are not told apart in the log. */
const MAX_ORIGINS = 64;

/** Reads the frames that come to a launcher. One that cannot be read costs an answer and one log line an origin, nothing else. */
export class Inbox {
  readonly #deps: InboxDeps;
  readonly #faulty = new Set<Uuid>();

  constructor(deps: InboxDeps) {
    this.#deps = deps;
  }

  handle(frame: Frame): void {
    try {
      this.#dispatch(frame);
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      this.#refuse(frame, error);
    }
  }

  #dispatch(frame: Frame): void {
    if (frame.type === FrameType.ERROR) return this.#error(frame);
    if (frame.type === FrameType.EVENT) return this.#event(frame);
    if (frame.type !== FrameType.COMMAND) return this.#deps.wake();
    switch (frame.operand) {
      case Command.Sync:
        return this.#deps.sync(parseSync(decodePayload(framePayload(frame))));
      case Command.Request:
        return this.#request(frame);
      default:
        return this.#deps.wake();
    }
  }

  #event(frame: Frame): void {
    switch (frame.operand) {
      case EventOperand.TenantAdded:
        return this.#deps.hint(parseTenantAdded(decodePayload(framePayload(frame))), true);
      case EventOperand.TenantRemoved:
        return this.#deps.hint(parseTenantRemoved(decodePayload(framePayload(frame))), false);
      default:
        return this.#deps.wake();
    }
  }

  #request(frame: Frame): void {
    const { id, op, body } = parseRequest(decodePayload(framePayload(frame)));
    const origin = originOf(frame);
    try {
      this.#deps.send(replyFrame(origin, { id, ok: this.#operation(op)(body) }));
    } catch (error) {
      // Whoever asked waits for an answer, whatever went wrong; a bug ends a question, not the launcher.
      if (!(error instanceof WeftError)) this.#deps.log.error({ err: error, origin, op }, 'a request failed');
      this.#deps.send(replyFrame(origin, { id, error: errorInfo(error) }));
    }
  }

  #operation(op: string): (body: unknown) => unknown {
    const { operations } = this.#deps;
    const operation = operations.get(op);
    if (operation !== undefined) return operation;
    const known = [...operations.keys()].join(', ');
    throw new WeftError('unknown_operation', `a launcher does not know the request ${JSON.stringify(op)}, only ${known}`, {
      remedy: 'Bring the launchers to the release of the controller.',
    });
  }

  #error(frame: Frame): void {
    const fields = { frame: frameName(frame.type, frame.operand) };
    if (frame.operand !== ErrorOperand.InvalidPayload) return this.#deps.log.warn(fields, 'a peer reports an error');
    const { frame: refused, error } = parseInvalidPayload(decodePayload(framePayload(frame)));
    this.#deps.log.error({ ...fields, refused, code: error.code, reason: error.message }, 'a peer could not read what this node sent');
  }

  #refuse(frame: Frame, error: WeftError): void {
    const origin = originOf(frame);
    if (!this.#faulty.has(origin) && this.#faulty.size < MAX_ORIGINS) {
      this.#faulty.add(origin);
      this.#deps.log.error({ err: error, origin, frame: frameName(frame.type, frame.operand) }, 'a frame cannot be read and was dropped');
    }
    if (frame.type !== FrameType.ERROR) this.#deps.send(invalidPayloadFrame(origin, frame, errorInfo(error)));
  }
}

/** Nil for a frame that names none: it came from, or through, the scheduler for the leading controller. */
function originOf(frame: Frame): Uuid {
  return frame.body.kind === 'routed' ? frame.body.origin : NIL_UUID;
}
