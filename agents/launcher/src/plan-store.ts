import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Fields, integerIn, parseCount, parseString } from '@weft/core/fields';
import { Plan } from '@weft/core/plan/plan';
import type { SyncItem } from '@weft/core/plan/sync';
import type { Clock } from '@weft/ssntp/clock';
import type { Logger } from '@weft/ssntp/logger';
import type { PlanRevision } from './brakes.ts';
import { planItems, setPlanItem } from './plan-item.ts';
import { readFileIfPresent, replaceFileDurably } from './state-file.ts';

/** What a node must know to go on without a control plane: its plan, and the cluster's configuration as CONNECTED last gave it. */
export type SavedState = Readonly<{ configuration: unknown; plan: PlanRevision | undefined }>;

const VERSION = 1;
const COALESCE_MS = 50;
/** At most this share of the time is spent on writing: a plan of many megabytes that never rests is written less often. */
const WRITE_SHARE = 0.2;
/** Items per slice: between slices the event loop gets its turn. */
const SLICE_ITEMS = 1000;

export type PlanStoreDeps = Readonly<{
  /** What to save, read when a write begins. The bodies in a plan never change, so a list of them is a snapshot. */
  current: () => SavedState;
  clock: Clock;
  log: Logger;
}>;

/** Keeps `stateDir/plan.json`. The first change is written at once, those that follow together; a write never keeps the data path waiting. */
export class PlanStore {
  readonly #path: string;
  readonly #deps: PlanStoreDeps;
  #writing: Promise<void> | undefined;
  #timer: unknown;
  #dirty = false;
  #notBefore = Number.NEGATIVE_INFINITY;
  #failing = false;

  constructor(options: Readonly<{ stateDir: string }>, deps: PlanStoreDeps) {
    this.#path = join(options.stateDir, 'plan.json');
    this.#deps = deps;
  }

  /**
   * Reads what was saved. A damaged file is set aside and counts as none; an item that this release cannot read is left out, since the
   * controller will send it again. Throws what the file system says.
   */
  async load(): Promise<SavedState> {
    const text = readFileIfPresent(this.#path);
    if (text === undefined) return { configuration: undefined, plan: undefined };
    try {
      return this.#parse(JSON.parse(text));
    } catch (err) {
      const aside = `${this.#path}.damaged`;
      await rename(this.#path, aside);
      this.#deps.log.warn({ err, file: aside }, 'saved plan is damaged and was set aside; waiting for the controller');
      return { configuration: undefined, plan: undefined };
    }
  }

  /** Something changed: writes it now, or soon. */
  save(): void {
    this.#dirty = true;
    this.#schedule();
  }

  /** Resolves when everything up to now is on disk, or could not be written. */
  async flush(): Promise<void> {
    while (this.#dirty || this.#writing !== undefined) {
      this.#notBefore = Number.NEGATIVE_INFINITY;
      this.#schedule();
      await this.#writing;
      if (this.#failing) return;
    }
  }

  /** Writes no more, except what is being written. */
  close(): void {
    this.#dirty = false;
    this.#deps.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(): void {
    if (!this.#dirty || this.#writing !== undefined) return;
    const { clock } = this.#deps;
    clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    const waitMs = this.#notBefore - clock.now();
    if (waitMs <= 0) this.#writing = this.#write();
    else this.#timer = clock.setTimeout(() => this.#schedule(), waitMs);
  }

  async #write(): Promise<void> {
    const { clock, log } = this.#deps;
    const startMs = clock.now();
    this.#dirty = false;
    try {
      await replaceFileDurably(this.#path, serialise(this.#deps.current()));
      if (this.#failing) log.info({ file: this.#path }, 'plan is saved again');
      this.#failing = false;
    } catch (err) {
      this.#dirty = true;
      if (!this.#failing)
        log.error({ err, file: this.#path }, 'plan cannot be saved; a restart without the controller would use an older one');
      this.#failing = true;
    }
    const tookMs = clock.now() - startMs;
    this.#notBefore = clock.now() + Math.max(this.#failing ? 1000 : COALESCE_MS, tookMs / WRITE_SHARE - tookMs);
    this.#writing = undefined;
    this.#schedule();
  }

  #parse(value: unknown): SavedState {
    const f = new Fields(value, 'plan.json');
    f.required('version', integerIn(VERSION, VERSION));
    const configuration = f.optional('configuration', (given) => given);
    const epoch = f.optional('epoch', parseString);
    if (epoch === undefined) return { configuration, plan: undefined };
    const plan = new Plan();
    const unreadable: unknown[] = [];
    for (const item of f.list('items', parseItem)) {
      try {
        setPlanItem(plan, item);
      } catch (error) {
        unreadable.push(error);
      }
    }
    if (unreadable.length > 0) {
      this.#deps.log.warn(
        { err: unreadable[0], count: unreadable.length },
        'parts of the saved plan cannot be read; waiting for the controller',
      );
    }
    return { configuration, plan: { epoch, revision: f.required('revision', parseCount), plan } };
  }
}

function parseItem(value: unknown, what: string): SyncItem {
  const f = new Fields(value, what);
  return {
    kind: f.required('kind', parseString),
    key: f.required('key', parseString),
    v: f.required('v', parseCount),
    body: f.required('body', (body: unknown) => body),
  };
}

/** The file's text in slices. Takes its snapshot at once. */
function serialise({ configuration, plan }: SavedState): AsyncIterable<string> {
  const head = { version: VERSION, configuration, epoch: plan?.epoch, revision: plan?.revision };
  const items = plan === undefined ? [] : planItems(plan.plan);
  return slices(JSON.stringify(head).slice(0, -1), items);
}

async function* slices(head: string, items: readonly SyncItem[]): AsyncGenerator<string> {
  yield `${head},"items":[`;
  for (let start = 0; start < items.length; start += SLICE_ITEMS) {
    const lines = items.slice(start, start + SLICE_ITEMS).map((item) => JSON.stringify(item));
    yield `${start === 0 ? '\n' : ',\n'}${lines.join(',\n')}`;
  }
  yield '\n]}\n';
}
