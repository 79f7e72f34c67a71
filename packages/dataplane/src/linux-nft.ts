import type { NftContext } from '@weft/sys/nft';
import { NftError } from '@weft/sys/nft';
import type { NftFamily, TableObject } from './kernel-object.ts';
import type { Counted, NftChange } from './kernel.ts';
import { parseCounted } from './nft-observed.ts';
import { NFT_TABLE, nftTransaction } from './nft-text.ts';
import type { Carried } from './nft-text.ts';
import { COUNTING_SETS } from './ruleset/drops.ts';

/**
 * Carries out a change. A table that replaces another one takes over what that has counted; what is counted between reading and replacing is
 * lost. Another release may have counted otherwise: if the kernel refuses its counts, they are left.
 */
export function nftTransact(nft: NftContext, change: NftChange, sha256: (text: string) => string): void {
  const tables = change.put.filter((object): object is TableObject => object.kind === 'table');
  const carried = tables.flatMap(({ family, declarations }) =>
    COUNTING_SETS.filter((set) => declarations.some((text) => text.startsWith(`set ${set} `))).flatMap((set): Carried[] =>
      readCounted(nft, family, set).map((counted) => ({ ...counted, family, set })),
    ),
  );
  if (carried.length > 0) {
    try {
      nft.run(nftTransaction(change, sha256, carried));
      return;
    } catch (error) {
      if (!(error instanceof NftError)) throw error;
    }
  }
  nft.run(nftTransaction(change, sha256));
}

/** The set alone is read, not the rules beside it. */
export function readCounted(nft: NftContext, family: NftFamily, set: string): Counted[] {
  try {
    return parseCounted(nft.json(`list set ${family} ${NFT_TABLE} ${set}`));
  } catch (error) {
    if (error instanceof NftError && String(error.details['text']).includes('No such file or directory')) return [];
    throw error;
  }
}
