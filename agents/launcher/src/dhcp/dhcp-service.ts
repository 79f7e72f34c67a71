import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DhcpHostBody } from '@weft/core/plan/dhcphost';
import { gatewayKey } from '@weft/core/plan/gateway';
import { planRefText } from '@weft/core/plan/plan';
import type { Plan } from '@weft/core/plan/plan';
import { parseUuid } from '@weft/core/uuid';
import type { ConcentratorId } from '@weft/core/uuid';
import type { ErrorInfo } from '@weft/core/weft-error';
import type { DataplanePort } from '../dataplane-port.ts';
import type { Follower, Scope } from '../reconciler.ts';
import { GatewayDhcp } from './gateway-dhcp.ts';
import type { GatewayDhcpDeps, HostChange } from './gateway-dhcp.ts';
import { hostFileName } from './hosts-directory.ts';

export type DhcpServiceOptions = Readonly<{
  stateDir: string;
  runDir: string;
  bootId: string;
  environment: Readonly<Record<string, string>>;
}>;

export type DhcpServiceDeps = Omit<GatewayDhcpDeps, 'onChange'> &
  Readonly<{
    dataplane: Pick<DataplanePort, 'gatewayNetns'>;
    /** `failures` changed. */
    onFailures: () => void;
  }>;

type Hosts = Map<string, DhcpHostBody>;

/** DHCP for all gateways that this node hosts. */
export class DhcpService implements Follower {
  readonly #options: DhcpServiceOptions;
  readonly #deps: DhcpServiceDeps;
  readonly #gateways = new Map<ConcentratorId, GatewayDhcp>();
  /** The plan's hosts by gateway and file name, kept so that one change does not cost a walk over all. */
  #hosts = new Map<ConcentratorId, Hosts>();
  /** Plan key → whose host it is. */
  #owners = new Map<string, ConcentratorId>();

  constructor(options: DhcpServiceOptions, deps: DhcpServiceDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** A namespace lives on as long as a process does: servers of gateways that leave the plan end first. */
  retire(plan: Plan, scope: Scope): Promise<void> | undefined {
    const leaving = this.#named(scope).filter((id) => plan.get('gateway', gatewayKey(id)) === undefined);
    return leaving.length === 0 ? undefined : this.#remove(leaving);
  }

  apply(plan: Plan, scope: Scope, failed: ReadonlyMap<string, ErrorInfo>): void {
    const changes = typeof scope === 'string' ? this.#reindex(plan) : this.#index(plan, scope);
    for (const [id, hostChanges] of changes) {
      const key = gatewayKey(id);
      const body = plan.get('gateway', key);
      // Without its interfaces the server cannot start; the data path's failure is reported and retried, and we with it.
      if (body === undefined || failed.has(planRefText({ kind: 'gateway', key }))) continue;
      this.#gateway(id).apply(body, this.#hosts.get(id) ?? new Map(), hostChanges);
    }
  }

  failures(): ReadonlyMap<string, ErrorInfo> {
    const failures = new Map<string, ErrorInfo>();
    for (const [id, { failure }] of this.#gateways) {
      if (failure !== undefined) failures.set(planRefText({ kind: 'gateway', key: gatewayKey(id) }), failure);
    }
    return failures;
  }

  /** Lets go of all servers, which run on. */
  close(): void {
    for (const gateway of this.#gateways.values()) gateway.release();
  }

  /** The gateways that a scope may remove. */
  #named(scope: Scope): ConcentratorId[] {
    if (scope === 'known') return [];
    if (scope === 'all') return [...new Set([...this.#gateways.keys(), ...this.#onDisk()])];
    return [...scope.values()].flatMap(({ kind, key }) => (kind === 'gateway' ? [key as ConcentratorId] : []));
  }

  #onDisk(): ConcentratorId[] {
    return [this.#options.runDir, this.#options.stateDir].flatMap((directory) => {
      try {
        return readdirSync(join(directory, 'gateways')).flatMap(asConcentratorId);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw error;
      }
    });
  }

  async #remove(ids: readonly ConcentratorId[]): Promise<void> {
    await Promise.all(ids.map((id) => this.#gateway(id).remove()));
    for (const id of ids) this.#gateways.delete(id);
  }

  #gateway(id: ConcentratorId): GatewayDhcp {
    const known = this.#gateways.get(id);
    if (known !== undefined) return known;
    const { stateDir, runDir, bootId, environment } = this.#options;
    const options = {
      concentratorId: id,
      runDirectory: join(runDir, 'gateways', id),
      stateDirectory: join(stateDir, 'gateways', id),
      netnsPath: this.#deps.dataplane.gatewayNetns(id),
      bootId,
      environment,
    };
    const gateway = new GatewayDhcp(options, { ...this.#deps, onChange: this.#deps.onFailures });
    this.#gateways.set(id, gateway);
    return gateway;
  }

  #reindex(plan: Plan): ReadonlyMap<ConcentratorId, 'all'> {
    this.#hosts = new Map();
    this.#owners = new Map();
    for (const [key, host] of plan.of('dhcphost')) this.#put(key, host);
    return new Map(Array.from(plan.of('gateway').values(), ({ concentratorId }) => [concentratorId, 'all']));
  }

  #index(plan: Plan, scope: ReadonlyMap<string, { kind: string; key: string }>): Map<ConcentratorId, readonly HostChange[] | 'all'> {
    const changes = new Map<ConcentratorId, HostChange[] | 'all'>();
    const note = (id: ConcentratorId, change: HostChange): void => {
      const known = changes.get(id);
      if (known === undefined) changes.set(id, [change]);
      else if (known !== 'all') known.push(change);
    };
    for (const { kind, key } of scope.values()) {
      if (kind === 'gateway') changes.set(key as ConcentratorId, 'all');
      if (kind !== 'dhcphost') continue;
      const owner = this.#owners.get(key);
      const before = owner === undefined ? undefined : this.#take(key, owner);
      const host = plan.get('dhcphost', key);
      if (owner !== undefined && before !== undefined && owner !== host?.concentratorId)
        note(owner, { name: hostFileName(before), host: undefined });
      if (host === undefined) continue;
      this.#put(key, host);
      note(host.concentratorId, { name: hostFileName(host), host });
    }
    return changes;
  }

  #put(key: string, host: DhcpHostBody): void {
    const hosts = this.#hosts.get(host.concentratorId);
    if (hosts === undefined) this.#hosts.set(host.concentratorId, new Map([[hostFileName(host), host]]));
    else hosts.set(hostFileName(host), host);
    this.#owners.set(key, host.concentratorId);
  }

  #take(key: string, owner: ConcentratorId): DhcpHostBody | undefined {
    this.#owners.delete(key);
    const hosts = this.#hosts.get(owner);
    const name = key.replace('/', '-');
    const host = hosts?.get(name);
    hosts?.delete(name);
    return host;
  }
}

function asConcentratorId(name: string): ConcentratorId[] {
  try {
    return parseUuid<ConcentratorId>(name) === name ? [name as ConcentratorId] : [];
  } catch {
    return [];
  }
}
