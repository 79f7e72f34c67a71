/** A run, where it lives, and what it was started for. */
export type Identity = Readonly<{ run: string; netnsInode: number; fingerprint: string }>;

/** What is there: nothing, the process, or others of its run that outlived it. */
export type Actual =
  | Readonly<{ kind: 'none' }>
  /** `child`: this process started it. */
  | (Identity & Readonly<{ kind: 'running'; pid: number; startTime: bigint; sinceMs: number; child: boolean }>)
  | (Identity & Readonly<{ kind: 'remains' }>);
