/**
 * Tells what became true of public addresses (ciao.md §8): PublicIPAssigned when one leads where the plan says, PublicIPUnassigned when that
 * is over, a failure when the data path has tried again twice, after pauses, and still cannot. Each fact once: what was told is kept in a
 * file, so that neither the same plan nor a restart tells it again. A frame goes out before the file is written: if the process is killed
 * in between, the controller hears it twice, and takes no notice of the second.
 *
 * Only addresses that lead 1:1 to a workload are facts here; those that merely hold port forwardings are not.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Fields, listOf, oneOf } from '@weft/core/fields';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { gatewayKey } from '@weft/core/plan/gateway';
import { planRefText } from '@weft/core/plan/plan';
import type { Plan } from '@weft/core/plan/plan';
import { publicIpKey } from '@weft/core/plan/publicip';
import type { PublicIpBody } from '@weft/core/plan/publicip';
import { parseUuid } from '@weft/core/uuid';
import type { ConcentratorId, InstanceId } from '@weft/core/uuid';
import type { Frame } from '@weft/ssntp/frame';
import type { Logger } from '@weft/ssntp/logger';
import type { Applied } from './reconciler.ts';
import { publicIpEventFrame, publicIpFailureFrame } from './reports.ts';
import { readFileIfPresent, replaceFile } from './state-file.ts';

export type PublicIpAnnouncerDeps = Readonly<{
  /** False if there is no connection. */
  send: (frame: Frame) => boolean;
  /** Whether the scheduler believes that this gateway is here: it was announced on this connection. */
  speaksFor: (id: ConcentratorId) => boolean;
  log: Logger;
}>;

/** What was told of an address. */
type Fact = Readonly<{
  address: Ipv4;
  concentratorId: ConcentratorId;
  internal: Ipv4;
  instanceId: InstanceId | undefined;
  outcome: 'assigned' | 'failed';
}>;

/** So often it has to fail again, after growing pauses, before it is called a failure and not a mishap. */
const RETRIES = 2;

/** What could not be removed is told under this name, for nothing in the plan owns it any more; it may be any address. */
const NODE = 'node';

export class PublicIpAnnouncer {
  readonly #path: string;
  readonly #deps: PublicIpAnnouncerDeps;
  readonly #facts: Map<Ipv4, Fact>;
  /** Since which retry an address fails. */
  readonly #failingSince = new Map<Ipv4, number>();
  /** Whose failure to end was told. */
  readonly #stuck = new Set<Ipv4>();

  constructor(options: Readonly<{ stateDir: string }>, deps: PublicIpAnnouncerDeps) {
    this.#path = join(options.stateDir, 'public-ips.json');
    this.#deps = deps;
    this.#facts = new Map(readFacts(this.#path, deps.log).map((fact) => [fact.address, fact]));
  }

