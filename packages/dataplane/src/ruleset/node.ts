import type { TableObject } from '../kernel-object.ts';
import type { NodeFacts } from '../kernel.ts';

/**
 * The only thing that Weft does to a node's own namespace: who may send into a tunnel. Source, interface and destination are checked,
 * because a VXLAN socket receives on every address of the node (datapath.md §1). Outer flows are not tracked.
 */
export function nodeTable(facts: NodeFacts): TableObject {
  return {
    kind: 'table',
    place: 'node',
    family: 'inet',
    declarations: ['counter tunnel_foreign { }', 'set vteps { type ipv4_addr; }'],
    chains: [
      {
        name: 'prerouting',
        hook: 'type filter hook prerouting priority raw; policy accept;',
        rules: [`udp dport ${facts.vxlanPort} jump tunnel`],
      },
      {
        name: 'tunnel',
        hook: undefined,
        rules: [
          `iifname "${facts.underlayInterface}" ip saddr @vteps ip daddr ${facts.vtep} notrack accept`,
          'counter name tunnel_foreign drop',
        ],
      },
      {
        name: 'output',
        hook: 'type filter hook output priority raw; policy accept;',
        rules: [`udp dport ${facts.vxlanPort} notrack`],
      },
    ],
  };
}
