/** What the tests of this package share: a store that can wait and fail, a link that records, a controller over both. */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import assert from 'node:assert/strict';
import { parseCidr } from '@weft/core/cidr';
import type { ClusterConfig } from '@weft/core/command/context';
import { parseIpv4 } from '@weft/core/ipv4';
import type { NodeRole } from '@weft/core/resource';
import { parseSync } from '@weft/core/plan/sync';
import type { Sync, Synced } from '@weft/core/plan/sync';
import type { NodeId, Uuid } from '@weft/core/uuid';
import type { SsntpClientHandler } from '@weft/ssntp/client';
import { FakeClock } from '@weft/ssntp/fake-clock';
import { framePayload, plainFrame, routedFrame } from '@weft/ssntp/frame';
import type { Frame } from '@weft/ssntp/frame';
import type { Logger } from '@weft/ssntp/logger';
import { Command, EventOperand, FrameType, Status, frameName } from '@weft/ssntp/operands';
import { decodePayload, encodePayload } from '@weft/ssntp/payload';
import type { CommitRequest, Entry, Revision, Store, StoreChange, StoreSnapshot } from '@weft/store/store';
import { commitToModel, emptyModel, modelHistory, modelSnapshot } from '@weft/store/store-model';
import { Controller } from './controller.ts';
import type { ControllerClock, SchedulerLink } from './link.ts';

export const CONFIG: ClusterConfig = {
  mtu: 1450,
  vniRange: { first: 10_000, last: 10_999 },
  defaultTopology: 'mesh',
  computeCidrs: [parseCidr('10.88.0.0/24')],
  managementCidrs: [parseCidr('192.168.0.0/24')],
  concentratorAddresses: { cidr: parseCidr('10.88.0.0/24'), first: parseIpv4('10.88.0.250'), last: parseIpv4('10.88.0.250') },
  uplink: {
    cidr: parseCidr('203.0.113.0/24'),
    gateway: parseIpv4('203.0.113.1'),
    first: parseIpv4('203.0.113.10'),
    last: parseIpv4('203.0.113.250'),
  },
  sshPorts: { first: 30_000, last: 30_999 },
};

/** The n-th node's id. */
export function nodeId(n: number): NodeId {
  return `0000000${n}-0000-4000-8000-00000000000${n}` as NodeId;
}

/** A store in memory. Its commits are durable in the next turn of the event loop, or when a test says so. */
export class MemoryStore implements Store {
  readonly model = emptyModel();
  epoch = 'epoch-1';
  /** While true, commits wait for {@link release}. */
  holding = false;
  #epochs = 1;
  #failure: Error | undefined;
  #waiting: (() => void)[] = [];

  async snapshot(prefix = ''): Promise<StoreSnapshot> {
    const entries: Entry[] = modelSnapshot(this.model, prefix);
    return { revision: this.model.revision, entries };
  }

