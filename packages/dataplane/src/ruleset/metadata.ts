import { METADATA_ADDRESS, METADATA_PORT } from '@weft/core/metadata-address';
import type { TableObject } from '../kernel-object.ts';
import { METADATA_PLACE } from '../names.ts';

/**
 * Rules of the namespace in which the node answers for the metadata address. The fabric lets nothing else through to it (ruleset/fabric.ts,
 * `to_metadata`); this is what holds if that should fail. Nothing passes from one leg to another, and nothing begins here.
 */
export function metadataTable(): TableObject {
  return {
    kind: 'table',
    place: METADATA_PLACE,
    family: 'ip',
    declarations: ['counter refused { }'],
    chains: [
      {
        name: 'input',
        hook: 'type filter hook input priority 0; policy drop;',
        rules: [`ip daddr ${METADATA_ADDRESS} tcp dport ${METADATA_PORT} accept`, 'counter name refused'],
      },
      { name: 'forward', hook: 'type filter hook forward priority 0; policy drop;', rules: ['counter name refused'] },
      {
        name: 'output',
        hook: 'type filter hook output priority 0; policy drop;',
        rules: [`ip saddr ${METADATA_ADDRESS} tcp sport ${METADATA_PORT} tcp flags & (syn | ack) != syn accept`, 'counter name refused'],
      },
    ],
  };
}
