/**
 * Takes concentrators away that nothing has used for a while: an idle tenant costs nothing. Level-triggered: what is unused is read from the
 * state, after a restart as after a commit. When the time is up the command looks again, so a use in between keeps the concentrator.
 */
import { isConcentratorUsed, retireConcentrator } from '@weft/core/command/concentrator';
import type { Concentrator, Resource, ResourceKind, ResourceOf } from '@weft/core/resource';
import type { ConcentratorId, TenantId } from '@weft/core/uuid';
import type { Logger } from '@weft/ssntp/logger';
import type { Cluster, Published } from './cluster.ts';
import type { ControllerClock } from './link.ts';

export type RetirementOptions = Readonly<{ idleMs: number }>;
export type RetirementDeps = Readonly<{ cluster: Cluster; clock: ControllerClock; log: Logger }>;

export class Retirement {
  readonly #options: RetirementOptions;
  readonly #deps: RetirementDeps;
  /** Of those that are unused: when their time is up. */
  readonly #timers = new Map<ConcentratorId, unknown>();
  #closed = false;

  constructor(options: RetirementOptions, deps: RetirementDeps) {
    this.#options = options;
    this.#deps = deps;
    deps.cluster.listen({ published: (commit) => this.#published(commit), flushed: () => undefined });
    for (const concentrator of deps.cluster.state.concentrators.values()) this.#consider(concentrator);
  }

  close(): void {
    this.#closed = true;
    for (const id of this.#timers.keys()) this.#keep(id);
  }

  /** Only what can begin or end a use is looked at: ports alone are none, and there are many. */
  #published({ changes }: Published): void {
    const tenants = new Set<TenantId>();
    for (const record of [...changes.put, ...changes.remove]) {
      if (isUse(record)) tenants.add(this.#gatewaysOf(record));
      if (record.kind === 'concentrator' && !this.#deps.cluster.state.concentrators.has(record.id)) this.#keep(record.id);
    }
    for (const tenantId of tenants) {
      for (const concentrator of this.#deps.cluster.state.concentratorsOf(tenantId)) this.#consider(concentrator);
    }
  }

  /** Whose gateways are used: a workload on a shared network uses those of the network's project. */
  #gatewaysOf(record: Use): TenantId {
    const { state } = this.#deps.cluster;
    const port = record.kind === 'instance' ? state.ports.get(record.portId) : undefined;
    return (port === undefined ? undefined : state.networks.get(port.networkId)?.tenantId) ?? record.tenantId;
  }

  #consider(concentrator: Concentrator): void {
    const { cluster, clock } = this.#deps;
    const { id } = concentrator;
    if (isConcentratorUsed(cluster.state, concentrator)) return this.#keep(id);
    if (this.#timers.has(id) || this.#closed) return;
    this.#timers.set(
      id,
      clock.setTimeout(() => void this.#retire(id), this.#options.idleMs),
    );
  }

  /** It is used, or gone. */
  #keep(id: ConcentratorId): void {
    this.#deps.clock.clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  async #retire(id: ConcentratorId): Promise<void> {
    const { cluster, log } = this.#deps;
    this.#timers.delete(id);
    try {
      const { remove } = await cluster.decide((state) => retireConcentrator(state, id));
      for (const record of remove) {
        if (record.kind === 'concentrator')
          log.info({ concentrator: id, tenant: record.tenantId }, 'concentrator retired: nothing uses it');
      }
    } catch (error) {
      // The store has failed: this process ends, and the next one considers it again.
      log.warn({ concentrator: id, err: error }, 'concentrator not retired');
    }
  }
}

type Use = ResourceOf<'instance' | 'floatingIp' | 'portForwarding' | 'natRule' | 'concentrator' | 'network'>;
const USES: ReadonlySet<ResourceKind> = new Set<Use['kind']>([
  'instance',
  'floatingIp',
  'portForwarding',
  'natRule',
  'concentrator',
  'network',
]);

function isUse(record: Resource): record is Use {
  return USES.has(record.kind);
}
