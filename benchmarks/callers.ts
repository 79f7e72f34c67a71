/** So many requests under way at a time, in the order of the items. Stops at the first that fails, and throws its error. */
export async function byCallers<T>(callers: number, items: readonly T[], call: (item: T, at: number) => Promise<void>): Promise<void> {
  const left = items.entries();
  let failed = false;
  const work = async (): Promise<void> => {
    for (const [at, item] of left) {
      if (failed) return;
      try {
        await call(item, at);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: callers }, work));
}
