import { encodeLinkHeader } from '@weft/netlink/link-message';
import { linkDelete, linkSetRequests } from '@weft/netlink/link';
import type { Link } from '@weft/netlink/link';
import { isAbsent } from '@weft/netlink/netlink-error';
import type { Rtnl } from '@weft/netlink/rtnl';

/**
 * Links on their way out. To delete one takes the kernel some 17 ms, in which no link on the whole machine can be changed; to delete a
 * hundred of one *group* takes hardly longer (kernel.md §3). So a link is only taken out of use – down, out of its bridge, under a name that
 * says what it is – and all of a namespace are deleted in one message. What a killed process left so is found by the name.
 */

/** Any number that nobody else is likely to use: the bytes of `weft`. */
const TRASH_GROUP = 0x7765_6674;
const RTM_DELLINK = { code: 17, name: 'RTM_DELLINK' };
const IFLA_GROUP = 27;

export const isTrash = (link: Link): boolean => /^wz[0-9a-f]+$/.test(link.name);

/** Takes a link out of use. True: it waits for {@link trashDelete}. Throws NetlinkError. */
export function linkTrash(rtnl: Rtnl, link: Link): boolean {
  // A bridge takes its 17 ms each, group or not, and a group of them holds everybody up for the sum.
  if (link.kind === 'bridge') {
    linkDelete(rtnl, link.index);
    return false;
  }
  // Two messages, sent together: before Linux 6.2 a link is renamed only when it is down.
  const errors = rtnl.batch([
    ...linkSetRequests(link.index, { up: false, master: 0, group: TRASH_GROUP }),
    ...linkSetRequests(link.index, { name: `wz${link.index.toString(16)}` }),
  ]);
  for (const error of errors) if (error !== undefined) throw error;
  return true;
}

/** Deletes all that were taken out of use in a namespace; none is success. Throws NetlinkError. */
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
