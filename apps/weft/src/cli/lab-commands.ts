import { buildCommand, buildRouteMap } from '@stricli/core';
import type { RouteMap } from '@stricli/core';
import type { CliContext } from './cli-context.ts';
import { UsageError } from './failure.ts';
import { docs, optionalSwitch } from './flags.ts';

type UpFlags = Readonly<{ once?: boolean; json?: boolean; keep?: boolean }>;

const up = buildCommand<UpFlags, [], CliContext>({
  docs: docs('Bring up a whole cluster on this machine, and prove that it works', {
    more:
      'Every node is a network namespace with the real daemons in it. Two tenants with the same addresses are woven, and each check is\n' +
      'made with real packets. The cluster stays up until Ctrl-C, and leaves nothing behind. Needs root.',
    examples: ['weft lab up', 'weft lab up --once --json'],
  }),
  parameters: {
    flags: {
      once: optionalSwitch('End after the checks; the exit code says whether all passed'),
      json: optionalSwitch('One JSON object a line for each check, the last one with the sums'),
      keep: optionalSwitch('Take nothing away at the end, for a look afterwards; `weft lab down` does'),
    },
  },
  async func({ once = false, json = false, keep = false }) {
    await (await import('./lab-up.ts')).labUp(this, { once, json, keep });
  },
});

const down = buildCommand<object, [], CliContext>({
  docs: docs('End the lab of this machine and remove everything of it', {
    more: 'Also removes what a killed one left. Needs root.',
    examples: ['weft lab down'],
  }),
  parameters: {},
  async func() {
    await (await import('./lab-down.ts')).labDown(this);
  },
});

const status = buildCommand<Readonly<{ json?: boolean }>, [], CliContext>({
  docs: docs('Say whether a lab runs, and what is in it', {
    more: 'The exit code is 1 if none runs.',
    examples: ['weft lab status', 'weft lab status --json'],
  }),
  parameters: { flags: { json: optionalSwitch('Print JSON') } },
  async func({ json = false }) {
    (await import('./lab-status.ts')).labStatus(this, { json });
  },
});

const exec = buildCommand<object, readonly string[], CliContext>({
  docs: docs('Run a command inside a workload, or on a node of the lab', {
    more:
      'A place is a workload (`red/alpha`, or `alpha` if only one tenant has one of that name), a node (`compute1`), or the namespace on a\n' +
      'node in which tenants’ traffic runs (`compute1/fabric`). The exit code is the command’s. Needs root.',
    usage: 'place -- command...',
    examples: [
      'weft lab exec red/alpha -- ping -c 3 10.0.0.13',
      'weft lab exec compute1 -- ss -uln',
      'weft lab exec compute1/fabric -- bridge fdb show',
    ],
  }),
  parameters: {
    positional: {
      kind: 'array',
      parameter: { brief: 'The place, then the command and its arguments', parse: String, placeholder: 'word' },
    },
  },
  async func(_flags, where, file, ...args) {
    if (where === undefined || file === undefined)
      throw new UsageError('a place and a command are needed', 'For example: weft lab exec red/alpha -- ip address');
    await (await import('./lab-exec.ts')).labExec(this, where, [file, ...args]);
  },
});

export const LAB_ROUTES: RouteMap<CliContext> = buildRouteMap({
  routes: { up, down, status, exec },
  docs: {
    brief: 'A whole cluster on this machine, to try and to test',
    fullDescription:
      'A whole cluster on this machine, to try and to test\n\n' +
      'Gateway, control node, network node and compute nodes, each a network namespace. There is one lab on a machine at a time; all that it\n' +
      'writes is below /run/weft-lab.',
  },
});
