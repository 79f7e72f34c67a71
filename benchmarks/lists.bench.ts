/**
 * Lists and bulk requests over REST, with a thousand ports in the cluster and with a hundred thousand.
 *
 * A list's time is until its last byte, over one TLS connection. The limit beside it is a bare HTTPS server on the same node with the same
 * certificate that sends as many bytes from memory. Ports are made in bulk, by one client and by eight; the state is durable before each
 * answer. The clients run on the control node itself, and so take their share of its cores.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { WeftClient } from '@weft/api/client';
import type { PortView } from '@weft/api/ports';
import type { Lab } from '@weft/lab/cluster';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { byCallers } from './callers.ts';
import { clusterUp } from './cluster.ts';
import { formatCount, formatMs, median, table } from './figures.ts';
import type { ListReport } from './list-client.ts';

const PROGRAM = fileURLToPath(new URL('list-client.ts', import.meta.url));
const SIZES = [1000, 100_000] as const;
const BULKS = [100, 1000] as const;
const REPEATS = { few: 5, many: 30 } as const;
/** More bytes than this are asked for a few times only. */
const LARGE_BYTES = 4 << 20;
const BARE_PORT = 9443;
const PAGE = 100;

type Tenant = Readonly<{ client: WeftClient; token: string; networkId: string }>;

async function run(context: BenchmarkContext): Promise<void> {
  await using lab = await clusterUp(context);
  const tenant = await makeTenant(lab);
  await tenant.client.ports.create({ network_id: tenant.networkId, name: 'one' });
  let there = 1;
  for (const size of SIZES) {
    const made = await fill(tenant, size - there, context);
    there = size;
    await measureLists(lab, tenant, made, context);
  }
}

async function makeTenant(lab: Lab): Promise<Tenant> {
  const admin = lab.client();
  const { id, token } = await admin.tenants.create({ name: 'lists' });
  const client = lab.client(token);
  const network = await admin.networks.create({ name: 'n', tenant_id: id });
  await client.subnets.create({ network_id: network.id, cidr: '10.0.0.0/12', ip_version: 4, gateway_ip: null, enable_dhcp: false });
  return { client, token, networkId: network.id };
}

/** Makes so many ports, in turns in bulks of either size by one client and by eight. Returns one of them. */
async function fill(tenant: Tenant, count: number, { print }: BenchmarkContext): Promise<PortView> {
  let [left, last] = [count, undefined as PortView | undefined];
  const rows: string[][] = [];
  const ways = BULKS.flatMap((bulk) => [1, 8].map((clients) => ({ bulk, clients })));
  for (const [at, { bulk, clients }] of ways.entries()) {
    const share = at === ways.length - 1 ? left : Math.min(left, Math.ceil(count / ways.length));
    const bulks = Array.from({ length: Math.ceil(share / bulk) }, (_, n) => Math.min(bulk, share - n * bulk));
    const started = performance.now();
    await byCallers(clients, bulks, async (length) => {
      [last] = await tenant.client.ports.createMany(Array.from({ length }, () => ({ network_id: tenant.networkId })));
    });
    const seconds = (performance.now() - started) / 1000;
    left -= share;
    rows.push([`${bulk} a request, ${clients} client${clients === 1 ? '' : 's'}`, formatCount(share), formatCount(share / seconds)]);
  }
  if (last === undefined) throw new Error('no port was made');
  print(`\n${table([['ports made in bulk, durable', 'ports', 'a second'], ...rows])}`);
  return last;
}

async function measureLists(lab: Lab, tenant: Tenant, one: PortView, { print, signal }: BenchmarkContext): Promise<void> {
  const address = one.fixed_ips[0]?.ip_address ?? '';
  const asked: readonly (readonly [string, string])[] = [
    ['all', '/v2.0/ports'],
    ['all, fields=id', '/v2.0/ports?fields=id'],
    [`the first ${PAGE}`, `/v2.0/ports?limit=${PAGE}`],
    [`${PAGE} after one of them`, `/v2.0/ports?limit=${PAGE}&marker=${one.id}`],
    [`${PAGE}, by name`, `/v2.0/ports?limit=${PAGE}&sort_key=name`],
    ['by id', `/v2.0/ports?id=${one.id}`],
    ['by name', '/v2.0/ports?name=one'],
    ['by address', `/v2.0/ports?fixed_ips=ip_address%3D${address}`],
    ['by device', `/v2.0/ports?device_id=none`],
    ['one, shown', `/v2.0/ports/${one.id}`],
  ];
  const paths = asked.map(([, path]) => path);
  const large = await report(lab, tenant, REPEATS.few, paths.slice(0, 2), signal);
  const small = await report(lab, tenant, REPEATS.many, paths.slice(2), signal);
  const lists = [...large, ...small];
  const bare = await bareReport(
    lab,
    lists.map(({ bytes }) => bytes),
    signal,
  );
  const rows = lists.map(({ bytes, ms }, at) => {
    const [own, limit] = [median(ms), median(bare[at]?.ms ?? [])];
    return [asked[at]?.[0] ?? '', formatCount(bytes), formatMs(own), formatMs(limit), (own / limit).toFixed(1)];
  });
  const total = await tenant.client.ports.list({ fields: 'id' });
  print(`\n${table([[`lists, ${formatCount(total.length)} ports`, 'bytes', 'p50', 'bare HTTPS', 'ratio'], ...rows])}`);
}

async function report(lab: Lab, tenant: Tenant, repeats: number, paths: readonly string[], signal: AbortSignal): Promise<ListReport> {
  const url = `https://${lab.topology.controlHost}:${lab.topology.httpsPort}`;
  return ask(lab, ['ask', url, lab.paths.ca, String(repeats), ...paths], tenant.token, signal);
}

async function bareReport(lab: Lab, sizes: readonly number[], signal: AbortSignal): Promise<ListReport> {
  const { etc } = lab.paths.node('control');
  const args = ['serve', join(etc, 'node.pem'), join(etc, 'node.key'), lab.topology.controlHost, String(BARE_PORT)];
  const server = lab.network
    .netns('control')
    .run(() => spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'inherit'] }));
  try {
    await once(server.stdout, 'data');
    const url = `https://${lab.topology.controlHost}:${BARE_PORT}`;
    const reports: ListReport[number][] = [];
    for (const bytes of sizes) {
      const repeats = bytes > LARGE_BYTES ? REPEATS.few : REPEATS.many;
      reports.push(...(await ask(lab, ['ask', url, lab.paths.ca, String(repeats), `/${bytes}`], '', signal)));
    }
    return reports;
  } finally {
    server.kill('SIGKILL');
  }
}

async function ask(lab: Lab, args: readonly string[], token: string, signal: AbortSignal): Promise<ListReport> {
  signal.throwIfAborted();
  const env = { ...process.env, WEFT_TOKEN: token };
  // A child that is started while this thread is inside a namespace lives there.
  const child = lab.network
    .netns('control')
    .run(() => spawn(process.execPath, [PROGRAM, ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] }));
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number | null]>]);
  if (code !== 0) throw new Error(`the client ended with ${code}`);
  return JSON.parse(output) as ListReport;
}

export const listsBenchmark: Benchmark = {
  name: 'lists',
  about: 'lists of 1,000 and 100,000 ports, and ports made in bulk',
  needsKernel: true,
  run,
};
