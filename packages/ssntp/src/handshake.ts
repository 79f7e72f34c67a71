import type { Uuid } from '@weft/core/uuid';
import { NIL_UUID } from '@weft/core/uuid';
import type { StreamPeer } from './byte-stream.ts';
import type { Frame } from './frame.ts';
import { Command, ErrorOperand, FrameType, Status, frameName } from './operands.ts';
import { encodePayload } from './payload.ts';
import { Role, hasAnyRole, hasRoles, roleName } from './role.ts';

/** What an end makes of the other's first frame. A refusal says which ERROR frame tells the other so. */
export type Verdict =
  | Readonly<{ kind: 'accepted'; uuid: Uuid; role: number; payload: Uint8Array }>
  | Readonly<{ kind: 'refused'; operand: number; code: 'connection_aborted' | 'connection_failed'; message: string }>;

export function connectFrame(source: Uuid, role: number): Frame {
  return { type: FrameType.COMMAND, operand: Command.CONNECT, body: { kind: 'connect', role, source, destination: NIL_UUID } };
}

export function connectedFrame(source: Uuid, role: number, destination: Uuid, configuration: unknown): Frame {
  const payload = encodePayload(configuration);
  return { type: FrameType.STATUS, operand: Status.CONNECTED, body: { kind: 'connected', role, source, destination, payload } };
}

/** The server's side: the claim must be covered by the certificate, in role and in identity. */
export function judgeConnect(frame: Frame, peer: StreamPeer, _self: Uuid): Verdict {
  const { body } = frame;
  if (body.kind !== 'connect') return failed(`expected CONNECT, got ${frameName(frame.type, frame.operand)}`);
  const doubt = doubtAbout(body.source, body.role, peer);
  if (doubt !== undefined) {
    return { kind: 'refused', operand: ErrorOperand.ConnectionAborted, code: 'connection_aborted', message: doubt };
  }
  return { kind: 'accepted', uuid: body.source, role: body.role, payload: new Uint8Array(0) };
}

/** The client's side: the server must be one, prove it, and mean us. To a server that does not, we say only that it failed. */
export function judgeConnected(frame: Frame, peer: StreamPeer, self: Uuid): Verdict {
  const { body } = frame;
  if (body.kind !== 'connected') return failed(`expected CONNECTED, got ${frameName(frame.type, frame.operand)}`);
  if (body.destination !== self) return failed(`the server answered ${body.destination}, which is not us`);
  const doubt = hasAnyRole(body.role, Role.Scheduler | Role.Server)
    ? doubtAbout(body.source, body.role, peer)
    : `the server's role ${roleName(body.role)} is not that of a server`;
  if (doubt !== undefined) {
    return { kind: 'refused', operand: ErrorOperand.ConnectionFailure, code: 'connection_aborted', message: doubt };
  }
  return { kind: 'accepted', uuid: body.source, role: body.role, payload: body.payload };
}

function doubtAbout(source: Uuid, role: number, peer: StreamPeer): string | undefined {
  if (role === 0) return 'no role is claimed';
  if (!hasRoles(peer.roles, role)) return `role ${roleName(role)} is claimed, the certificate grants ${roleName(peer.roles)}`;
  if (source === NIL_UUID || source !== peer.uuid) return `UUID ${source} is claimed, the certificate names ${peer.uuid ?? 'none'}`;
  return undefined;
}

function failed(message: string): Verdict {
  return { kind: 'refused', operand: ErrorOperand.ConnectionFailure, code: 'connection_failed', message };
}
