import type { Cidr } from '@weft/core/cidr';
import { parseCidr } from '@weft/core/cidr';
import { PayloadMap } from '../payload-map.ts';

/**
 * The cluster's configuration, under `configure:` in CONNECTED and CONFIGURE. Of the original's sections (ssntp.md §11.1) those keys are kept
 * that Weft's nodes use; what is Weft's own is in `weft`, which only its consumers read.
 */
export type Configure = Readonly<{
  launcher: Readonly<{
    compute_net: readonly Cidr[];
    mgmt_net: readonly Cidr[];
    /** Whether instances are held to their limits; both true when not given. */
    disk_limit: boolean;
    mem_limit: boolean;
  }>;
  weft: unknown;
}>;

export function parseConfigure(value: unknown): Configure {
  const map = new PayloadMap(value, 'payload').map('configure');
  const launcher = map.has('launcher') ? map.map('launcher') : new PayloadMap({}, map.pathOf('launcher'));
  return {
    launcher: {
      compute_net: launcher.list('compute_net', parseCidr),
      mgmt_net: launcher.list('mgmt_net', parseCidr),
      disk_limit: launcher.has('disk_limit') ? launcher.boolean('disk_limit') : true,
      mem_limit: launcher.has('mem_limit') ? launcher.boolean('mem_limit') : true,
    },
    weft: map.raw('weft'),
  };
}
