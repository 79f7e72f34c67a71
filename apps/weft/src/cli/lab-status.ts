import { labStatusOf } from '@weft/lab/lab-info';
import type { CliContext } from './cli-context.ts';
import { formatTable } from './table.ts';

/** `weft lab status`: exit code 1 if no lab runs. */
export function labStatus(context: CliContext, flags: Readonly<{ json: boolean }>): void {
  const status = labStatusOf();
  const { stdout } = context.process;
  if (!status.running) context.process.exitCode = 1;
  if (flags.json) return stdout.write(`${JSON.stringify(status, undefined, 2)}\n`);
  if (status.info === undefined) return stdout.write('no lab runs on this machine; start one with `npm start`\n');
  stdout.write(`${status.running ? 'running' : 'left behind'}: ${status.info.id}, pid ${status.info.pid}, API ${status.info.url}\n\n`);
  const rows = status.info.nodes.map(({ name, id, daemon, pid }) => [
    name,
    daemon ?? '-',
    pid === undefined ? '-' : String(pid),
    id ?? '-',
  ]);
  stdout.write(formatTable(['node', 'daemon', 'pid', 'id'], rows, stdout.columns));
}
