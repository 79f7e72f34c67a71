/** `weft why PORT`: what was dropped of a port, and what to do about it. */
import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';
import type { DropView, PortWhyView } from '@weft/api/v1';
import { DROP_KINDS, dropParts, DROPS } from '@weft/core/drop-reason';
import type { CliContext } from './cli-context.ts';
import { API_FLAGS, docs, target } from './flags.ts';
import type { ApiFlags } from './flags.ts';
import { findId } from './resolve.ts';
import { PORT, findable } from './resources.ts';
import { printJson } from './resource-output.ts';
import { printable } from './table.ts';

export const WHY: Command<CliContext> = buildCommand<ApiFlags, [string], CliContext>({
  docs: docs('Explain why a port’s packets do not arrive', {
    more:
      'Its own node and its gateway’s count every packet that they drop of it, with the reason: as long as\n' +
      'the port is plugged in, some for a day only. Send what does not arrive, and ask again: the number that has grown is the reason.\n\n' +
      `REASONS\n${reasons()}`,
    examples: ['weft why web-1', 'weft why web-1 --as red', 'weft why 3f2a --json'],
  }),
  parameters: { flags: API_FLAGS, positional: { kind: 'tuple', parameters: [target('port')] } },
  async func(flags, what) {
    const { api } = await this.connect(flags.as);
    const view = await api.why(await findId(findable(PORT, api), what));
    if (flags.json === true) return printJson(this, view);
    this.process.stdout.write(explained(view));
  },
});

/** What the state shows first, for nothing passes while that is in the way; then drops, the most frequent first. */
function explained({ drops, notes, unanswered, node_id }: PortWhyView): string {
  const lines = notes.map(({ message, remedy }) => entry('!', message, remedy));
  const sorted = drops.toSorted((a, b) => b.packets - a.packets);
  lines.push(...sorted.map((drop) => entry(countOf(drop), `${drop.explanation} (${titleOf(drop)})`, drop.remedy)));
  if (drops.length === 0 && unanswered.length === 0 && node_id !== null) {
    lines.push(
      'Nothing of this port was dropped, neither at the port nor at its gateway. What does not arrive was not sent, is dropped at the other\n' +
        'port – ask `weft why` of that one –, or is lost outside.\n',
    );
  }
  return lines.join('');
}

function entry(head: string, message: string, remedy: string): string {
  return `${head.padStart(7)}  ${printable(message)}\n${' '.repeat(9)}${printable(remedy)}\n`;
}

function countOf({ packets }: DropView): string {
  return `${packets} ×`;
}

function titleOf({
  where,
  reason,
  direction,
}: Pick<DropView, 'where' | 'reason'> & Readonly<{ direction?: string | null | undefined }>): string {
  return [`${where}: ${reason}`, ...(direction === null || direction === undefined ? [] : [direction])].join(', ');
}

/** For `--help`: every reason there is. */
function reasons(): string {
  const titles = DROP_KINDS.map((kind) => ({ title: titleOf(dropParts(kind)), ...DROPS[kind] }));
  const width = Math.max(...titles.map(({ title }) => title.length));
  return titles.map(({ title, explanation }) => `  ${title.padEnd(width)}  ${explanation}`).join('\n');
}
