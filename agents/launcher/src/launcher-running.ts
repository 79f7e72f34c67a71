import { WeftError } from '@weft/core/weft-error';

/** Two launchers must not share a node's directories: they would undo each other's work. */
export class LauncherRunning extends WeftError {
  constructor(path: string) {
    super('launcher_running', 'starting the launcher: another one runs with the same runDir', {
      details: { path },
      remedy: 'Stop the other launcher, or give this one directories of its own.',
    });
  }
}
