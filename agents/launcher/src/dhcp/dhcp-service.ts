import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gatewayKey } from '@weft/core/plan/gateway';
import { planRefText } from '@weft/core/plan/plan';
import type { Plan } from '@weft/core/plan/plan';
import { parseUuid } from '@weft/core/uuid';
import type { ConcentratorId } from '@weft/core/uuid';
import type { ErrorInfo } from '@weft/core/weft-error';
import type { DataplanePort } from '../dataplane-port.ts';
import type { Follower, Scope } from '../reconciler.ts';
import { ByGateway } from './by-gateway.ts';
import { GatewayDhcp } from './gateway-dhcp.ts';
import type { GatewayChanges, GatewayDhcpDeps } from './gateway-dhcp.ts';

export type DhcpServiceOptions = Readonly<{
  stateDir: string;
  runDir: string;
  /** What names of tenants end with. */
  domain: string;
  bootId: string;
  environment: Readonly<Record<string, string>>;
}>;

export type DhcpServiceDeps = Omit<GatewayDhcpDeps, 'onChange'> &
  Readonly<{
    dataplane: Pick<DataplanePort, 'gatewayNetns'>;
    /** `failures` changed. */
    onFailures: () => void;
  }>;

/** DHCP and DNS for all gateways that this node hosts. */
export class DhcpService implements Follower {
  readonly #options: DhcpServiceOptions;
  readonly #deps: DhcpServiceDeps;
  readonly #gateways = new Map<ConcentratorId, GatewayDhcp>();
  readonly #hosts = new ByGateway('dhcphost');
  readonly #names = new ByGateway('dnsname');

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
    for (const [id, gatewayChanges] of changes) {
      const key = gatewayKey(id);
      const body = plan.get('gateway', key);
      if (body === undefined) continue;
      // Without its interfaces the server cannot start; the data path's failure is reported and retried, and we with it.
      if (failed.has(planRefText({ kind: 'gateway', key }))) this.#gateways.get(id)?.leaveOldNamespace();
      else this.#gateway(id).apply(body, { hosts: this.#hosts.of(id), names: this.#names.of(id) }, gatewayChanges);
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
    const { stateDir, runDir, domain, bootId, environment } = this.#options;
    const options = {
      concentratorId: id,
      runDirectory: join(runDir, 'gateways', id),
      stateDirectory: join(stateDir, 'gateways', id),
      netnsPath: this.#deps.dataplane.gatewayNetns(id),
      domain,
      bootId,
      environment,
    };
    const gateway = new GatewayDhcp(options, { ...this.#deps, onChange: this.#deps.onFailures });
    this.#gateways.set(id, gateway);
    return gateway;
  }

  #reindex(plan: Plan): ReadonlyMap<ConcentratorId, 'all'> {
    this.#hosts.takeAll(plan);
    this.#names.takeAll(plan);
    return new Map(Array.from(plan.of('gateway').values(), ({ concentratorId }) => [concentratorId, 'all']));
  }

  #index(plan: Plan, scope: ReadonlyMap<string, { kind: string; key: string }>): Map<ConcentratorId, GatewayChanges | 'all'> {
    type Mutable = { readonly [K in keyof GatewayChanges]: GatewayChanges[K][number][] };
    const changes = new Map<ConcentratorId, Mutable>();
    const whole = new Set<ConcentratorId>();
    const of = (id: ConcentratorId): Mutable => {
      const known = changes.get(id) ?? { hosts: [], names: [] };
      changes.set(id, known);
      return known;
    };
    for (const { kind, key } of scope.values()) {
      if (kind === 'gateway') whole.add(key as ConcentratorId);
      if (kind === 'dhcphost') for (const [id, change] of this.#hosts.take(plan, key)) of(id).hosts.push(change);
      if (kind === 'dnsname') for (const [id, change] of this.#names.take(plan, key)) of(id).names.push(change);
    }
    return new Map<ConcentratorId, GatewayChanges | 'all'>([...changes, ...Array.from(whole, (id) => [id, 'all'] as const)]);
  }
}

function asConcentratorId(name: string): ConcentratorId[] {
  try {
    return parseUuid<ConcentratorId>(name) === name ? [name as ConcentratorId] : [];
  } catch {
    return [];
  }
}
