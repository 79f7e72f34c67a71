// Runs a program as if it had replaced this process: same terminal, same signals, same end.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const forwarded = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/**
 * Ctrl-C in a terminal reaches every process of the foreground group, and npm passes it on as well: one key press arrives here
 * more than once. Repetitions within this time count as one.
 */
const repeatedMs = 1000;

/**
 * A shell's exit code for a process that ended with `code` or by `signal`.
 * @param {number | null} code @param {string | null} signal
 */
export function exitCodeOf(code, signal) {
  return signal === null ? (code ?? 1) : 128 + constants.signals[signal];
}

/** Answers whether a signal is new, not a repetition of the same key press. */
export function newSignals(nowMs = () => performance.now()) {
  /** @type {Map<string, number>} */
  const lastMs = new Map();
  return (/** @type {string} */ signal) => {
    const last = lastMs.get(signal) ?? Number.NEGATIVE_INFINITY;
    const now = nowMs();
    if (now - last < repeatedMs) return false;
    lastMs.set(signal, now);
    return true;
  };
}

/**
 * Runs `command` with our stdio, passes on SIGINT, SIGTERM and SIGHUP, and answers its exit code. Rejects if it cannot be started.
 * @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>}
 */
export function runInPlace(command, args, env = process.env) {
  const child = spawn(command, args, { stdio: 'inherit', env });
  const isNew = newSignals();
  const forward = (/** @type {NodeJS.Signals} */ signal) => {
    if (isNew(signal)) child.kill(signal);
  };
  for (const signal of forwarded) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(exitCodeOf(code, signal)));
  }).finally(() => {
    for (const signal of forwarded) process.off(signal, forward);
  });
}
