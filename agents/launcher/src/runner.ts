/**
 * Runs the plan's instances as processes in namespaces of their own (design §9).
 *
 * Whether an instance's port is plugged is the data path's business; here only the processes are. An instance is started once the data path
 * has applied it and its port, started again when it ends, and ended when the plan no longer has it. Its directory is what tells of it
 * after a restart: it is made before the process and removed after the controller was told that the instance is gone.
 */
import { createHash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalJson } from '@weft/core/canonical-json';
import { instanceKey } from '@weft/core/plan/instance';
import type { InstanceBody } from '@weft/core/plan/instance';
import { planRefText } from '@weft/core/plan/plan';
import type { Plan } from '@weft/core/plan/plan';
import { portKey } from '@weft/core/plan/port';
import { parseUuid } from '@weft/core/uuid';
import type { InstanceId } from '@weft/core/uuid';
import { errorInfo } from '@weft/core/weft-error';
import type { ErrorInfo } from '@weft/core/weft-error';
import type { DataplanePort } from './dataplane-port.ts';
import { ManagedProcess } from './process/managed-process.ts';
import type { ManagedProcessDeps, WantedProcess } from './process/managed-process.ts';
import { processRecordFile } from './process/process-record.ts';
import type { Follower, Scope } from './reconciler.ts';
import { ensureDirectory } from './state-file.ts';

/** `pending`: not started yet, or being replaced. `exited`: ended by itself, or could not be started; it is tried again. */
export type InstanceState = 'pending' | 'active' | 'exited';

export type RunnerOptions = Readonly<{
  stateDir: string;
  bootId: string;
  /** Added to every workload's environment; PATH at least. */
  environment: Readonly<Record<string, string>>;
}>;

export type RunnerDeps = Omit<ManagedProcessDeps, 'record' | 'onChange'> &
  Readonly<{
    dataplane: Pick<DataplanePort, 'workloadNetns'>;
    /** Tells the controller that nothing of an instance is left; false if it cannot be told now. */
    deleted: (instanceId: InstanceId) => boolean;
    /** `failures` changed. */
    onFailures: () => void;
  }>;

const GRACE_MS = 5000;

type Entry = {
  readonly process: ManagedProcess;
  body: InstanceBody | undefined;
  /** The data path has not applied it or its port: what runs stays, nothing is started. */
  blocked: boolean;
  /** Its end has begun. */
  ending: boolean;
  failure: ErrorInfo | undefined;
};

export class Runner implements Follower {
  readonly #options: RunnerOptions;
  readonly #deps: RunnerDeps;
  readonly #directory: string;
  readonly #entries = new Map<InstanceId, Entry>();
  /** Gone, but the controller does not know. */
  readonly #untold = new Set<InstanceId>();
  #closed = false;

  constructor(options: RunnerOptions, deps: RunnerDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#directory = join(options.stateDir, 'instances');
  }

  /** Workloads may end at leisure: their ports are closed already. */
  retire(): undefined {
    return undefined;
  }

