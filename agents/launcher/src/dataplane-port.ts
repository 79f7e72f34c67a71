import type { DropCount } from '@weft/core/drop-reason';
import type { IpAddress } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import type { Plan, PlanRef } from '@weft/core/plan/plan';
import type { ConcentratorId, InstanceId, PortId } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';
import type { ErrorInfo } from '@weft/core/weft-error';
import type { Underlay } from './underlay.ts';

type PortTraces = Readonly<{ vni: Vni; mac: Mac }>;

/** What the launcher needs of the data path. It is synchronous and does no more than a few milliseconds' work for a small change. */
export interface DataplanePort {
  /**
   * Reads the kernel back: before the first `apply`, and again on a slow timer. Calls `pause` now and then, since it may take seconds; nothing
   * else is called until it resolves. Undefined if it is done at once. Throws, or rejects, when it cannot.
   */
  observeInParts(pause: () => Promise<void>): Promise<void> | undefined;
  /**
   * Makes the kernel equal to the plan for these resources; one that is not in the plan is removed. `all` is every resource, and the
   * removal of whatever no resource of the plan owns. Returns what failed, by `planRefText`; the rest is applied.
   */
  apply(plan: Plan, changed: Iterable<PlanRef> | 'all'): ReadonlyMap<string, ErrorInfo>;
  /** The node's tunnels end there from the next `apply` of `all` on. */
  relocate(underlay: Underlay): void;
  /** What of the plan is not, or not so, what was applied last, the removed included: what `all` would lay out. */
  pending(plan: Plan): readonly PlanRef[];
  /** Does a little of what `apply` put off, a few milliseconds' work. True: there is more. */
  tidy(): boolean;
  /** Whether somebody took away, since the last look, what `observe` and `apply` would put back. Cheap: it is asked every few seconds. */
  disturbed(): boolean;
  /** What was dropped here of a port, and why. Throws what the kernel throws. */
  portDrops(port: Readonly<{ portId: PortId; concentratorId: ConcentratorId | undefined }> & PortTraces): readonly DropCount[];
  /** The same of a port at its gateway; undefined if that is not here. */
  gatewayDrops(
    port: Readonly<{ concentratorId: ConcentratorId; addresses: readonly IpAddress[]; publicAddresses: readonly Ipv4[] }> & PortTraces,
  ): readonly DropCount[] | undefined;
  /** Where workloads of a segment reach the metadata service, whether it exists or not: an interface of the namespace pinned there. */
  metadataLeg(vni: Vni): Readonly<{ netns: string; ifname: string }>;
  /** Where a workload's namespace is pinned, whether it exists or not. */
  workloadNetns(instanceId: InstanceId): string;
  /** Where a gateway's namespace is pinned, whether it exists or not. */
  gatewayNetns(concentratorId: ConcentratorId): string;
}
