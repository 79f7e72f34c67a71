import type { Lab } from './cluster.ts';
import { nodesInSync } from './nodes.ts';
import type { LabProcess } from './process.ts';

/**
 * The control node with scheduler and controller as two processes, on the store of the server whose place they take: so one of them can be
 * without the other. Disposing brings the server back.
 */
export class SeparateControl implements AsyncDisposable {
  readonly scheduler: LabProcess;
  readonly controller: LabProcess;
  readonly #lab: Lab;

  private constructor(lab: Lab) {
    this.#lab = lab;
    this.scheduler = lab.newProcess('control', 'scheduler');
    this.controller = lab.newProcess('control', 'controller');
  }

  /** Returns when all nodes are in sync again. Throws DeadlinePassed; then the server is back. */
  static async start(lab: Lab): Promise<SeparateControl> {
    const control = new SeparateControl(lab);
    try {
      await lab.daemon('control').stop();
      control.scheduler.start();
      control.controller.start();
      await nodesInSync(lab);
      return control;
    } catch (error) {
      await control[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.controller.stop();
    await this.scheduler.stop();
    this.#lab.daemon('control').start();
    await this.#lab.serverReady();
    await nodesInSync(this.#lab);
  }
}
