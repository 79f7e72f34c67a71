import { rmSync } from 'node:fs';
import { Fields, integerIn, oneOf, parseCount, parseString } from '@weft/core/fields';
import type { Parse } from '@weft/core/fields';
import { InvalidValue } from '@weft/core/weft-error';
import { readFileIfPresent, replaceFile } from '../state-file.ts';

/**
 * What is on disk about one process that must survive us.
 *
 * It is written before the process is made (`starting`) and again once its identity is known (`running`). Between the two a kill would
 * lose the process, so it carries `run`, a random mark, in its environment: by that a successor finds it, and never starts a second one.
 */
export type ProcessRecord = Readonly<{
  run: string;
  /** The boot it belongs to; of another one nothing runs any more. */
  bootId: string;
  /** What it was started for: another fingerprint is another process. */
  fingerprint: string;
  /** Inode of its network namespace. */
  netnsInode: number;
  /** Exits one after the other, for the pauses between starts. */
  failures: number;
}> &
  (
    | Readonly<{ state: 'starting' }>
    /** `startTime`: clock ticks after boot. */
    | Readonly<{ state: 'running'; pid: number; startTime: bigint }>
    | Readonly<{ state: 'exited'; reason: string }>
  );

const VERSION = 1;

/** Where a record is kept. An interface so that tests can fail or interrupt any step. */
export interface ProcessRecordFile {
  /** Undefined if there is none. Throws InvalidValue or SyntaxError for a damaged one, and what the file system says. */
  read(): ProcessRecord | undefined;
  write(record: ProcessRecord): void;
  remove(): void;
}

export function processRecordFile(path: string): ProcessRecordFile {
  return {
    read: () => {
      const text = readFileIfPresent(path);
      return text === undefined ? undefined : parseProcessRecord(JSON.parse(text));
    },
    write: (record) => replaceFile(path, formatProcessRecord(record)),
    remove: () => rmSync(path, { force: true }),
  };
}

export function formatProcessRecord(record: ProcessRecord): string {
  const startTime = record.state === 'running' ? { startTime: String(record.startTime) } : {};
  return `${JSON.stringify({ version: VERSION, ...record, ...startTime })}\n`;
}

/** Throws InvalidValue naming the field. */
export function parseProcessRecord(value: unknown): ProcessRecord {
  const f = new Fields(value, 'process record');
  f.required('version', integerIn(VERSION, VERSION));
  const common = {
    run: f.required('run', parseString),
    bootId: f.required('bootId', parseString),
    fingerprint: f.required('fingerprint', parseString),
    netnsInode: f.required('netnsInode', parseCount),
    failures: f.required('failures', parseCount),
  };
  const state = f.required('state', oneOf('starting', 'running', 'exited'));
  switch (state) {
    case 'starting':
      return { ...common, state };
    case 'running':
      return { ...common, state, pid: f.required('pid', integerIn(1, 2 ** 31 - 1)), startTime: f.required('startTime', parseTicks) };
    case 'exited':
      return { ...common, state, reason: f.required('reason', parseString) };
  }
}

const parseTicks: Parse<bigint> = (value, what) => {
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value)) throw new InvalidValue(what, value, 'is not a number of clock ticks');
  return BigInt(value);
};