  commit(request: CommitRequest): Promise<Revision> {
    const { promise, resolve, reject } = Promise.withResolvers<Revision>();
    const write = (): void => {
      if (this.#failure !== undefined) return reject(this.#failure);
      const outcome = commitToModel(this.model, request);
      if (outcome === 'conflict') reject(new Error('conflict'));
      else resolve(outcome);
    };
    if (this.holding) this.#waiting.push(write);
    else queueMicrotask(write);
    return promise;
  }

  /** Makes the oldest waiting commits durable: all of them, or `count`. */
  release(count = this.#waiting.length): void {
    for (const write of this.#waiting.splice(0, count)) write();
  }

  /** Every commit from now on fails. */
  fail(error: Error): void {
    this.#failure = error;
  }

  async newEpoch(): Promise<string> {
    this.epoch = `epoch-${++this.#epochs}`;
    return this.epoch;
  }

  watch(): AsyncIterable<StoreChange[]> {
    throw new Error('not used here');
  }

  async history(range: Readonly<{ after: Revision; upTo?: Revision }>): Promise<StoreChange[]> {
    return modelHistory(this.model, range.after, range.upTo ?? this.model.revision);
  }

  async compact(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** The scheduler's side of the connection: what the controller sends, and a way to answer. */
export class FakeLink implements SchedulerLink {
  readonly sent: Frame[] = [];
  readonly handler: SsntpClientHandler;
  readonly asked: { op: string; body: unknown; destination: Uuid }[] = [];
  answers: (op: string, destination: Uuid) => Promise<unknown> = () => Promise.withResolvers().promise;
  isConnected = false;
  closed = false;

  constructor(handler: SsntpClientHandler) {
    this.handler = handler;
  }

  start(): void {
    this.connect();
  }

  connect(): void {
    this.isConnected = true;
    this.handler.connected(undefined, 'ffffffff-0000-4000-8000-000000000000' as Uuid);
  }

  disconnect(): void {
    this.isConnected = false;
    this.handler.disconnected({ code: 'peer_closed', message: 'test' });
  }

  /** Answered by {@link answers}, or never. */
  request(op: string, body: unknown, { destination }: Readonly<{ destination: Uuid; timeoutMs: number }>): Promise<unknown> {
    this.asked.push({ op, body, destination });
    return this.answers(op, destination);
  }

  send(frame: Frame): boolean {
    if (this.isConnected) this.sent.push(frame);
    return this.isConnected;
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.isConnected) this.disconnect();
  }

  event(operand: number, payload: unknown): void {
    this.handler.frame(plainFrame(FrameType.EVENT, operand, encodePayload(payload)));
  }

  nodeConnected(node: NodeId, type = 'compute_node'): void {
    this.event(EventOperand.NodeConnected, { node_connected: { node_uuid: node, node_type: type } });
  }

  nodeDisconnected(node: NodeId): void {
    this.event(EventOperand.NodeDisconnected, { node_disconnected: { node_uuid: node, node_type: 'compute_node' } });
  }

  synced(node: NodeId, message: Synced): void {
    this.routed(node, Status.Synced, message);
  }

  routed(origin: Uuid, operand: number, payload: unknown): void {
    this.handler.frame(routedFrame(FrameType.STATUS, operand, origin, encodePayload(payload), origin));
  }

  stats(
    n: number,
    options: Readonly<{ roles?: readonly NodeRole[]; instances?: readonly object[]; address?: string; vtep?: string; part?: object }> = {},
  ): void {
    const payload = {
      node_uuid: nodeId(n),
      mem_total_mb: 1000,
      mem_available_mb: 500,
      disk_total_mb: -1,
      disk_available_mb: -1,
      load: 1,
      cpus_online: 2,
      networks: [{ ip: options.address ?? `10.88.0.${n}`, mac: `02:00:00:00:00:0${n}` }],
      hostname: `node${n}`,
      status: 'READY',
      instances: options.instances ?? [],
      weft_roles: options.roles ?? ['compute'],
      ...(options.vtep === undefined ? {} : { weft_vtep: options.vtep }),
      ...(options.part === undefined ? {} : { weft_part: options.part }),
    };
    this.handler.frame(plainFrame(FrameType.COMMAND, Command.STATS, encodePayload(payload)));
  }

  /** Takes the Sync messages for a node out of what was sent. */
  syncs(node: NodeId): Sync[] {
    return this.take('COMMAND Sync', (frame) => frame.body.kind === 'routed' && frame.body.destination === node).map(parseSync);
  }

  /** Takes all frames of a name out of what was sent; returns their payloads. */
  take(name: string, condition: (frame: Frame) => boolean = () => true): unknown[] {
    const matches = (frame: Frame): boolean => frameName(frame.type, frame.operand) === name && condition(frame);
    const taken = this.sent.filter(matches);
    this.sent.splice(0, this.sent.length, ...this.sent.filter((frame) => !matches(frame)));
    return taken.map((frame) => decodePayload(framePayload(frame)));
  }
}

export class TestClock extends FakeClock implements ControllerClock {
  wallMs(): number {
    return Date.UTC(2026, 10, 20, 9, 0, 0) + this.now();
  }
}

/** Log lines as `level message`, with their fields. */
export class LogRecorder implements Logger {
  readonly lines: { level: string; message: string; fields: object }[] = [];

  debug(): void {}

  info(fields: object, message: string): void {
    this.lines.push({ level: 'info', message, fields });
  }

  warn(fields: object, message: string): void {
    this.lines.push({ level: 'warn', message, fields });
  }

  error(fields: object, message: string): void {
    this.lines.push({ level: 'error', message, fields });
  }

  has(level: string, message: RegExp): boolean {
    return this.lines.some((line) => line.level === level && message.test(line.message));
  }
}

/** Chance that repeats: ids and bytes count up. */
export function countedRandomness(): Readonly<{
  randomUuid: () => string;
  randomBytes: (count: number) => Uint8Array;
  random: () => number;
}> {
  let count = 0;
  const next = (): number => (count += 1);
  return {
    randomUuid: () => `${next().toString(16).padStart(8, '0')}-0000-4000-9000-000000000000`,
    randomBytes: (bytes) => new Uint8Array(createHash('sha256').update(String(next())).digest().subarray(0, bytes)),
    random: () => 0.5,
  };
}

export type TestController = Readonly<{
  controller: Controller;
  store: MemoryStore;
  link: FakeLink;
  clock: TestClock;
  log: LogRecorder;
  fatal: unknown[];
}> &
  AsyncDisposable;

/** A controller that is connected to a scheduler and has no node yet. */
export async function openController(store = new MemoryStore()): Promise<TestController> {
  const clock = new TestClock();
  const log = new LogRecorder();
  const fatal: unknown[] = [];
  let link: FakeLink | undefined;
  const controller = await Controller.open(
    { config: CONFIG },
    {
      store,
      clock,
      log,
      ...countedRandomness(),
      fatal: (error) => fatal.push(error),
      connect: (handler) => (link = new FakeLink(handler)),
    },
  );
  controller.start();
  assert.ok(link !== undefined);
  return { controller, store, link, clock, log, fatal, [Symbol.asyncDispose]: () => controller.close() };
}

/** Lets commits in memory become durable, and what follows from them happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await setImmediate();
}
