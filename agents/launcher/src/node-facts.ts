import { readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, loadavg, networkInterfaces, totalmem } from 'node:os';
import { parseIpv4 } from '@weft/core/ipv4';
import { parseMac } from '@weft/core/mac';
import type { Ready } from '@weft/ssntp/payloads/ready';
import type { NodeAddress } from './underlay.ts';

/** A node's resources and addresses now, as READY and STATS tell them. */
export type NodeFacts = Omit<Ready, 'node_uuid' | 'hostname'>;

const MEGABYTE = 1024 * 1024;

/** Reads them of this process's machine and network namespace; the disk is the one that holds `stateDir`. -1 for what cannot be told. */
export function readNodeFacts(stateDir: string): NodeFacts {
  const disk = orUndefined(() => statfsSync(stateDir));
  const megabytes = (blocks: number | undefined): number => (disk === undefined ? -1 : Math.floor(((blocks ?? 0) * disk.bsize) / MEGABYTE));
  return {
    mem_total_mb: Math.floor(totalmem() / MEGABYTE),
    mem_available_mb: availableMemoryMb(),
    disk_total_mb: megabytes(disk?.blocks),
    disk_available_mb: megabytes(disk?.bavail),
    load: Math.round(loadavg()[0] ?? -1),
    cpus_online: availableParallelism(),
    networks: nodeAddresses(),
  };
}

/** The IPv4 addresses of this namespace, loopback left out. */
export function nodeAddresses(): NodeFacts['networks'] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.flatMap(({ family, internal, address, mac }) =>
      family === 'IPv4' && !internal ? [{ ip: parseIpv4(address), mac: parseMac(mac) }] : [],
    ),
  );
}

/** The same with their interfaces, as tunnels may end at them. An address's label (`eth0:1`) is no part of its interface's name. */
export function interfaceAddresses(): readonly NodeAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([label, addresses = []]) =>
    addresses.flatMap(({ family, internal, address }) =>
      family === 'IPv4' && !internal ? [{ ip: parseIpv4(address), ifname: label.replace(/:.*/, '') }] : [],
    ),
  );
}

function availableMemoryMb(): number {
  const text = orUndefined(() => readFileSync('/proc/meminfo', 'utf8')) ?? '';
  const kilobytes = /^MemAvailable:\s*(\d+) kB$/m.exec(text)?.[1];
  return kilobytes === undefined ? -1 : Math.floor(Number(kilobytes) / 1024);
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
