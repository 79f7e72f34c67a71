/** What the launcher's tests share. Plan resources are told apart by a small number. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Cidr } from '@weft/core/cidr';
import type { IpAddress } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import type { DhcpHostBody } from '@weft/core/plan/dhcphost';
import type { GatewayBody } from '@weft/core/plan/gateway';
import type { InstanceBody } from '@weft/core/plan/instance';
import type { PortBody } from '@weft/core/plan/port';
import type { SyncItem } from '@weft/core/plan/sync';
import type { ConcentratorId, InstanceId, PortId, TenantId, Uuid } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';
import { systemClock } from '@weft/ssntp/clock';
import type { Clock } from '@weft/ssntp/clock';
import type { Logger } from '@weft/ssntp/logger';

export const VNI = 10_001 as Vni;

export function testId<T extends Uuid>(number: number): T {
  return `${number.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000` as T;
}

export const testMac = (number: number): Mac => `02:00:00:00:00:${number.toString(16).padStart(2, '0')}` as Mac;

export function portBody(number: number): PortBody {
  return {
    portId: testId<PortId>(number),
    vni: VNI,
    mac: testMac(number % 256),
    ips: [],
    instanceId: testId<InstanceId>(number),
    adminStateUp: true,
    portSecurity: true,
    groups: [],
  };
}

export function instanceBody(number: number, command: readonly string[], generation = 1): InstanceBody {
  return {
    instanceId: testId<InstanceId>(number),
    name: `w${number}`,
    generation,
    runner: 'namespace',
    command,
    portId: testId<PortId>(number),
    mac: testMac(number),
    mtu: 1450,
    addressing: 'static',
    addresses: [],
    gateway: undefined,
  };
}

export function gatewayBody(number: number): GatewayBody {
  return {
    concentratorId: testId<ConcentratorId>(number),
    tenantId: testId<TenantId>(number),
    generation: 1,
    uplink: undefined,
    infrastructure: [],
    segments: [
      {
        vni: VNI,
        mac: testMac(1),
        mtu: 1450,
        subnets: [{ cidr: '10.0.0.0/24' as Cidr, gatewayIp: '10.0.0.1' as Ipv4, dhcp: true, dnsNameservers: ['192.0.2.53' as Ipv4] }],
      },
    ],
  };
}

export function dhcpHost(concentrator: number, address: string, mac: Mac): DhcpHostBody {
  return {
    concentratorId: testId(concentrator),
    vni: VNI,
    address: address as IpAddress,
    mac,
    hostname: `host-${address.replaceAll('.', '-')}`,
  };
}

export const portItem = (number: number): SyncItem => ({ kind: 'port', key: testId(number), v: 1, body: portBody(number) });

export type LogLine = Readonly<{ level: 'debug' | 'info' | 'warn' | 'error'; message: string; fields: object }>;

/** A logger that keeps its lines. */
export function recordingLog(): Logger & { lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: LogLine['level']) => (fields: object, message: string) => void lines.push({ level, message, fields });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Waits until `condition` gives something other than undefined or false. Throws after 10 s, with `what`. */
export async function eventually<T>(what: string, condition: () => T | undefined | false): Promise<T> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const value = condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await setTimeout(5);
  }
}

/** An empty directory that goes with its owner. */
export function temporaryDirectory(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'weft-launcher-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** The system's clock, so many times faster: 1 s is 1 s / `factor`. For tests with real processes, which no fake clock moves on. */
export function fastClock(factor: number): Clock {
  return {
    now: () => performance.now() * factor,
    setTimeout: (callback, ms) => systemClock.setTimeout(callback, ms / factor),
    clearTimeout: (timer) => systemClock.clearTimeout(timer),
  };
}
