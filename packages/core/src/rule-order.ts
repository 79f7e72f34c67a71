/** The order in which rules are asked: by rising priority, then by id. */
export function compareRules(a: Ranked, b: Ranked): number {
  return a.priority - b.priority || (a.id < b.id ? -1 : 1);
}

type Ranked = Readonly<{ priority: number; id: string }>;
