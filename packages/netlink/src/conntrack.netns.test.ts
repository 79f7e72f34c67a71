import assert from 'node:assert/strict';
import test from 'node:test';
import { parseIpv4 } from '@weft/core/ipv4';
import { netnsCreateUnpinned } from '@weft/sys/netns';
import { Conntrack } from './conntrack.ts';

const [a, b, c] = [parseIpv4('10.0.0.1'), parseIpv4('10.0.0.2'), parseIpv4('10.0.0.3')];

/** The same connections in two zones: a→b, b→c, c→a; as text. */
function connections(filteredDeletes: boolean | undefined) {
  const stack = new DisposableStack();
  const netns = stack.use(netnsCreateUnpinned());
  const conntrack = stack.use(Conntrack.open(netns, filteredDeletes === undefined ? {} : { filteredDeletes }));
  for (const zone of [101, 102]) {
    for (const [source, destination] of [
      [a, b],
      [b, c],
      [c, a],
    ] as const) {
      conntrack.addUdp({ zone, source, destination, sourcePort: 1000, destinationPort: 53 }, 600);
    }
  }
  const left = () => conntrack.list().map(({ zone, source, destination }) => `${zone} ${source.at(-1)}→${destination.at(-1)}`);
  return { conntrack, left: () => left().toSorted(), [Symbol.dispose]: () => stack.dispose() };
}

for (const filteredDeletes of [undefined, false]) {
  const how = filteredDeletes === false ? 'one by one' : 'as this kernel does best';

  test(`deleting the connections of an address (${how}) leaves other addresses and zones alone`, () => {
    using setup = connections(filteredDeletes);
    setup.conntrack.deleteByAddress(101, a);
    assert.deepEqual(setup.left(), ['101 2→3', '102 1→2', '102 2→3', '102 3→1']);
    setup.conntrack.deleteByAddress(101, a);
  });

  test(`deleting the connections of a zone (${how}) leaves other zones alone`, () => {
    using setup = connections(filteredDeletes);
    setup.conntrack.deleteByZone(102);
    assert.deepEqual(setup.left(), ['101 1→2', '101 2→3', '101 3→1']);
    setup.conntrack.deleteByZone(102);
  });
}

test('deleting the connections of a mark leaves other marks and zones alone', () => {
  using setup = connections(undefined);
  for (const [zone, mark] of [
    [101, 7],
    [101, 8],
    [102, 7],
  ] as const) {
    setup.conntrack.addUdp({ zone, source: a, destination: b, sourcePort: mark, destinationPort: 53, mark }, 600);
  }
  setup.conntrack.deleteByMark(101, 7);
  const marked = setup.conntrack.list().flatMap(({ zone, mark }) => (mark === 0 ? [] : [`${zone} ${mark}`]));
  assert.deepEqual([marked.toSorted(), setup.left().length], [['101 8', '102 7'], 8]);
});

test('one connection of several between the same addresses is deleted, and the others stay', () => {
  using setup = connections(undefined);
  for (const sourcePort of [2000, 2001]) {
    setup.conntrack.addUdp({ zone: 101, source: a, destination: b, sourcePort, destinationPort: 80 }, 600);
  }
  const before = setup.conntrack.list();
  setup.conntrack.deleteMatching((entry) => entry.zone === 101 && entry.sourcePort === 2000);
  setup.conntrack.deleteMatching(() => false);
  const line = ({ zone, source, destination, sourcePort }: (typeof before)[number]) => `${zone} ${source} ${destination} ${sourcePort}`;
  assert.deepEqual(new Set(setup.conntrack.list().map(line)), new Set(before.filter(({ sourcePort }) => sourcePort !== 2000).map(line)));
});

test('connections get another mark, and others keep theirs', () => {
  using setup = connections(undefined);
  setup.conntrack.remark(({ zone, source }) => zone === 101 && source === a, 9);
  const marks = setup.conntrack.list().map(({ zone, source, mark }) => `${zone} ${source} ${mark}`);
  assert.deepEqual(
    marks.filter((line) => !line.endsWith(' 0')),
    [`101 ${a} 9`],
  );
});

test('a listed connection has its zone, protocol, addresses and ports', () => {
  using setup = connections(false);
  setup.conntrack.deleteByZone(102);
  setup.conntrack.deleteByAddress(101, c);
  assert.deepEqual(setup.conntrack.list(), [
    {
      zone: 101,
      protocol: 17,
      source: a,
      destination: b,
      sourcePort: 1000,
      destinationPort: 53,
      icmpType: undefined,
      icmpCode: undefined,
      reply: { source: b, destination: a, sourcePort: 53, destinationPort: 1000 },
      mark: 0,
      isLed: false,
      isPickedUp: false,
    },
  ]);
});
