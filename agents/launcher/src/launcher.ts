/**
 * One node's agent (design §9): takes plans from the controller and keeps the node equal to them.
 *
 *     SSNTP ──▶ PlanSync ──▶ Reconciler ──▶ data path, MetadataService, Runner, DhcpService
 *                  │             └─────────▶ Synced
 *           │      ├──▶ PlanStore ──(next start)──▶ PlanSync
 *           │      └──▶ HintSender ──TenantAdded──▶ the host of a segment's gateway
 *           └──TenantAdded──▶ Hints ──▶ Reconciler
 *
 * It starts without a connection: what was saved is applied first, so that whatever runs keeps running. After a boot the saved plan brings
 * back the plumbing only; instances and gateways wait until the controller has confirmed the plan, for they may be elsewhere by now.
 * Stopping leaves the kernel and all processes as they are.
 */
import { createHash } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import type { Cidr } from '@weft/core/cidr';
import { canonicalJson } from '@weft/core/canonical-json';
import { Plan, PLAN_KINDS } from '@weft/core/plan/plan';
import type { PlanKind } from '@weft/core/plan/plan';
import type { Sync } from '@weft/core/plan/sync';
import type { NodeRole } from '@weft/core/resource';
import type { NodeId } from '@weft/core/uuid';
import type { SsntpClientHandler } from '@weft/ssntp/client';
import type { Clock } from '@weft/ssntp/clock';
import type { Frame } from '@weft/ssntp/frame';
import type { Logger } from '@weft/ssntp/logger';
import { parseConfigure } from '@weft/ssntp/payloads/configure';
import type { Configure } from '@weft/ssntp/payloads/configure';
import type { TenantEvent } from '@weft/ssntp/payloads/tenant-event';
import { FileLock } from '@weft/sys/flock';
import { Announcer } from './announcer.ts';
import { BootMark } from './boot-mark.ts';
import type { DataplanePort } from './dataplane-port.ts';
import { DhcpService } from './dhcp/dhcp-service.ts';
import { dnsDomainOf } from './dhcp/dns-domain.ts';
import { HintSender } from './hint-sender.ts';
import { Hints } from './hints.ts';
import { Inbox } from './inbox.ts';
import { MetadataService } from './metadata/metadata-service.ts';
import { LauncherRunning } from './launcher-running.ts';
import type { NodeFacts } from './node-facts.ts';
import { operations } from './operations.ts';
import { PlanStore } from './plan-store.ts';
import { PlanSync } from './plan-sync.ts';
import { launchProcess } from './process/launch-process.ts';
import { ProcessTable } from './process/process-table.ts';
import { PublicIpAnnouncer } from './public-ip-announcer.ts';
import { Reconciler } from './reconciler.ts';
import type { Applied, DesiredPlan } from './reconciler.ts';
import { appliedReport, instanceDeletedFrame, syncedFrame } from './reports.ts';
import { Runner } from './runner.ts';
import { ensureDirectory } from './state-file.ts';
import { UnderlayWatch } from './underlay.ts';
import type { NodeAddress, Underlay } from './underlay.ts';

export type LauncherOptions = Readonly<{
  nodeId: NodeId;
  hostname: string;
  roles: readonly NodeRole[];
  stateDir: string;
  runDir: string;
  /** The environment of workloads and servers: PATH, and what else each of them shall carry. Nothing of the launcher's own comes in. */
  environment: Readonly<Record<string, string>>;
}>;

/** The connection to the scheduler; `SsntpClient` is one. */
export interface LauncherClient {
  start(): void;
  close(): Promise<void>;
  /** False if there is no connection. */
  send(frame: Frame): boolean;
  /** Addresses of this machine may be gone; a connection from one of them is dead. */
  localAddressesChanged?(isGone: (address: string) => boolean): void;
}

export type LauncherDeps = Readonly<{
  client: (handler: SsntpClientHandler) => LauncherClient;
  /** Called once the cluster's configuration and the node's address are known, again only if it throws. */
  dataplane: (configuration: Configure, underlay: Underlay) => DataplanePort;
  /** The node's resources and addresses now. */
  facts: () => NodeFacts;
  /** The addresses at which its tunnels may end. */
  addresses: () => readonly NodeAddress[];
  clock: Clock;
  random: () => number;
  log: Logger;
}>;

