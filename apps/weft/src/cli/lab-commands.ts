import { buildCommand, buildRouteMap } from '@stricli/core';
import type { CliContext } from './cli-context.ts';

type UpFlags = Readonly<{ once: boolean; json: boolean; keep: boolean }>;

const flag = (brief: string) => ({ kind: 'boolean', default: false, withNegated: false, brief }) as const;

const up = buildCommand<UpFlags, [], CliContext>({
  docs: {
    brief: 'Bring up a whole cluster on this machine, and prove that it works',
    fullDescription:
      'Every node is a network namespace with the real daemons in it. Two tenants with the same addresses are woven, and each ' +
      'check is made with real packets. The cluster stays up until Ctrl-C, and leaves nothing behind. Needs root.',
  },
  parameters: {
    flags: {
      once: flag('End after the checks; the exit code says whether all passed'),
      json: flag('One JSON object a line for each check, the last one the sums'),
      keep: flag('Take nothing away at the end, for a look afterwards; `weft lab down` does'),
    },
  },
  async func(flags) {
    await (await import('./lab-up.ts')).labUp(this, flags);
  },
});

const down = buildCommand<object, [], CliContext>({
  docs: { brief: 'End the lab of this machine and remove everything of it, also what a killed one left' },
  parameters: {},
  async func() {
    await (await import('./lab-down.ts')).labDown(this);
  },
});

const status = buildCommand<Readonly<{ json: boolean }>, [], CliContext>({
  docs: { brief: 'Say whether a lab runs, and what is in it' },
  parameters: { flags: { json: flag('Print JSON') } },
  async func(flags) {
    (await import('./lab-status.ts')).labStatus(this, flags);
  },
});

const exec = buildCommand<object, readonly string[], CliContext>({
  docs: {
    brief: 'Run a command inside a workload, or on a node of the lab',
    fullDescription:
      'Examples: weft lab exec red/alpha -- ip addr; weft lab exec compute1 -- ss -uln; weft lab exec compute1/fabric -- bridge fdb',
  },
  parameters: {
    positional: {
      kind: 'array',
      minimum: 2,
      parameter: { brief: 'tenant/workload, a node, or node/fabric; then the command', parse: String, placeholder: 'where|command' },
    },
  },
  async func(_flags, ...words) {
    await (await import('./lab-exec.ts')).labExec(this, words);
  },
});

export const LAB_ROUTES = buildRouteMap({
  routes: { up, down, status, exec },
  docs: { brief: 'A whole cluster on this machine, to try and to test' },
});
