import { encodeLinkHeader } from '@weft/netlink/link-message';
import { linkList, linkSetRequests } from '@weft/netlink/link';
import type { Link } from '@weft/netlink/link';
import { isAbsent } from '@weft/netlink/netlink-error';
import type { Rtnl } from '@weft/netlink/rtnl';

/**
 * Links on their way out. To delete one takes the kernel some 17 ms, in which no link on the whole machine can be changed; to delete a
 * hundred of one *group* takes hardly longer (kernel.md §3). So a link is only taken out of use – down, out of its bridge, under a name that
 * says what it is – and all of a namespace are deleted in one message. A bridge takes its 17 ms each, group or not, and a group of them would
 * hold everybody up for the sum: bridges are in no group and are deleted one by one. What a killed process left so is found by the name.
 */

/** Any number that nobody else is likely to use: the bytes of `weft`. */
const TRASH_GROUP = 0x7765_6674;
const RTM_DELLINK = { code: 17, name: 'RTM_DELLINK' };
const IFLA_GROUP = 27;

export const isTrash = (link: Link): boolean => /^wz[0-9a-f]+$/.test(link.name);

/** Takes a link out of use; returns its new name. It waits for {@link trashDelete}, a bridge to be deleted by itself. Throws NetlinkError. */
export function linkTrash(rtnl: Rtnl, link: Link): string {
  const name = `wz${link.index.toString(16)}`;
  // What is still in a bridge leaves it, as it would if the bridge were deleted.
  const ports = link.kind === 'bridge' ? linkList(rtnl, { master: link.index }) : [];
  const out = link.kind === 'bridge' ? { up: false } : { up: false, master: 0, group: TRASH_GROUP };
  // Two messages, sent together: before Linux 6.2 a link is renamed only when it is down.
  const errors = rtnl.batch([
    ...ports.flatMap((port) => linkSetRequests(port.index, { master: 0 })),
    ...linkSetRequests(link.index, out),
    ...linkSetRequests(link.index, { name }),
  ]);
  for (const error of errors) if (error !== undefined) throw error;
  return name;
}

/** Deletes all that were taken out of use in a namespace but bridges; none is success. Throws NetlinkError. */
export function trashDelete(rtnl: Rtnl): void {
  try {
    rtnl.request({
      type: RTM_DELLINK,
      what: 'links taken out of use',
      body: (m) => {
        m.raw(encodeLinkHeader({}));
        m.u32(IFLA_GROUP, TRASH_GROUP);
      },
    });
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}
