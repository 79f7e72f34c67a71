import assert from 'node:assert/strict';
import test from 'node:test';
import { NETLINK_ROUTE, NetlinkFd } from '@weft/sys/netlink-fd';
import { netnsCreateUnpinned } from '@weft/sys/netns';
import { isSysError } from '@weft/sys/sys-error';
import { decodeMessages } from './codec/message.ts';
import { decodeLink } from './link-message.ts';
import { linkAdd, linkGet, linkSetRequests } from './link.ts';
import { Rtnl } from './rtnl.ts';

const RTNLGRP_LINK = 1;
const bridge = { stp: 0, mcastSnooping: 0, nfCallIptables: 0, nfCallIp6tables: 0, nfCallArptables: 0 };

test('a socket that joined a group hears of changes; without any it has nothing', () => {
  using netns = netnsCreateUnpinned();
  using rtnl = Rtnl.open(netns);
  using events = NetlinkFd.open(NETLINK_ROUTE, netns);
  linkAdd(rtnl, { name: 'before', kind: 'bridge', bridge });
  events.join(RTNLGRP_LINK);
  assert.equal(events.receiveNow(), undefined);
  linkAdd(rtnl, { name: 'after', kind: 'bridge', bridge });
  const heard = decodeMessages(events.receive()).map((message) => decodeLink(message).name);
  assert.deepEqual(new Set(heard), new Set(['after']));
});

test('more events than the queue holds are ENOBUFS: read everything again', () => {
  using netns = netnsCreateUnpinned();
  using rtnl = Rtnl.open(netns);
  using events = NetlinkFd.open(NETLINK_ROUTE, netns);
  events.join(RTNLGRP_LINK);
  linkAdd(rtnl, { name: 'br', kind: 'bridge', up: true, bridge });
  const index = linkGet(rtnl, 'br')?.index ?? 0;
  // Each change of the alias of a device that is up is an event of some kB; the queue holds 16 MiB.
  assert.throws(
    () => {
      for (let round = 0; round < 40; round++) {
        rtnl.batch(Array.from({ length: 500 }, (_, number) => linkSetRequests(index, { alias: `${round}-${number}` })).flat());
      }
      for (;;) assert.ok(events.receiveNow() !== undefined, 'no event was lost');
    },
    (error) => isSysError(error, 'ENOBUFS'),
  );
});
