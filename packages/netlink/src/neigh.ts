import { ipv4FromBytes, ipv4ToBytes } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
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
import type { NetlinkRequest, Rtnl } from './rtnl.ts';

const AF_INET = 2;

export const NEIGH_PERMANENT = NUD_PERMANENT;

/** An IPv4 neighbour. `state` is a NUD_* bit ({@link NEIGH_PERMANENT} for those that we write), `flags` NTF_*. */
export type Neigh = Readonly<{ index: number; address: Ipv4; mac: Mac | undefined; state: number; flags: number }>;

/** Inner IP → MAC on a bridge: what its suppressing ports answer ARP from. */
export type NeighSpec = Readonly<{ index: number; address: Ipv4; mac: Mac }>;

/** All IPv4 neighbours of the namespace, also those that are being resolved (without a MAC). Throws NetlinkError. */
export function neighList(rtnl: Rtnl): Neigh[] {
  const messages = rtnl.dump({ type: RTM_GETNEIGH, body: (m) => m.raw(encodeNeighbourHeader({ family: AF_INET })) });
  return messages.flatMap((message) => {
    const { index, state, flags, attributes } = decodeNeighbour(message);
    const address = attributes.atLeast(NDA_DST, 4);
    const mac = attributes.bytes(NDA_LLADDR);
    if (address === undefined) return [];
    return [{ index, address: ipv4FromBytes(address), mac: mac?.length === 6 ? macFromBytes(mac) : undefined, state, flags }];
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
      m.raw(encodeNeighbourHeader({ family: AF_INET, index, state: NUD_PERMANENT }));
      m.bytes(NDA_DST, ipv4ToBytes(address));
      m.bytes(NDA_LLADDR, macToBytes(mac));
    },
  };
}

/** Throws NetlinkError; ENOENT if it is not there. */
export function neighDelete(rtnl: Rtnl, spec: Readonly<{ index: number; address: Ipv4 }>): void {
  rtnl.request(neighDeleteRequest(spec));
}

export function neighDeleteRequest({ index, address }: Readonly<{ index: number; address: Ipv4 }>): NetlinkRequest {
  return {
    type: RTM_DELNEIGH,
    what: `${address} on link ${index}`,
    body: (m) => {
      m.raw(encodeNeighbourHeader({ family: AF_INET, index }));
      m.bytes(NDA_DST, ipv4ToBytes(address));
    },
  };
}