const OPEN_RETRY_MS = 1000;
const OPEN_RETRY_MAX_MS = 30_000;
/** What may be somewhere else since the last boot. */
const WITHHELD: ReadonlySet<PlanKind> = new Set<PlanKind>(['instance', 'gateway']);

type Workloads = Readonly<{ metadata: MetadataService; runner: Runner; dhcp: DhcpService }>;

export class Launcher {
  readonly #options: LauncherOptions;
  readonly #deps: LauncherDeps;
  readonly #store: PlanStore;
  readonly #bootMark: BootMark;
  readonly #inbox: Inbox;
  readonly #announcer: Announcer;
  readonly #hintSender: HintSender;
  readonly #hints: Hints;
  #publicIps: PublicIpAnnouncer | undefined;
  #lock: FileLock | undefined;
  #sync: PlanSync;
  /** CONNECTED's payload as it came, now or in an earlier life. */
  #configuration: unknown;
  #underlay: UnderlayWatch | undefined;
  #dataplane: DataplanePort | undefined;
  /** What names of tenants end with, once the configuration is there. */
  #domain = '';
  /** Where VTEPs are, likewise. */
  #computeNetworks: readonly Cidr[] = [];
  #reconciler: Reconciler | undefined;
  /** Undefined while they are withheld. */
  #workloads: Workloads | undefined;
  #client: LauncherClient | undefined;
  #confirmed = false;
  #openFailures = 0;
  #openTimer: unknown;
  #stopped = false;