  apply(plan: Plan, scope: Scope, failed: ReadonlyMap<string, ErrorInfo>): void {
    if (typeof scope === 'string') for (const body of plan.of('instance').values()) this.#keep(body);
    else for (const ref of scope.values()) if (ref.kind === 'instance') this.#change(ref.key as InstanceId, plan.get('instance', ref.key));
    if (scope === 'all') for (const id of this.#known()) if (!plan.of('instance').has(instanceKey(id))) this.#change(id, undefined);
    for (const entry of this.#entries.values()) {
      const { body } = entry;
      // While nothing fails and nothing is blocked, only what was named can have changed; there are thousands.
      if (body === undefined || (!entry.blocked && failed.size === 0 && !isNamed(scope, body))) continue;
      const blocked =
        failed.has(planRefText({ kind: 'instance', key: instanceKey(body.instanceId) })) ||
        failed.has(planRefText({ kind: 'port', key: portKey(body.portId) })) ||
        plan.get('port', portKey(body.portId)) === undefined;
      if (blocked === entry.blocked && typeof scope !== 'string' && !scope.has(planRefText({ kind: 'instance', key: body.instanceId })))
        continue;
      entry.blocked = blocked;
      this.#want(entry, body);
    }
  }

  failures(): ReadonlyMap<string, ErrorInfo> {
    const failures = new Map<string, ErrorInfo>();
    for (const [id, { failure }] of this.#entries) {
      if (failure !== undefined) failures.set(planRefText({ kind: 'instance', key: instanceKey(id) }), failure);
    }
    return failures;
  }

  /** The instances of the plan. */
  states(): { instanceId: InstanceId; state: InstanceState }[] {
    return [...this.#entries].flatMap(([instanceId, { body, process }]) =>
      body === undefined ? [] : [{ instanceId, state: instanceState(process) }],
    );
  }

  /** There is a connection again: tells what could not be told before. */
  announceDeleted(): void {
    for (const id of this.#untold) this.#tell(id);
  }

  /** Lets go of everything; the workloads run on. */
  close(): void {
    this.#closed = true;
    for (const { process } of this.#entries.values()) process.release();
  }

  /** Instances that run, or that an earlier launcher left a directory of. */
  #known(): Set<InstanceId> {
    const known = new Set(this.#entries.keys());
    ensureDirectory(this.#directory);
    for (const name of readdirSync(this.#directory)) if (isUuid(name)) known.add(name);
    return known;
  }

  #keep(body: InstanceBody): void {
    this.#change(body.instanceId, body);
  }

  #change(id: InstanceId, body: InstanceBody | undefined): void {
    let entry = this.#entries.get(id);
    if (entry === undefined) {
      if (body === undefined && this.#untold.has(id)) return;
      entry = { process: this.#process(id), body, blocked: true, ending: false, failure: undefined };
      this.#entries.set(id, entry);
    }
    entry.body = body;
    if (body === undefined) this.#remove(id, entry);
    else this.#untold.delete(id);
  }

  #process(id: InstanceId): ManagedProcess {
    const { bootId } = this.#options;
    return new ManagedProcess(
      { fields: { instance: id }, bootId, ownsNetns: true, graceMs: GRACE_MS },
      {
        ...this.#deps,
        record: processRecordFile(join(this.#directory, id, 'process.json')),
        onChange: () => this.#onChange(id),
      },
    );
  }

  #want(entry: Entry, body: InstanceBody): void {
    const { process } = entry;
    // A failure of the data path reports itself. What runs already is left alone: it may be the plan that is behind.
    if (entry.blocked && process.state.kind !== 'running') return;
    entry.ending = false;
    try {
      ensureDirectory(join(this.#directory, body.instanceId));
      process.want(this.#wanted(body));
    } catch (error) {
      this.#note(entry, errorInfo(error));
    }
  }

  #wanted(body: InstanceBody): WantedProcess {
    const { instanceId, name, generation, command } = body;
    const directory = join(this.#directory, instanceId);
    return {
      fingerprint: createHash('sha256').update(canonicalJson({ generation, command })).digest('hex'),
      command,
      netnsPath: this.#deps.dataplane.workloadNetns(instanceId),
      directory,
      environment: { ...this.#options.environment, WEFT_INSTANCE_ID: instanceId, WEFT_INSTANCE_NAME: name },
      stdout: join(directory, 'stdout.log'),
      stderr: join(directory, 'stderr.log'),
    };
  }

  #remove(id: InstanceId, entry: Entry): void {
    if (entry.ending) return;
    entry.ending = true;
    this.#note(entry, undefined);
    void this.#finish(id, entry);
  }

  /** Never rejects: what `stop` cannot end it keeps trying to end. */
  async #finish(id: InstanceId, entry: Entry): Promise<void> {
    await entry.process.stop();
    if (this.#closed || entry.body !== undefined || this.#entries.get(id) !== entry) return;
    this.#entries.delete(id);
    this.#untold.add(id);
    this.#tell(id);
  }

  #tell(id: InstanceId): void {
    if (!this.#deps.deleted(id)) return;
    this.#untold.delete(id);
    try {
      rmSync(join(this.#directory, id), { recursive: true, force: true });
    } catch (err) {
      this.#deps.log.error({ instance: id, err }, 'directory of a removed instance cannot be removed');
    }
  }

  #onChange(id: InstanceId): void {
    const entry = this.#entries.get(id);
    if (entry?.body === undefined) return;
    const { state } = entry.process;
    // That a workload ended is its own affair, and told in its state.
    this.#note(entry, state.kind === 'exited' && state.error.code !== 'process_exited' ? state.error : undefined);
  }

  #note(entry: Entry, failure: ErrorInfo | undefined): void {
    if (entry.failure?.code === failure?.code && entry.failure?.message === failure?.message) return;
    entry.failure = failure;
    this.#deps.onFailures();
  }
}

/** Whether a scope names the instance, or the port without which it is not started. */
function isNamed(scope: Scope, { instanceId, portId }: InstanceBody): boolean {
  if (typeof scope === 'string') return true;
  return (
    scope.has(planRefText({ kind: 'instance', key: instanceKey(instanceId) })) ||
    scope.has(planRefText({ kind: 'port', key: portKey(portId) }))
  );
}

function instanceState(process: ManagedProcess): InstanceState {
  switch (process.state.kind) {
    case 'running':
      return 'active';
    case 'exited':
      return 'exited';
    case 'absent':
    case 'pending':
    case 'stopping':
      return 'pending';
  }
}

function isUuid(name: string): name is InstanceId {
  try {
    return parseUuid(name) === name;
  } catch {
    return false;
  }
}
