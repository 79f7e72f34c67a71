import { ipFromBytes, ipToBytes } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import { macFromBytes, macToBytes } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import { NLM_F_CREATE, NLM_F_REPLACE } from './codec/message.ts';
import {
  NDA_DST,
  NDA_LLADDR,
  NUD_PERMANENT,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
  decodeNeighbour,
  encodeNeighbourHeader,
} from './neighbour-message.ts';
import { AF_INET, AF_INET6, familyOf } from './family.ts';
import type { NetlinkRequest, Rtnl } from './rtnl.ts';

export const NEIGH_PERMANENT = NUD_PERMANENT;

/** A neighbour. `state` is a NUD_* bit ({@link NEIGH_PERMANENT} for those that we write), `flags` NTF_*. */
export type Neigh = Readonly<{ index: number; address: IpAddress; mac: Mac | undefined; state: number; flags: number }>;

/** Inner IP → MAC on a bridge: what its suppressing ports answer ARP and neighbour discovery from. */
export type NeighSpec = Readonly<{ index: number; address: IpAddress; mac: Mac }>;

/** All neighbours of the namespace, IPv4 first, also those that are being resolved (without a MAC). Throws NetlinkError. */
export function neighList(rtnl: Rtnl): Neigh[] {
  const messages = [AF_INET, AF_INET6].flatMap((family) =>
    rtnl.dump({ type: RTM_GETNEIGH, body: (m) => m.raw(encodeNeighbourHeader({ family })) }),
  );
  return messages.flatMap((message) => {
    const { index, state, flags, attributes } = decodeNeighbour(message);
    const address = attributes.atLeast(NDA_DST, 4);
    const mac = attributes.bytes(NDA_LLADDR);
    if (address === undefined) return [];
    return [{ index, address: ipFromBytes(address), mac: mac?.length === 6 ? macFromBytes(mac) : undefined, state, flags }];
  });
}

/** Writes a permanent neighbour, as `ip neigh replace … nud permanent`. Throws NetlinkError, ENODEV. */
export function neighReplace(rtnl: Rtnl, spec: NeighSpec): void {
  rtnl.request(neighReplaceRequest(spec));
}

export function neighReplaceRequest({ index, address, mac }: NeighSpec): NetlinkRequest {
  return {
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    what: `${address} on link ${index}`,
    body: (m) => {
      m.raw(encodeNeighbourHeader({ family: familyOf(address), index, state: NUD_PERMANENT }));
      m.bytes(NDA_DST, ipToBytes(address));
      m.bytes(NDA_LLADDR, macToBytes(mac));
    },
  };
}

/** Throws NetlinkError; ENOENT if it is not there. */
export function neighDelete(rtnl: Rtnl, spec: Readonly<{ index: number; address: IpAddress }>): void {
  rtnl.request(neighDeleteRequest(spec));
}

export function neighDeleteRequest({ index, address }: Readonly<{ index: number; address: IpAddress }>): NetlinkRequest {
  return {
    type: RTM_DELNEIGH,
    what: `${address} on link ${index}`,
    body: (m) => {
      m.raw(encodeNeighbourHeader({ family: familyOf(address), index }));
      m.bytes(NDA_DST, ipToBytes(address));
    },
  };
}
