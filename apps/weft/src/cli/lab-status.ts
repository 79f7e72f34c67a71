import { labStatusOf } from '@weft/lab/lab-info';
import type { LabNodeInfo } from '@weft/lab/lab-info';
import { say } from './cli-context.ts';
import type { CliContext } from './cli-context.ts';
import { EXIT_FAILED } from './failure.ts';
import { lookOf, printJson } from './resource-output.ts';
import { formatTable, formatValue } from './table.ts';
import type { Column } from './table.ts';

const COLUMNS: readonly Column<LabNodeInfo>[] = [
  { heading: 'node', cell: ({ name }) => name },
  { heading: 'daemon', cell: ({ daemon }) => formatValue(daemon) },
  { heading: 'pid', cell: ({ pid }) => formatValue(pid) },
  { heading: 'id', cell: ({ id }) => formatValue(id) },
];

/** `weft lab status`: exit code 1 if no lab runs. */
export function labStatus(context: CliContext, flags: Readonly<{ json: boolean }>): void {
  const status = labStatusOf();
  const { running, info } = status;
  if (!running) context.process.exitCode = EXIT_FAILED;
  if (flags.json) return printJson(context, status);
  if (info === undefined) return say(context, 'No lab runs on this machine; `npm start` starts one.');
  const { stdout } = context.process;
  stdout.write(
    running
      ? `The lab runs as process ${info.pid}; its API is at ${info.url}.\n\n`
      : 'A lab was left behind: its process has ended. `weft lab down`, or the next start, removes it.\n\n',
  );
  stdout.write(formatTable(COLUMNS, info.nodes, lookOf(context)));
}
