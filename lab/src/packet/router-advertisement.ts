import type { Mac } from '@weft/core/mac';
import { concatBytes, viewOf } from '@weft/core/packet/bytes';
import { internetChecksum } from '@weft/core/packet/checksum';
import { encodeEthernet, ETHERTYPE_IPV6 } from '@weft/core/packet/ethernet';

const ICMPV6 = 58;
/** An option type for experiments (RFC 4727), which hosts skip; it carries the probe's mark. */
const EXPERIMENT = 253;

/**
 * An IPv6 router advertisement to all nodes, as a workload would forge it to become everybody's router: from fe80::bad, lifetime 1800 s,
 * with `mark` in an option that hosts skip (its length must be 8n − 2 to stay unpadded; zeros fill the rest). Source: RFC 4861 §4.2.
 */
export function encodeRouterAdvertisement(source: Mac, mark: Uint8Array): Uint8Array {
  const units = Math.ceil((2 + mark.length) / 8);
  const body = new Uint8Array(16 + units * 8);
  const view = viewOf(body);
  view.setUint8(0, 134);
  view.setUint8(4, 64);
  view.setUint16(6, 1800);
  view.setUint8(16, EXPERIMENT);
  view.setUint8(17, units);
  body.set(mark, 18);
  const from = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b, 0xad);
  const to = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
  const pseudoTail = Uint8Array.of(0, 0, body.length >> 8, body.length & 255, 0, 0, 0, ICMPV6);
  view.setUint16(2, internetChecksum(concatBytes(from, to, pseudoTail, body)));
  const header = Uint8Array.of(0x60, 0, 0, 0, body.length >> 8, body.length & 255, ICMPV6, 255);
  const payload = concatBytes(header, from, to, body);
  return encodeEthernet({ destination: '33:33:00:00:00:01' as Mac, source, etherType: ETHERTYPE_IPV6, payload });
}
