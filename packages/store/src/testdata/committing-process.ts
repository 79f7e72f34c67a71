import { writeSync } from 'node:fs';
import { openSqliteStore } from '../sqlite-store.ts';
import { StoreFailure } from '../store.ts';

// Run by the kill test: commits for ever, several at a time, and prints `revision key` for each answer, in one write each and only then.

const path = process.argv[2]!;

try {
  const store = await openSqliteStore({ path });
  const { revision } = await store.snapshot();
  for (let round = 0; ; round++) {
    const keys = Array.from({ length: (round % 5) + 1 }, (_, index) => `${revision}-${round}-${index}`);
    await Promise.all(
      keys.map(async (key) => {
        const made = await store.commit({ put: [{ key, value: JSON.stringify('x'.repeat(round % 3000)) }], delete: [] });
        writeSync(1, `${made} ${key}\n`);
      }),
    );
  }
} catch (error) {
  if (!(error instanceof StoreFailure)) throw error;
  writeSync(1, `${error.code}\n`);
  process.exitCode = 3;
}