  /** After a pass, and when there is a connection again. The plan is the one that was applied. */
  update(plan: Plan, { failed, retries }: Pick<Applied, 'failed' | 'retries'>): void {
    const before = [...this.#facts.values()];
    const isFailing = (address: Ipv4): boolean => failed.has(planRefText({ kind: 'publicip', key: publicIpKey(address) }));
    for (const fact of before) {
      const body = plan.get('publicip', publicIpKey(fact.address));
      if (body?.internal !== undefined && body.concentratorId === fact.concentratorId) continue;
      if (isFailing(fact.address) || failed.has(NODE)) this.#cannotEnd(fact, retries);
      else this.#ended(fact, plan.get('gateway', gatewayKey(fact.concentratorId)) !== undefined);
    }
    for (const body of plan.of('publicip').values()) {
      if (body.internal === undefined || plan.get('gateway', gatewayKey(body.concentratorId)) === undefined) continue;
      // What fails with its gateway is not the address's fault.
      if (failed.has(planRefText({ kind: 'gateway', key: gatewayKey(body.concentratorId) }))) continue;
      if (isFailing(body.address)) this.#cannot(body, body.internal, retries);
      else this.#assigned(body, body.internal);
    }
    for (const address of this.#failingSince.keys()) {
      if (!isFailing(address) && !failed.has(NODE)) this.#failingSince.delete(address);
    }
    const now = [...this.#facts.values()];
    if (now.length !== before.length || now.some((fact, index) => fact !== before[index])) this.#save(now);
  }

  #assigned(body: PublicIpBody, internal: Ipv4): void {
    const { address, concentratorId, instanceId } = body;
    if (this.#told(body, internal)?.outcome === 'assigned') return;
    const fact: Fact = { address, concentratorId, internal, instanceId, outcome: 'assigned' };
    if (!this.#deps.speaksFor(concentratorId) || !this.#deps.send(publicIpEventFrame('assigned', fact))) return;
    this.#stuck.delete(address);
    this.#facts.set(address, fact);
  }

  #cannot(body: PublicIpBody, internal: Ipv4, retries: number): void {
    const { address, concentratorId, instanceId } = body;
    // One that has worked is repaired, not given up; the reports show that it fails.
    if (this.#told(body, internal) !== undefined || !this.#hasTriedEnough(address, retries)) return;
    const fact: Fact = { address, concentratorId, internal, instanceId, outcome: 'failed' };
    if (!this.#deps.speaksFor(concentratorId) || !this.#deps.send(publicIpFailureFrame('assign', fact))) return;
    this.#facts.set(address, fact);
  }

  #cannotEnd(fact: Fact, retries: number): void {
    const { address, concentratorId, outcome } = fact;
    if (outcome === 'failed' || this.#stuck.has(address) || !this.#hasTriedEnough(address, retries)) return;
    if (this.#deps.speaksFor(concentratorId) && this.#deps.send(publicIpFailureFrame('release', fact))) this.#stuck.add(address);
  }

  #ended(fact: Fact, isHosted: boolean): void {
    const { address, concentratorId, outcome } = fact;
    // For a gateway that has gone elsewhere, or was never announced on this connection, another speaks by now; the report says it all.
    const isHeard = outcome === 'assigned' && isHosted && this.#deps.speaksFor(concentratorId);
    if (isHeard && !this.#deps.send(publicIpEventFrame('unassigned', fact))) return;
    this.#stuck.delete(address);
    this.#facts.delete(address);
  }

  /** What was told of exactly this mapping. */
  #told({ address, concentratorId }: PublicIpBody, internal: Ipv4): Fact | undefined {
    const fact = this.#facts.get(address);
    return fact?.concentratorId === concentratorId && fact.internal === internal ? fact : undefined;
  }

  #hasTriedEnough(address: Ipv4, retries: number): boolean {
    const since = this.#failingSince.get(address) ?? retries;
    this.#failingSince.set(address, since);
    return retries - since >= RETRIES;
  }

  #save(facts: readonly Fact[]): void {
    try {
      if (facts.length === 0) rmSync(this.#path, { force: true });
      else replaceFile(this.#path, JSON.stringify(facts));
    } catch (err) {
      this.#deps.log.warn({ err, path: this.#path }, 'what was told of public addresses is not saved and may be told again');
    }
  }
}

function readFacts(path: string, log: Logger): readonly Fact[] {
  try {
    const text = readFileIfPresent(path);
    return text === undefined ? [] : listOf(parseFact)(JSON.parse(text), 'facts');
  } catch (err) {
    log.warn({ err, path }, 'what was told of public addresses cannot be read and may be told again');
    return [];
  }
}

function parseFact(value: unknown, what: string): Fact {
  const f = new Fields(value, what);
  return {
    address: f.required('address', parseIpv4),
    concentratorId: f.required('concentratorId', parseUuid<ConcentratorId>),
    internal: f.required('internal', parseIpv4),
    instanceId: f.optional('instanceId', parseUuid<InstanceId>),
    outcome: f.required('outcome', oneOf('assigned', 'failed')),
  };
}
