/** A cluster's API in memory, and a terminal to read: what the command line's tests use in place of the world. */
import { ApiError } from '@weft/api/api-error';
import type { Reader } from '@weft/api/client';
import type { DryRunView } from '@weft/api/dry-run';
import type { Api, CliContext, Collections } from './cli-context.ts';
import { runCommand } from './cli.ts';

type Item = Readonly<Record<string, unknown>> & Readonly<{ id: string }>;

export const RED = '11111111-0000-4000-8000-000000000001';
export const BLUE = '22222222-0000-4000-8000-000000000002';

/** Collections hold plain views; every call is noted as `<what>.<verb> <argument>`. */
export class FakeApi {
  readonly calls: string[] = [];
  readonly items = new Map<string, Item[]>();
  /** What `show` of an instance answers, one after another; the last one stays. */
  instanceStates: Item[] = [];
  /** Thrown by the calls noted under this key, once. */
  readonly failures = new Map<string, Error>();
  /** What dry runs answer. */
  foretold: DryRunView = {
    dry_run: true,
    changes: [],
    affected_nodes: [],
    reachability: { opens: [], closes: [], truncated: false },
  };
  #made = 0;

  readonly api: Api = {
    networks: this.#writable('networks', { subnets: [], mtu: 1450, 'weft:topology': 'mesh', tenant_id: RED }),
    subnets: this.#writable('subnets', { gateway_ip: '10.0.0.1', enable_dhcp: true, tenant_id: RED }),
    ports: this.#writable('ports', {
      mac_address: '02:00:00:00:00:01',
      fixed_ips: [{ subnet_id: 's', ip_address: '10.0.0.5' }],
      status: 'DOWN',
      tenant_id: RED,
    }),
    securityGroups: this.#reader('securityGroups'),
    instances: this.#writable('instances', {
      status: 'pending',
      node_id: null,
      error: null,
      tenant_id: RED,
      applied: { applied: 0, of: 2, oldest: null },
    }),
    tenants: this.#writable('tenants', { token: 'secret-token', created_at: '2026-01-01T00:00:00Z' }),
    nodes: {
      ...this.#writable('nodes', {}),
      accept: async (id: string) => {
        this.#note(`nodes.accept ${id}`);
        return { id, epoch: 'e', revision: 7 };
      },
    },
    concentrators: {
      ...this.#reader('concentrators'),
      move: async (id: string, body: object) => {
        this.#note(`concentrators.move ${id} ${JSON.stringify(body)}`);
        return { ...this.items.get('concentrators')?.find((each) => each.id === id), ...body };
      },
    },
    routers: {
      ...this.#writable('routers', { external_gateway_info: null, routes: [], status: 'ACTIVE', tenant_id: RED }),
      addInterface: async (id: string, body: object) => {
        this.#note(`routers.addInterface ${id} ${JSON.stringify(body)}`);
        return { id, ...body };
      },
      removeInterface: async (id: string, body: object) => {
        this.#note(`routers.removeInterface ${id} ${JSON.stringify(body)}`);
        return { id, ...body };
      },
    },
    floatingIps: this.#writable('floatingIps', {
      floating_ip_address: '203.0.113.20',
      port_id: null,
      fixed_ip_address: null,
      port_forwardings: [],
      status: 'DOWN',
      tenant_id: RED,
    }),
    portForwardings: (floatingIp: string) => {
      this.#note(`portForwardings of ${floatingIp}`);
      return this.#writable('portForwardings', { external_port: null, internal_port: null });
    },
    why: async (id: string) => {
      this.#note(`why ${id}`);
      return this.items.get('why')?.find((each) => each['port_id'] === id);
    },
    pools: this.#reader('pools'),
    firewallRules: this.#writable('firewallRules', {
      tenant_id: RED,
      port_id: null,
      protocol: null,
      remote_cidr: null,
      port_min: null,
      port_max: null,
      priority: 32_768,
      description: '',
    }),
    natRules: this.#writable('natRules', {
      tenant_id: RED,
      port_id: null,
      protocol: null,
      remote_cidr: null,
      port_min: null,
      port_max: null,
      floating_ip_id: null,
      to_port: null,
      priority: 32_768,
      description: '',
    }),
    events: {
      list: async (query: object) => {
        this.#note(`events.list ${JSON.stringify(query)}`);
        const events = this.items.get('events') ?? [];
        return { events, last: Number(events.at(-1)?.['seq'] ?? 0), truncated: false };
      },
      follow: (after: number) => {
        this.#note(`events.follow ${after}`);
        return ReadableStream.from(this.items.get('coming') ?? []);
      },
    },
    // The write is noted as one, and undone.
    preview: async (action: (to: Collections) => Promise<unknown>) => {
      const before = structuredClone(this.items);
      this.#note('dry run of');
      await action(this.api);
      for (const [collection, items] of before) this.items.set(collection, items);
      return this.foretold;
    },
  } as unknown as Api;

  add(collection: string, ...items: readonly Item[]): this {
    this.items.set(collection, [...(this.items.get(collection) ?? []), ...items]);
    return this;
  }

  #note(call: string): void {
    this.calls.push(call);
    const failure = this.failures.get(call);
    this.failures.delete(call);
    if (failure !== undefined) throw failure;
  }

  #reader(collection: string): Reader<Item> {
    const all = (): readonly Item[] => this.items.get(collection) ?? [];
    return {
      list: async (filters = {}) => {
        this.#note(`${collection}.list${Object.keys(filters).length === 0 ? '' : ` ${JSON.stringify(filters)}`}`);
        return all().filter((item) => Object.entries(filters).every(([key, value]) => item[key] === value));
      },
      show: async (id) => {
        this.#note(`${collection}.show ${id}`);
        const next = collection === 'instances' ? this.instanceStates.shift() : undefined;
        if (next !== undefined && this.instanceStates.length === 0) this.instanceStates.push(next);
        const item = next ?? all().find((each) => each.id === id);
        if (item === undefined)
          throw new ApiError({ status: 404, code: 'not_found', message: `${id} could not be found.`, retryable: false });
        return item;
      },
    };
  }

  #writable(collection: string, defaults: object): object {
    return {
      ...this.#reader(collection),
      create: async (body: object) => {
        this.#note(`${collection}.create ${JSON.stringify(body)}`);
        this.#made += 1;
        const item = { ...defaults, id: `aaaaaaaa-0000-4000-8000-00000000000${this.#made}`, ...body } as Item;
        this.add(collection, item);
        return item;
      },
      update: async (id: string, body: object) => {
        this.#note(`${collection}.update ${id} ${JSON.stringify(body)}`);
        return { ...defaults, ...this.items.get(collection)?.find((each) => each.id === id), ...body } as Item;
      },
      delete: async (id: string) => {
        this.#note(`${collection}.delete ${id}`);
        this.items.set(
          collection,
          (this.items.get(collection) ?? []).filter((item) => item.id !== id),
        );
      },
    };
  }
}

export type Ran = Readonly<{ out: string; err: string; code: number | string | null | undefined }>;

/** Runs one command line, given as one would type it, without the program's name. Time is a counter that sleeping moves. */
export async function weft(
  line: string,
  fake = new FakeApi(),
  options: Readonly<{ columns?: number; colours?: boolean }> = {},
): Promise<Ran> {
  let out = '';
  let err = '';
  let nowMs = 0;
  const { columns, colours } = options;
  const context: CliContext = {
    process: {
      stdout: {
        write: (text) => (out += text),
        ...(columns === undefined ? {} : { columns }),
        ...(colours === undefined ? {} : { getColorDepth: () => 8 }),
      },
      stderr: { write: (text) => (err += text) },
      env: {},
    },
    connect: async (as = 'admin') => ({ api: fake.api, as }),
    clock: { nowMs: () => nowMs, sleep: async (ms) => void (nowMs += ms) },
  };
  await runCommand(line === '' ? [] : line.split(' '), context);
  return { out, err, code: context.process.exitCode };
}
