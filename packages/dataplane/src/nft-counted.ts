type Json = Readonly<Record<string, unknown>>;

/** An element of a set with a counter; numbers in its key are written as decimals. */
export type Counted = Readonly<{ key: readonly string[]; packets: number; bytes: number }>;

/** The counters in what `nft -j list set …` shows. */
export function parseCounted(listing: unknown): Counted[] {
  const rows = (listing as { nftables?: readonly { set?: { elem?: readonly { elem?: Json }[] } }[] } | undefined)?.nftables ?? [];
  return rows.flatMap(({ set }) =>
    (set?.elem ?? []).flatMap(({ elem }) => {
      const counter = elem?.['counter'] as { packets: number; bytes: number } | undefined;
      return elem === undefined || counter === undefined
        ? []
        : [{ key: keyParts({ elem }), packets: counter.packets, bytes: counter.bytes }];
    }),
  );
}

/** The parts of an element's key in nft's JSON, as text. */
export function keyParts(key: unknown): string[] {
  if (typeof key === 'object' && key !== null) {
    const { elem, concat } = key as { elem?: { val?: unknown }; concat?: unknown[] };
    if (elem !== undefined) return keyParts(elem.val);
    if (concat !== undefined) return concat.flatMap(keyParts);
  }
  return [String(key)];
}
