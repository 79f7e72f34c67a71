import { createHash } from 'node:crypto';
import { statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { cidrContains } from '@weft/core/cidr';
import { cidr6Contains } from '@weft/core/cidr6';
import { eui64Address, LINK_LOCAL } from '@weft/core/eui64';
import type { Ipv4 } from '@weft/core/ipv4';
import type { DhcpHostBody } from '@weft/core/plan/dhcphost';
import type { DnsNameBody } from '@weft/core/plan/dnsname';
import type { GatewayBody } from '@weft/core/plan/gateway';
import type { ConcentratorId } from '@weft/core/uuid';
import { errorInfo } from '@weft/core/weft-error';
import type { ErrorInfo } from '@weft/core/weft-error';
import { ManagedProcess } from '../process/managed-process.ts';
import type { ManagedProcessDeps, WantedProcess } from '../process/managed-process.ts';
import { processRecordFile } from '../process/process-record.ts';
import { ensureDirectory, readFileIfPresent, removeDirectory, replaceFile } from '../state-file.ts';
import { fileName } from './by-gateway.ts';
import type { FileChange } from './by-gateway.ts';
import { sendDhcpReleases } from './dhcp-release.ts';
import type { DhcpRelease } from './dhcp-release.ts';
import { sendDhcp6Releases } from './dhcp6-release.ts';
import type { Dhcp6Release } from './dhcp6-release.ts';
import { dnsmasqCommand, dnsmasqPath, requireDnsmasq } from './dnsmasq-command.ts';
import { hostFileContent, HostsDirectory, leaseLabel, nameFileContent } from './hosts-directory.ts';
import { hasOwnOptions, OwnOptionsFile } from './own-options.ts';
import { parseLeaseFile, parseLeaseFile6 } from './lease-file.ts';
import type { SavedLease, SavedLease6, SavedLeases6 } from './lease-file.ts';

export type GatewayDhcpOptions = Readonly<{
  concentratorId: ConcentratorId;
  /** `runDir/gateways/<id>`: hosts and the process's record, which a boot clears away. */
  runDirectory: string;
  /** `stateDir/gateways/<id>`: leases and the log. */
  stateDirectory: string;
  netnsPath: string;
  /** What names of the tenant end with. */
  domain: string;
  bootId: string;
  /** Of the server process; PATH at least. */
  environment: Readonly<Record<string, string>>;
}>;

export type GatewayDhcpDeps = Omit<ManagedProcessDeps, 'record'>;

/** What the plan gives a gateway, all of it by file name. */
export type GatewayFiles = Readonly<{ hosts: ReadonlyMap<string, DhcpHostBody>; names: ReadonlyMap<string, DnsNameBody> }>;

/** What of it may differ from the directories. */
export type GatewayChanges = Readonly<{ hosts: readonly FileChange<DhcpHostBody>[]; names: readonly FileChange<DnsNameBody>[] }>;

const GRACE_MS = 1000;
const RETRY_MS = 1000;
const MAX_LOG_BYTES = 1 << 20;

/**
 * DHCP and DNS of one gateway: a dnsmasq, the directories of hosts and names it reads, and its leases.
 *
 * dnsmasq gives an address to another client only if it has forgotten both the old host and the old lease (kernel.md §11). So the order is:
 * remove the host's file, release the lease in the old client's name, write the new file, one SIGHUP for all of it. Whether a lease is
 * stale is seen by comparing the lease file with the hosts, not by remembering: a kill between the steps costs nothing. Names are simpler:
 * new ones are read as they come, and one SIGHUP makes it forget those that went.
 */
export class GatewayDhcp {
  readonly #options: GatewayDhcpOptions;
  readonly #deps: GatewayDhcpDeps;
  readonly #process: ManagedProcess;
  readonly #hosts: HostsDirectory;
  readonly #names: HostsDirectory;
  readonly #ownOptions: OwnOptionsFile;
  readonly #leaseFile: string;
  #desired: GatewayFiles = { hosts: new Map(), names: new Map() };
  #body: GatewayBody | undefined;
  /** The running process may have missed changes that an earlier launcher made. */
  #unsure = true;
  #failure: ErrorInfo | undefined;
  #retry: unknown;

  constructor(options: GatewayDhcpOptions, deps: GatewayDhcpDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#hosts = new HostsDirectory(join(options.runDirectory, 'hosts'));
    this.#names = new HostsDirectory(join(options.runDirectory, 'names'));
    this.#ownOptions = new OwnOptionsFile(join(options.runDirectory, 'own-options.conf'));
    this.#leaseFile = join(options.stateDirectory, 'leases');
    this.#process = new ManagedProcess(
      { fields: { concentrator: options.concentratorId, program: 'dnsmasq' }, bootId: options.bootId, ownsNetns: false, graceMs: GRACE_MS },
      { ...deps, record: processRecordFile(join(options.runDirectory, 'dnsmasq.json')) },
    );
  }

  get failure(): ErrorInfo | undefined {
    const { state } = this.#process;
    return this.#failure ?? (state.kind === 'exited' ? state.error : undefined);
  }

  /** `files` is everything; `changes` what of it may differ from the directories, or all. */
  apply(body: GatewayBody, files: GatewayFiles, changes: GatewayChanges | 'all'): void {
    this.#body = body;
    this.#desired = files;
    this.#deps.clock.clearTimeout(this.#retry);
    try {
      ensureDirectory(this.#options.runDirectory, 0o755);
      ensureDirectory(this.#options.stateDirectory);
      const outdatedNames = this.#applyNames(changes === 'all' ? allChanges(this.#names, files.names) : changes.names);
      if (changes === 'all')
        this.#ownOptions.apply(
          Array.from(files.hosts, ([name, body]) => ({ name, body })),
          true,
        );
      else this.#ownOptions.apply(changes.hosts, false);
      const outdatedHosts = this.#applyHosts(changes);
      this.#process.want(this.#wanted(body));
      if (outdatedNames || outdatedHosts || this.#unsure) this.#process.hangup();
      this.#unsure = false;
      this.#failure = undefined;
    } catch (error) {
      this.#unsure = true;
      this.#failure = errorInfo(error);
      this.#retry = this.#deps.clock.setTimeout(() => {
        this.apply(body, this.#desired, 'all');
        this.#deps.onChange();
      }, RETRY_MS);
    }
  }

  /** The data path could not make its namespace: a server that still runs in an earlier one would keep that alive, and be in the way. */
  leaveOldNamespace(): void {
    this.#process.endOutside(this.#options.netnsPath);
  }

  /** Ends the server and forgets its hosts and leases. */
  async remove(): Promise<void> {
    this.#deps.clock.clearTimeout(this.#retry);
    await this.#process.stop();
    removeDirectory(this.#options.runDirectory);
    removeDirectory(this.#options.stateDirectory);
  }

  /** Lets go of the server, which runs on. */
  release(): void {
    this.#deps.clock.clearTimeout(this.#retry);
    this.#process.release();
  }

  /** True if dnsmasq must be told. */
  #applyNames(changes: readonly FileChange<DnsNameBody>[]): boolean {
    let outdated = false;
    for (const { name, body } of changes) {
      const content = body === undefined ? '' : nameFileContent(body, this.#options.domain);
      const present = this.#names.files.get(name);
      if (content === (present ?? '')) continue;
      if (content === '') this.#names.remove(name);
      else this.#names.write(name, content);
      outdated ||= present !== undefined;
    }
    return outdated;
  }

  /** True if dnsmasq must be told. */
  #applyHosts(changes: GatewayChanges | 'all'): boolean {
    const written: [name: string, content: string][] = [];
    const removed: string[] = [];
    for (const { name, body } of changes === 'all' ? allChanges(this.#hosts, this.#desired.hosts) : changes.hosts) {
      const content = body === undefined || hasOwnOptions(body) ? undefined : hostFileContent(body);
      const present = this.#hosts.files.get(name);
      if (content === present) continue;
      if (present !== undefined) removed.push(name);
      if (content !== undefined) written.push([name, content]);
    }
    for (const name of removed) this.#hosts.remove(name);
    const released = removed.length > 0 || changes === 'all' ? this.#releaseStale() : 0;
    for (const [name, content] of written) this.#hosts.write(name, content);
    return removed.length > 0 || released > 0;
  }

  #releaseStale(): number {
    if (this.#process.state.kind !== 'running' && !this.#unsure) return 0;
    const releases = this.#leases().flatMap((lease) => (this.#isStale(lease) ? this.#release(lease) : []));
    const releases6 = this.#releases6();
    sendDhcpReleases(this.#options.netnsPath, releases);
    sendDhcp6Releases(this.#options.netnsPath, releases6);
    return releases.length + releases6.length;
  }

  #releases6(): Dhcp6Release[] {
    const { serverId, leases } = this.#leases6();
    if (serverId === undefined) return [];
    return leases.flatMap((lease) => {
      const segment = this.#body?.segments.find(({ subnets6 = [] }) => subnets6.some(({ cidr }) => cidr6Contains(cidr, lease.address)));
      if (segment === undefined || !this.#isStale6(lease)) return [];
      return [{ ...lease, serverId, server: eui64Address(LINK_LOCAL, segment.mac), leg: `seg${segment.vni}` }];
    });
  }

  #release({ address, mac, clientId }: SavedLease): DhcpRelease[] {
    const server = this.#serverOf(address);
    return server === undefined ? [] : [{ address, mac, clientId, server }];
  }

  #serverOf(address: Ipv4): Ipv4 | undefined {
    const subnets = this.#body?.segments.flatMap((segment) => segment.subnets) ?? [];
    return subnets.find((subnet) => subnet.dhcp && cidrContains(subnet.cidr, address))?.gatewayIp;
  }

  #isStale({ address, mac }: SavedLease): boolean {
    const vnis = this.#body?.segments.map((segment) => segment.vni) ?? [];
    return !vnis.some((vni) => this.#desired.hosts.get(fileName({ vni, address }))?.mac === mac);
  }

  #isStale6({ address, label }: SavedLease6): boolean {
    const vnis = this.#body?.segments.map((segment) => segment.vni) ?? [];
    return !vnis.some((vni) => {
      const host = this.#desired.hosts.get(fileName({ vni, address }));
      return host !== undefined && leaseLabel(host) === label;
    });
  }

  #leases(): SavedLease[] {
    return parseLeaseFile(readFileIfPresent(this.#leaseFile) ?? '');
  }

  #leases6(): SavedLeases6 {
    return parseLeaseFile6(readFileIfPresent(this.#leaseFile) ?? '');
  }

  #wanted(body: GatewayBody): WantedProcess | undefined {
    const { domain, environment, netnsPath, runDirectory, stateDirectory } = this.#options;
    const directories = { hostsDirectory: this.#hosts.path, namesDirectory: this.#names.path, configurationFile: this.#ownOptions.path };
    const command = dnsmasqCommand(body, { ...directories, leaseFile: this.#leaseFile, domain });
    if (command === undefined) return undefined;
    const path = dnsmasqPath(environment['PATH'] ?? '');
    const log = join(stateDirectory, 'dnsmasq.log');
    return {
      fingerprint: createHash('sha256')
        .update(JSON.stringify([command, this.#ownOptions.content]))
        .digest('hex'),
      prepare: () => {
        requireDnsmasq(path);
        this.#dropStale();
        if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) truncateSync(log);
      },
      command,
      netnsPath,
      directory: runDirectory,
      environment: { ...environment, PATH: path },
      stdout: log,
      stderr: log,
    };
  }

  /** While no server runs the lease file is ours. */
  #dropStale(): void {
    const stale = new Set([
      ...this.#leases().flatMap((lease) => (this.#isStale(lease) ? [lease.line] : [])),
      ...this.#leases6().leases.flatMap((lease) => (this.#isStale6(lease) ? [lease.line] : [])),
    ]);
    if (stale.size === 0) return;
    const lines = (readFileIfPresent(this.#leaseFile) ?? '').split('\n').filter((line) => !stale.has(line));
    replaceFile(this.#leaseFile, lines.join('\n'), 0o600);
  }
}

/** Every file that is there or should be. */
function allChanges<B>(directory: HostsDirectory, desired: ReadonlyMap<string, B>): FileChange<B>[] {
  return Array.from(new Set([...directory.files.keys(), ...desired.keys()]), (name) => ({ name, body: desired.get(name) }));
}
