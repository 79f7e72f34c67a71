/** Destination ports cut where rules begin and end: all ports of one piece fare alike, so one of them stands for it. */
export type PortRange = Readonly<{ first: number; last: number }>;

const LARGEST_PORT = 65_535;

/** The pieces of 1…65535 between the ends of the given ranges. */
export function piecesOf(ranges: Iterable<PortRange>): readonly PortRange[] {
  const starts = new Set([1]);
  for (const { first, last } of ranges) {
    starts.add(Math.max(1, first));
    starts.add(Math.max(0, last) + 1);
  }
  const sorted = [...starts].filter((start) => start <= LARGEST_PORT).toSorted((a, b) => a - b);
  return sorted.map((first, index) => ({ first, last: (sorted[index + 1] ?? LARGEST_PORT + 1) - 1 }));
}

/** Pieces in rising order as text, those that touch as one: `22,80-89`. */
export function formatPorts(pieces: readonly PortRange[]): string {
  const merged: PortRange[] = [];
  for (const piece of pieces) {
    const previous = merged.at(-1);
    if (previous !== undefined && previous.last + 1 === piece.first)
      merged[merged.length - 1] = { first: previous.first, last: piece.last };
    else merged.push(piece);
  }
  return merged.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}
