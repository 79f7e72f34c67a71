import { METADATA_ADDRESS, METADATA_PORT } from '@weft/core/metadata-address';
import type { TableObject } from '../kernel-object.ts';
import { METADATA_MAC } from '../names.ts';
import { dropChain } from './drops.ts';

/** Connections to the metadata service a second that a port, and a segment's ports together, may begin; and how many more at once. */
const PORT_RATE = 'limit rate over 20/second burst 200 packets';
const SEGMENT_RATE = 'limit rate over 100/second burst 1000 packets';

export const METADATA_SETS = [
  // Where segments lead to the node's metadata service, and who began connections to it a while ago.
  'set metadata { type ifname; }',
  'set metadata_ports { type ifname; size 65535; flags dynamic,timeout; timeout 10m; }',
  'set metadata_segments { type ifname; size 65535; flags dynamic,timeout; timeout 10m; }',
];

/** In place of a rule's verdict: what a workload sends to the metadata address takes no other way. */
export const TO_METADATA = `ip daddr ${METADATA_ADDRESS} goto asks_metadata`;

/**
 * The metadata service's part of the fabric's bridge table. Who asks is known by (segment, address), so here the address is the port's own,
 * whatever its pairs allow and also where port security is off. Its packets are not tracked: each is judged by the sender's groups, and
 * answers are known by where they come from. They carry the sender's number beside the mark `untracked`; nothing else does.
 */
export function metadataChains(untracked: string): TableObject['chains'] {
  return [
    {
      name: 'asks_metadata',
      hook: undefined,
      rules: [
        `iifname . ether saddr . ip saddr != @addrs goto ${dropChain('port metadata_source sent')}`,
        `ether daddr set ${METADATA_MAC}`,
        'meta mark set iifname map @number',
        `meta mark set meta mark | ${untracked}`,
        'accept',
      ],
    },
    {
      // Its groups have let it out by now.
      name: 'to_metadata',
      hook: undefined,
      rules: [
        `meta mark & ${untracked} != 0 meta mark & 0x1fff != 0 ip daddr ${METADATA_ADDRESS} tcp dport ${METADATA_PORT} goto metadata_rate`,
        `goto ${dropChain('port metadata sent')}`,
      ],
    },
    {
      name: 'metadata_rate',
      hook: undefined,
      rules: [
        'tcp flags & (syn | ack) != syn accept',
        `update @metadata_ports { iifname ${PORT_RATE} } goto ${dropChain('port metadata_rate sent')}`,
        `update @metadata_segments { oifname ${SEGMENT_RATE} } goto ${dropChain('port metadata_rate sent')}`,
        'accept',
      ],
    },
    {
      // It answers, and begins nothing.
      name: 'from_metadata',
      hook: undefined,
      rules: [
        `ether saddr ${METADATA_MAC} arp saddr ether ${METADATA_MAC} arp saddr ip ${METADATA_ADDRESS} arp operation reply accept`,
        `ether saddr ${METADATA_MAC} ip saddr ${METADATA_ADDRESS} tcp sport ${METADATA_PORT} tcp flags & (syn | ack) != syn meta mark set ${untracked} accept`,
        'drop',
      ],
    },
    {
      name: 'answer_metadata',
      hook: undefined,
      rules: ['oifname @tunnels drop', 'oifname @gateways drop', 'oifname @ports accept', 'drop'],
    },
  ];
}
