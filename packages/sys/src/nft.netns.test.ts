import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import test from 'node:test';
import { NoLowDescriptor } from './low-descriptors.ts';
import { netnsCreateUnpinned } from './netns.ts';
import { NftContext, NftError, NftUnavailable, loadNftables } from './nft.ts';

function refusal(fn: () => unknown): NftError {
  try {
    fn();
  } catch (error) {
    assert.ok(error instanceof NftError, String(error));
    return error;
  }
  assert.fail('nothing was refused');
}

test('a ruleset is written and listed as text and as JSON', () => {
  using netns = netnsCreateUnpinned();
  using nft = NftContext.open(netns);
  assert.equal(nft.run('add table bridge weft\nadd counter bridge weft loop'), '');
  assert.match(nft.run('list table bridge weft'), /counter loop/);
  const { nftables } = nft.json('list table bridge weft') as { nftables: object[] };
  assert.deepEqual(
    nftables.map((object) => Object.keys(object)[0]),
    ['metainfo', 'table', 'counter'],
  );
  assert.equal(nft.json('add counter bridge weft spoof_mac'), undefined);
});

test('a context keeps to the namespace it was opened on', () => {
  using a = netnsCreateUnpinned();
  using b = netnsCreateUnpinned();
  using inA = NftContext.open(a);
  using inB = NftContext.open(b);
  inA.run('add table inet weft');
  b.run(() => inA.run('add table inet weft2'));
  assert.equal(inB.run('list tables'), '');
  using again = NftContext.open(a);
  assert.equal(again.run('list tables'), 'table inet weft\ntable inet weft2\n');
});

test('a transaction with one bad line changes nothing and names that line', () => {
  using netns = netnsCreateUnpinned();
  using nft = NftContext.open(netns);
  const byTheKernel = refusal(() => nft.run('add table inet weft\nadd chain inet weft c\nadd rule inet weft nowhere accept\n'));
  assert.equal(byTheKernel.code, 'nft_error');
  assert.equal(byTheKernel.details['line'], 'add rule inet weft nowhere accept');
  assert.match(byTheKernel.message, /No such file or directory in: add rule inet weft nowhere accept$/);
  const bySyntax = refusal(() => nft.run('add table inet weft\nadd rule inet weft c blubb\nadd table inet weft3'));
  assert.equal(bySyntax.details['line'], 'add rule inet weft c blubb');
  assert.match(String(bySyntax.details['text']), /syntax error/);
  const single = refusal(() => nft.run('list table inet weft'));
  assert.equal(single.details['line'], 'list table inet weft');
  assert.equal(nft.run('list tables'), '');
});

test('after a refusal the context works as before', () => {
  using netns = netnsCreateUnpinned();
  using nft = NftContext.open(netns);
  refusal(() => nft.run('add table inet weft\nblubb'));
  nft.run('add table inet weft');
  assert.equal(nft.run('list tables'), 'table inet weft\n');
});

test('a NUL, which would cut the transaction short, is refused', () => {
  using netns = netnsCreateUnpinned();
  using nft = NftContext.open(netns);
  refusal(() => nft.run('add table inet weft\n\0add table inet weft2'));
  assert.equal(nft.run('list tables'), '');
});

test('a transaction of a thousand elements is applied whole', () => {
  using netns = netnsCreateUnpinned();
  using nft = NftContext.open(netns);
  const elements = Array.from({ length: 1000 }, (_, number) => `10.0.${number >> 8}.${number & 255}`);
  nft.run(`add table inet weft\nadd set inet weft s { type ipv4_addr; }\nadd element inet weft s { ${elements.join(', ')} }`);
  assert.equal(nft.run('list set inet weft s').match(/10\.0\.\d+\.\d+/g)?.length, 1000);
});

test('a closed context refuses work; closing twice is nothing', () => {
  const nft = NftContext.open();
  nft[Symbol.dispose]();
  nft[Symbol.dispose]();
  assert.throws(() => nft.run('list tables'), /is closed/);
});

test('a missing library says which package to install', () => {
  assert.throws(
    () => loadNftables('libnftables-that-is-missing.so.1'),
    (error) => error instanceof NftUnavailable && error.remedy?.includes('libnftables1') === true,
  );
});

test('it works however many files the process has open, and says so when no low descriptor is left', () => {
  using netns = netnsCreateUnpinned();
  NftContext.open(netns)[Symbol.dispose]();
  const files: number[] = [];
  try {
    while ((files.at(-1) ?? 0) < 1500) files.push(openSync('/dev/null', 'r'));
    const contexts: NftContext[] = [];
    try {
      for (let n = 0; n < 8; n += 1) {
        const nft = NftContext.open(netns);
        contexts.push(nft);
        nft.run(`add table inet weft${n}`);
      }
      assert.throws(() => NftContext.open(netns), NoLowDescriptor);
    } finally {
      for (const nft of contexts) nft[Symbol.dispose]();
    }
    using again = NftContext.open(netns);
    assert.match(again.run('list tables'), /weft3/);
  } finally {
    for (const fd of files) closeSync(fd);
  }
});
