/** Frame types and operands of SSNTP 1.0: the original's numbers, and from 32 on the frames that Weft adds (design §6). */

export const FrameType = { COMMAND: 0, STATUS: 1, ERROR: 2, EVENT: 3 } as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export const Command = {
  CONNECT: 0,
  START: 1,
  STATS: 2,
  EVACUATE: 3,
  DELETE: 4,
  AssignPublicIP: 5,
  ReleasePublicIP: 6,
  CONFIGURE: 7,
  AttachVolume: 8,
  Restore: 9,
  RefreshCNCI: 10,
  Sync: 32,
  Ping: 33,
  Request: 34,
} as const;

export const Status = {
  CONNECTED: 0,
  READY: 1,
  FULL: 2,
  OFFLINE: 3,
  MAINTENANCE: 4,
  Synced: 32,
  Pong: 33,
  Reply: 34,
} as const;

export const ErrorOperand = {
  InvalidFrameType: 0,
  StartFailure: 1,
  ConnectionFailure: 2,
  DeleteFailure: 3,
  ConnectionAborted: 4,
  InvalidConfiguration: 5,
  AttachVolumeFailure: 6,
  AssignPublicIPFailure: 7,
  UnassignPublicIPFailure: 8,
  InvalidPayload: 32,
} as const;

/** TraceReport (6) is not carried; `weft trace` replaces it. */
export const EventOperand = {
  TenantAdded: 0,
  TenantRemoved: 1,
  InstanceDeleted: 2,
  ConcentratorInstanceAdded: 3,
  PublicIPAssigned: 4,
  PublicIPUnassigned: 5,
  NodeConnected: 7,
  NodeDisconnected: 8,
  InstanceStopped: 9,
} as const;

const OPERANDS = [
  { type: 'COMMAND', names: namesOf(Command) },
  { type: 'STATUS', names: namesOf(Status) },
  { type: 'ERROR', names: namesOf(ErrorOperand) },
  { type: 'EVENT', names: namesOf(EventOperand) },
] as const;

/** True for a type and operand of this protocol version. Others are answered InvalidFrameType. */
export function isKnownFrame(type: number, operand: number): boolean {
  return OPERANDS[type]?.names.has(operand) ?? false;
}

/** For logs: `EVENT TenantAdded`; unknown ones as numbers, `COMMAND 77`, `9 1`. */
export function frameName(type: number, operand: number): string {
  const known = OPERANDS[type];
  return `${known?.type ?? type} ${known?.names.get(operand) ?? operand}`;
}

/** One number per kind of frame, for tables keyed by it. */
export function frameKey(type: number, operand: number): number {
  return type * 256 + operand;
}

/** True for the added operands whose payload is preceded by destination and origin UUID. */
export function isRoutedFrame(type: number, operand: number): boolean {
  return operand >= 32 && isKnownFrame(type, operand);
}

function namesOf(operands: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(operands).map(([name, operand]) => [operand, name]));
}
