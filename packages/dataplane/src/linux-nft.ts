import { ipToBytes } from '@weft/core/ip';
import { macToBytes } from '@weft/core/mac';
import { nftIfname, nftKey, nftMark } from '@weft/netlink/nft-counter';
import type { NftCount, NftCounters } from '@weft/netlink/nft-counter';
import type { NftContext } from '@weft/sys/nft';
import { NftError } from '@weft/sys/nft';
import type { NftFamily, TableObject } from './kernel-object.ts';
import type { CountingSet, NftChange, SetKey } from './kernel.ts';
import { parseCounted } from './nft-counted.ts';
import type { Counted } from './nft-counted.ts';
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

/** What these elements have counted. */
export function countsOf(counters: NftCounters, { family, name }: CountingSet, keys: readonly SetKey[]): (NftCount | undefined)[] {
  return keys.map((key) => counters.read({ family, table: NFT_TABLE, set: name }, nftKey(...key.map(keyPart))));
}

function keyPart(part: SetKey[number]): Uint8Array {
  if (typeof part === 'number') return nftMark(part);
  if ('link' in part) return nftIfname(part.link);
  return 'mac' in part ? macToBytes(part.mac) : ipToBytes(part.address);
}

/** The whole set, but not the rules beside it. */
function readCounted(nft: NftContext, family: NftFamily, set: string): Counted[] {
  try {
    return parseCounted(nft.json(`list set ${family} ${NFT_TABLE} ${set}`));
  } catch (error) {
    if (error instanceof NftError && String(error.details['text']).includes('No such file or directory')) return [];
    throw error;
  }
}