  constructor(options: LauncherOptions, deps: LauncherDeps) {
    this.#options = options;
    this.#deps = deps;
    const { clock, log } = deps;
    const current = (): { configuration: unknown; plan: PlanSync['own'] } => ({ configuration: this.#configuration, plan: this.#sync.own });
    this.#store = new PlanStore({ stateDir: options.stateDir }, { clock, log, current });
    this.#bootMark = new BootMark({ runDir: options.runDir });
    this.#sync = newPlanSync(undefined);
    const send = (frame: Frame): boolean => this.#client?.send(frame) ?? false;
    this.#inbox = new Inbox({
      sync: (sync) => this.#onSync(sync),
      hint: (event, added) => this.#onHint(event, added),
      wake: () => this.#reconciler?.retryNow(),
      operations: operations({ dataplane: () => this.#dataplane }),
      send,
      log,
    });
    this.#announcer = new Announcer(options, { ...deps, send, instances: () => this.#workloads?.runner.states() ?? [] });
    const known = {
      plan: () => this.#sync.own,
      vtep: () => (this.#dataplane === undefined ? undefined : this.#announcer.vtep()),
      clock,
      log,
    };
    this.#hintSender = new HintSender(options, { ...known, send });
    this.#hints = new Hints({ ...known, computeNetworks: () => this.#computeNetworks });
  }

  /** Applies what was saved and begins to connect. Throws LauncherRunning, and what the file system says; then nothing is left running. */
  async start(): Promise<void> {
    const { stateDir, runDir } = this.#options;
    ensureDirectory(stateDir);
    ensureDirectory(runDir, 0o755);
    const lockPath = join(runDir, 'launcher.lock');
    this.#lock = FileLock.tryAcquire(lockPath);
    if (this.#lock === undefined) throw new LauncherRunning(lockPath);
    try {
      const saved = await this.#store.load();
      this.#configuration = saved.configuration;
      this.#publicIps = new PublicIpAnnouncer(
        { stateDir },
        { log: this.#deps.log, send: (frame) => this.#client?.send(frame) ?? false, speaksFor: (id) => this.#announcer.speaksFor(id) },
      );
      this.#sync = newPlanSync(saved.plan);
      this.#hintSender.begin();
      if (this.#bootMark.id === undefined) this.#deps.log.info({}, 'node has booted: instances and gateways wait for the controller');
      if (this.#configuration !== undefined) this.#open();
      this.#client = this.#deps.client({
        connected: (configuration) => this.#onConnected(configuration),
        disconnected: () => {
          this.#announcer.pause();
          this.#sync.interrupt();
        },
        frame: (frame) => this.#inbox.handle(frame),
      });
      this.#client.start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Ends this process's part; the kernel and everything that runs stay as they are. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#deps.clock.clearTimeout(this.#openTimer);
    this.#underlay?.stop();
    this.#announcer.pause();
    this.#hintSender.stop();
    await this.#client?.close();
    const reconciled = this.#reconciler?.stop();
    // A pass may be waiting for one of their processes.
    this.#workloads?.metadata.close();
    this.#workloads?.runner.close();
    this.#workloads?.dhcp.close();
    await reconciled;
    await this.#store.flush();
    this.#store.close();
    this.#lock?.[Symbol.dispose]();
    this.#lock = undefined;
  }

  #onConnected(configuration: unknown): void {
    if (this.#stopped) return;
    this.#takeConfiguration(configuration);
    this.#open();
    this.#announcer.resume();
    this.#workloads?.runner.announceDeleted();
    this.#announceGateways();
    this.#hintSender.again();
  }

  #takeConfiguration(configuration: unknown): void {
    const { log } = this.#deps;
    if (configuration === undefined) {
      log.warn({}, 'the scheduler sent no cluster configuration');
      return;
    }
    if (this.#configuration !== undefined && canonicalJson(configuration) === canonicalJson(this.#configuration)) return;
    if (this.#dataplane !== undefined) log.warn({}, 'cluster configuration changed, it takes effect when the launcher starts again');
    else this.#forgetUnderlay();
    this.#configuration = configuration;
    this.#store.save();
  }

  /** What compute networks there are is only known from the next configuration. */
  #forgetUnderlay(): void {
    this.#underlay?.stop();
    this.#underlay = undefined;
  }

  /** Makes the data path and begins to reconcile, once the configuration and an address are there. Tried again until it succeeds. */
  #open(): void {
    const { clock, random, log } = this.#deps;
    if (this.#dataplane !== undefined || this.#configuration === undefined || this.#stopped) return;
    clock.clearTimeout(this.#openTimer);
    try {
      const configure = parseConfigure(this.#configuration);
      this.#domain = dnsDomainOf(configure.weft);
      this.#computeNetworks = configure.launcher.compute_net;
      const underlay = this.#watch(configure);
      if (underlay === undefined) return;
      const dataplane = this.#deps.dataplane(configure, underlay);
      this.#dataplane = dataplane;
      this.#reconciler = new Reconciler({
        ...this.#deps,
        dataplane,
        followers: () => (this.#workloads === undefined ? [] : [this.#workloads.metadata, this.#workloads.runner, this.#workloads.dhcp]),
        desired: () => this.#desired(),
        report: (applied) => this.#report(applied),
      });
    } catch (err) {
      if (this.#openFailures === 0) log.error({ err }, 'data path cannot be set up, trying again');
      const ceiling = Math.min(OPEN_RETRY_MAX_MS, OPEN_RETRY_MS * 2 ** Math.min(this.#openFailures, 20));
      this.#openFailures += 1;
      this.#openTimer = clock.setTimeout(() => this.#open(), ceiling * (0.5 + random() / 2));
      return;
    }
    if (this.#bootMark.id !== undefined || this.#confirmed) this.#releaseWorkloads();
    this.#reconciler.start();
    if (this.#sync.own !== undefined) this.#reconciler.changed('all');
    this.#hintSender.again();
  }

  /** Where this node's tunnels end; undefined as long as it has no address for them. When it gets one, `#open` is called again. */
  #watch(configure: Configure): Underlay | undefined {
    if (this.#underlay === undefined) {
      const watch = new UnderlayWatch(
        { computeNetworks: configure.launcher.compute_net },
        // What it finds at once is this call's answer.
        { ...this.#deps, changed: (underlay) => (this.#underlay === watch ? this.#relocate(underlay) : undefined) },
      );
      watch.start();
      this.#underlay = watch;
      this.#announcer.vtep = () => watch.current?.vtep;
    }
    return this.#underlay.current;
  }

  /** The node's address is another one: its tunnels go there, and everybody is told at once. */
  #relocate(underlay: Underlay): void {
    if (this.#stopped) return;
    if (this.#dataplane === undefined) return this.#open();
    this.#dataplane.relocate(underlay);
    this.#reconciler?.changed('all');
    this.#announcer.relocated();
    this.#announceGateways();
    this.#hintSender.again();
    const own = new Set<string>(this.#deps.facts().networks.map(({ ip }) => ip));
    this.#client?.localAddressesChanged?.((address) => isNodesIpv4(address) && !own.has(address));
  }

  /** From now on instances and gateways are part of what is reconciled. */
  #releaseWorkloads(): void {
    const { stateDir, runDir, environment } = this.#options;
    if (this.#workloads !== undefined || this.#dataplane === undefined) return;
    const bootId = this.#bootMark.ensure();
    const onFailures = (): void => this.#reconciler?.followerChanged();
    const deps = { ...this.#deps, dataplane: this.#dataplane, table: new ProcessTable(this.#deps), launch: launchProcess, onFailures };
    const deleted = (instanceId: Parameters<typeof instanceDeletedFrame>[0]): boolean =>
      this.#client?.send(instanceDeletedFrame(instanceId)) ?? false;
    this.#workloads = {
      metadata: new MetadataService({ domain: this.#domain }, deps),
      runner: new Runner({ stateDir, bootId, environment }, { ...deps, deleted }),
      dhcp: new DhcpService({ stateDir, runDir, domain: this.#domain, bootId, environment }, deps),
    };
  }

  #desired(): DesiredPlan | undefined {
    const { own } = this.#sync;
    if (own === undefined) return undefined;
    const plan = this.#workloads === undefined ? withoutWorkloads(own.plan) : own.plan;
    return { plan: this.#hints.over(plan), epoch: own.epoch, revision: own.revision, confirmed: this.#confirmed };
  }

  #onSync(sync: Sync): void {
    if (this.#stopped) return;
    const { log } = this.#deps;
    const outcome = this.#sync.handle(sync);
    switch (outcome.kind) {
      case 'collecting':
        return;
      case 'answer': {
        this.#send(syncedFrame(this.#sync.status()));
        return this.#reportAgain();
      }
      case 'held':
        log.warn({ ...outcome.held, own: this.#sync.own?.revision }, 'plan is held back until an operator accepts it');
        return this.#reconciler?.applied === undefined ? this.#send(syncedFrame(this.#sync.status())) : this.#reportAgain();
      case 'taken': {
        const first = !this.#confirmed;
        this.#confirmed = true;
        if (outcome.changed === 'all') log.info({ epoch: this.#sync.own?.epoch, revision: this.#sync.own?.revision }, 'plan taken over');
        this.#releaseWorkloads();
        this.#hintSender.changed(outcome.changed);
        const hinted = this.#hints.planChanged();
        this.#reconciler?.changed(first || outcome.changed === 'all' ? 'all' : [...outcome.changed, ...hinted]);
        return this.#store.save();
      }
    }
  }

  #onHint(event: TenantEvent, added: boolean): void {
    if (this.#stopped) return;
    const changed = added ? this.#hints.added(event) : this.#hints.removed(event);
    if (changed.length > 0) this.#reconciler?.changed(changed);
  }

  #reportAgain(): void {
    const applied = this.#reconciler?.applied;
    if (applied !== undefined) this.#report(applied);
  }

  /** What was applied of a saved plan says nothing of what that plan does not name, so the controller does not hear of it. */
  #report(applied: Applied): void {
    if (!applied.confirmed && this.#sync.held === undefined) return;
    const failed = new Map([...this.#sync.unparsed, ...applied.failed]);
    this.#send(syncedFrame(appliedReport({ ...applied, failed }, this.#sync.held)));
    this.#announceGateways();
  }

  #announceGateways(): void {
    const reconciler = this.#reconciler;
    const applied = reconciler?.applied;
    const { own } = this.#sync;
    if (this.#workloads === undefined || own === undefined || reconciler === undefined || applied === undefined) return;
    // The plan may be ahead of what is applied: a gateway that is only about to be made is not announced.
    this.#announcer.gateways(own.plan.of('gateway').values(), applied.failed, (ref) => reconciler.isSettled(ref));
    // A plan that was taken over since is told of after its own pass.
    const isCurrent = applied.epoch === own.epoch && applied.revision === own.revision;
    if (applied.confirmed && isCurrent) this.#publicIps?.update(own.plan, applied);
  }

  #send(frame: Frame): void {
    this.#client?.send(frame);
  }
}

/** Of the addresses that `NodeFacts` would name if the node had them. */
function isNodesIpv4(address: string): boolean {
  return isIPv4(address) && !address.startsWith('127.');
}

function newPlanSync(saved: PlanSync['own']): PlanSync {
  return new PlanSync({ saved }, { sha256: (text) => createHash('sha256').update(text).digest() });
}

function withoutWorkloads(plan: Plan): Plan {
  const rest = new Plan();
  for (const kind of PLAN_KINDS) {
    if (!WITHHELD.has(kind)) for (const [key, body] of plan.of(kind)) rest.set(kind, key, body);
  }
  return rest;
}
