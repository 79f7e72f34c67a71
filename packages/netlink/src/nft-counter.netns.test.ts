import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4ToBytes, parseIpv4 } from '@weft/core/ipv4';
import { macToBytes, parseMac } from '@weft/core/mac';
import { netnsCreateUnpinned } from '@weft/sys/netns';
import { NftContext } from '@weft/sys/nft';
import { NftCounters, nftIfname, nftKey, nftMark } from './nft-counter.ts';

const RULES = `
table bridge t {
  set ports { typeof iifname . meta mark; size 64; flags dynamic; counter; elements = { "wp1" . 3 counter packets 5 bytes 4294967297 } }
  set macs { typeof iifname . ether saddr; size 64; flags dynamic; counter; elements = { "wx1" . 02:00:00:00:00:01 counter packets 2 bytes 9 } }
  set plain { type mark; elements = { 7 } }
}
table inet t {
  set marks { typeof meta mark; size 64; flags dynamic; counter; elements = { 0x30000007 counter packets 1 bytes 60 } }
}
table ip t {
  set addresses { typeof ip saddr . meta mark; size 64; flags dynamic,timeout; timeout 1d; counter; elements = { 10.0.0.5 . 2 counter packets 7 bytes 700 } }
}
`;

test('an element’s counter is read by its key, whatever the key is made of', () => {
  using netns = netnsCreateUnpinned();
  using nft = NftContext.open(netns);
  nft.run(RULES);
  using counters = NftCounters.open(netns);
  const bridge = (set: string) => ({ family: 'bridge', table: 't', set }) as const;
  assert.deepEqual(counters.read(bridge('ports'), nftKey(nftIfname('wp1'), nftMark(3))), { packets: 5, bytes: 4_294_967_297 });
  const mac = macToBytes(parseMac('02:00:00:00:00:01'));
  assert.deepEqual(counters.read(bridge('macs'), nftKey(nftIfname('wx1'), mac)), { packets: 2, bytes: 9 });
  assert.deepEqual(counters.read({ family: 'inet', table: 't', set: 'marks' }, nftMark(0x30000007)), { packets: 1, bytes: 60 });
  const address = ipv4ToBytes(parseIpv4('10.0.0.5'));
  assert.deepEqual(counters.read({ family: 'ip', table: 't', set: 'addresses' }, nftKey(address, nftMark(2))), { packets: 7, bytes: 700 });
});

test('what is not there, or counts nothing, is undefined; a key that cannot be one of the set is an error', () => {
  using netns = netnsCreateUnpinned();
  using nft = NftContext.open(netns);
  nft.run(RULES);
  using counters = NftCounters.open(netns);
  const key = nftKey(nftIfname('wp1'), nftMark(4));
  assert.equal(counters.read({ family: 'bridge', table: 't', set: 'ports' }, key), undefined);
  assert.equal(counters.read({ family: 'bridge', table: 't', set: 'none' }, key), undefined);
  assert.equal(counters.read({ family: 'bridge', table: 'none', set: 'ports' }, key), undefined);
  assert.equal(counters.read({ family: 'bridge', table: 't', set: 'plain' }, nftMark(7)), undefined);
  assert.throws(() => counters.read({ family: 'bridge', table: 't', set: 'ports' }, nftMark(4)), { errno: 'EINVAL' });
});
