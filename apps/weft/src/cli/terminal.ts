/** Asking a person on the terminal. */
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

export type AskOptions = Readonly<{ /** What is typed is not shown. */ secret: boolean }>;
export type Ask = (question: string, options: AskOptions) => Promise<string>;

/** Asks on stderr and reads from stdin; undefined where that is no terminal. */
export function terminalAsk(process: Pick<NodeJS.Process, 'stdin' | 'stderr'>): Ask | undefined {
  if (!process.stdin.isTTY) return undefined;
  return async (question, { secret }) => {
    process.stderr.write(question);
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
    const lines = createInterface({ input: process.stdin, output: secret ? silent : process.stderr, terminal: true });
    try {
      return await lines.question('');
    } finally {
      lines.close();
      if (secret) process.stderr.write('\n');
    }
  };
}
