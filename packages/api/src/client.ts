import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { RequestOptions } from 'node:https';
import { WeftError } from '@weft/core/weft-error';
import { ApiError } from './api-error.ts';
import { followEvents } from './event-stream.ts';
import type { DryRunView } from './dry-run.ts';
import type { CollectionNames, CreateBody, UpdateBody, View } from './attribute.ts';
import { FLOATING_IPS } from './floating-ips.ts';
import type { floatingIpAttributes } from './floating-ips.ts';
import { NETWORKS } from './networks.ts';
import type { networkAttributes } from './networks.ts';
import { PORT_FORWARDINGS } from './port-forwardings.ts';
import type { portForwardingAttributes } from './port-forwardings.ts';
import { PORTS } from './ports.ts';
import type { portAttributes } from './ports.ts';
import { ROUTERS } from './routers.ts';
import type { RouterInterfaceBody, RouterInterfaceView, routerAttributes } from './routers.ts';
import { SECURITY_GROUP_RULES, SECURITY_GROUPS } from './security-groups.ts';
import type { securityGroupAttributes, securityGroupRuleAttributes } from './security-groups.ts';
import { SUBNETS } from './subnets.ts';
import type { subnetAttributes } from './subnets.ts';
import type {
  AcceptedView,
  ConcentratorView,
  CreateFirewallRuleBody,
  CreateInstanceBody,
  CreateNatRuleBody,
  CreateTenantBody,
  EventView,
  EventsView,
  FirewallRuleView,
  HealthView,
  InstanceView,
  NewTenantView,
  MoveConcentratorBody,
  NatRuleView,
  NodeView,
  PoolView,
  PortWhyView,
  TenantView,
  UpdateFirewallRuleBody,
  UpdateNatRuleBody,
  UpdateTenantBody,
} from './v1.ts';

export type WeftClientOptions = Readonly<{
  /** `https://host:8889`; a path in front of /v2.0 and /v1 is kept. */
  url: string;
  /** The cluster's authority, PEM; absent: those that the machine trusts. */
  ca?: string;
  token: string;
  /** Default 30000. */
  timeoutMs?: number;
  /** Writes are only asked about, and end in an error that {@link WeftClient.preview} understands. */
  foretell?: boolean;
}>;

/** Node's `https.request`, or `http.request` for a test. */
export type RequestFunction = (url: URL, options: RequestOptions, onResponse: (response: IncomingMessage) => void) => ClientRequest;
type ClientRequest = ReturnType<typeof httpsRequest>;

export type WeftClientDeps = Readonly<{ request?: RequestFunction }>;

export type CallOptions = Readonly<{ signal?: AbortSignal }>;

/** Values that match any of a list; a key more narrows. */
export type Filters = Readonly<Record<string, string | number | boolean | readonly string[]>>;

const DEFAULT_TIMEOUT_MS = 30_000;

/** A read-only collection. */
export type Reader<V> = Readonly<{
  list(filters?: Filters, options?: CallOptions): Promise<readonly V[]>;
  show(id: string, options?: CallOptions): Promise<V>;
}>;

/** A collection of /v2.0: what can be created, changed and seen is what its table of attributes says. */
export type Collection<T> = Reader<View<T>> &
  Readonly<{
    create(body: CreateBody<T>, options?: CallOptions): Promise<View<T>>;
    /** All of them or none. */
    createMany(bodies: readonly CreateBody<T>[], options?: CallOptions): Promise<readonly View<T>[]>;
    update(id: string, body: UpdateBody<T>, options?: CallOptions): Promise<View<T>>;
    delete(id: string, options?: CallOptions): Promise<void>;
  }>;

/** The API's client for the CLI, the lab and tests. Every failure is an ApiError, or the signal's reason. */
export class WeftClient {
  readonly #options: WeftClientOptions;
  readonly #base: URL;
  readonly #request: RequestFunction;

  readonly networks: Collection<typeof networkAttributes> = this.#collection(NETWORKS);
  readonly subnets: Collection<typeof subnetAttributes> = this.#collection(SUBNETS);
  readonly ports: Collection<typeof portAttributes> = this.#collection(PORTS);
  readonly securityGroups: Collection<typeof securityGroupAttributes> = this.#collection(SECURITY_GROUPS);
  /** Rules cannot be changed, only replaced. */
  readonly securityGroupRules: Omit<Collection<typeof securityGroupRuleAttributes>, 'update'> = this.#collection(SECURITY_GROUP_RULES);

  readonly routers: Collection<typeof routerAttributes> &
    Readonly<{
      addInterface(id: string, body: RouterInterfaceBody, options?: CallOptions): Promise<RouterInterfaceView>;
      removeInterface(id: string, body: RouterInterfaceBody, options?: CallOptions): Promise<RouterInterfaceView>;
    }> = {
    ...this.#collection<typeof routerAttributes>(ROUTERS),
    addInterface: (id, body, options) => this.call('PUT', `/v2.0/${ROUTERS.path}/${path(id)}/add_router_interface`, body, options),
    removeInterface: (id, body, options) => this.call('PUT', `/v2.0/${ROUTERS.path}/${path(id)}/remove_router_interface`, body, options),
  };
  readonly floatingIps: Collection<typeof floatingIpAttributes> = this.#collection(FLOATING_IPS);

  /** Those of one floating IP. */
  portForwardings(floatingIpId: string): Collection<typeof portForwardingAttributes> {
    return this.#collection(PORT_FORWARDINGS, `${FLOATING_IPS.path}/${path(floatingIpId)}/${PORT_FORWARDINGS.path}`);
  }

  readonly tenants = {
    ...this.#v1<TenantView>('tenants'),
    create: (body: CreateTenantBody, options?: CallOptions): Promise<NewTenantView> => this.call('POST', '/v1/tenants', body, options),
    update: (id: string, body: UpdateTenantBody, options?: CallOptions): Promise<TenantView> =>
      this.call('PUT', `/v1/tenants/${path(id)}`, body, options),
    delete: (id: string, options?: CallOptions): Promise<void> => this.call('DELETE', `/v1/tenants/${path(id)}`, undefined, options),
  };
  readonly nodes = {
    ...this.#v1<NodeView>('nodes'),
    accept: (id: string, options?: CallOptions): Promise<AcceptedView> =>
      this.call('POST', `/v1/nodes/${path(id)}/accept`, undefined, options),
    delete: (id: string, options?: CallOptions): Promise<void> => this.call('DELETE', `/v1/nodes/${path(id)}`, undefined, options),
  };
  readonly instances = {
    ...this.#v1<InstanceView>('instances'),
    create: (body: CreateInstanceBody, options?: CallOptions): Promise<InstanceView> => this.call('POST', '/v1/instances', body, options),
    delete: (id: string, options?: CallOptions): Promise<void> => this.call('DELETE', `/v1/instances/${path(id)}`, undefined, options),
  };
  readonly concentrators = {
    ...this.#v1<ConcentratorView>('concentrators'),
    move: (id: string, body: MoveConcentratorBody = null, options?: CallOptions): Promise<ConcentratorView> =>
      this.call('POST', `/v1/concentrators/${path(id)}/move`, body ?? undefined, options),
  };
  readonly firewallRules = {
    list: async (filters?: Filters, options?: CallOptions): Promise<readonly FirewallRuleView[]> =>
      (
        await this.call<{ firewall_rules: readonly FirewallRuleView[] }>(
          'GET',
          `/v1/firewall-rules${queryText(filters)}`,
          undefined,
          options,
        )
      ).firewall_rules,
    show: (id: string, options?: CallOptions): Promise<FirewallRuleView> =>
      this.call('GET', `/v1/firewall-rules/${path(id)}`, undefined, options),
    create: (body: CreateFirewallRuleBody, options?: CallOptions): Promise<FirewallRuleView> =>
      this.call('POST', '/v1/firewall-rules', body, options),
    update: (id: string, body: UpdateFirewallRuleBody, options?: CallOptions): Promise<FirewallRuleView> =>
      this.call('PUT', `/v1/firewall-rules/${path(id)}`, body, options),
    delete: (id: string, options?: CallOptions): Promise<void> => this.call('DELETE', `/v1/firewall-rules/${path(id)}`, undefined, options),
  };
  readonly natRules = {
    list: async (filters?: Filters, options?: CallOptions): Promise<readonly NatRuleView[]> =>
      (await this.call<{ nat_rules: readonly NatRuleView[] }>('GET', `/v1/nat-rules${queryText(filters)}`, undefined, options)).nat_rules,
    show: (id: string, options?: CallOptions): Promise<NatRuleView> => this.call('GET', `/v1/nat-rules/${path(id)}`, undefined, options),
    create: (body: CreateNatRuleBody, options?: CallOptions): Promise<NatRuleView> => this.call('POST', '/v1/nat-rules', body, options),
    update: (id: string, body: UpdateNatRuleBody, options?: CallOptions): Promise<NatRuleView> =>
      this.call('PUT', `/v1/nat-rules/${path(id)}`, body, options),
    delete: (id: string, options?: CallOptions): Promise<void> => this.call('DELETE', `/v1/nat-rules/${path(id)}`, undefined, options),
  };
  readonly events = {
    /** The newest, or what came after a number; at most `limit` (default 100) of them, oldest first. */
    list: (query?: Filters, options?: CallOptions): Promise<EventsView> =>
      this.call('GET', `/v1/events${queryText(query)}`, undefined, options),
    /** Each as it happens, beginning after a number if one is given. It connects again by itself. Throws ApiError for what will not pass. */
    follow: (after?: number, options: CallOptions = {}): AsyncIterable<EventView> =>
      followEvents({ after, signal: options.signal }, (seq, signal) => this.#stream(`/v1/events`, seq, signal)),
  };
  readonly pools: Reader<PoolView> = this.#v1<PoolView>('pools');

  constructor(options: WeftClientOptions, deps: WeftClientDeps = {}) {
    this.#options = options;
    this.#base = new URL(options.url);
    this.#request = deps.request ?? httpsRequest;
  }

  health(options?: CallOptions): Promise<HealthView> {
    return this.call('GET', '/healthz', undefined, options);
  }

  /** What was dropped of a port, and why. */
  why(portId: string, options?: CallOptions): Promise<PortWhyView> {
    return this.call('GET', `/v1/ports/${path(portId)}/why`, undefined, options);
  }

  /**
   * What the first write of `action` would do; it is given a client that only asks, and does not come further. Rejects as the write would, and
   * with `dry_run_ignored` where the server did what it was to be asked about.
   */
  async preview(action: (client: WeftClient) => Promise<unknown>): Promise<DryRunView> {
    try {
      await action(new WeftClient({ ...this.#options, foretell: true }, { request: this.#request }));
    } catch (error) {
      if (error instanceof Foretold) return error.view;
      throw error;
    }
    throw new Error('the action to preview writes nothing');
  }

  /** Any call: `target` is path and query, the answer is its JSON, undefined for none. Throws ApiError or the signal's reason. */
  async call<T>(method: string, target: string, body?: unknown, options: CallOptions = {}): Promise<T> {
    if (this.#options.foretell !== true || method === 'GET') return this.#call(method, target, body, options);
    const view = await this.#call<DryRunView | undefined>(
      method,
      `${target}${target.includes('?') ? '&' : '?'}dry_run=true`,
      body,
      options,
    );
    if (view?.dry_run === true) throw new Foretold(view);
    throw new WeftError('dry_run_ignored', `${method} ${target} was to be a dry run, but the server did it`, {
      remedy: 'It is of a release without dry runs: upgrade it, and see what was changed.',
    });
  }

  async #call<T>(method: string, target: string, body: unknown, options: CallOptions): Promise<T> {
    const url = new URL(this.#base.pathname.replace(/\/$/, '') + target, this.#base);
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const answer = await this.#send(method, url, payload, options.signal);
    if (answer.status < 200 || answer.status > 299) throw ApiError.fromAnswer(`${method} ${target}`, answer);
    if (answer.text === '') return undefined as T;
    try {
      return JSON.parse(answer.text) as T;
    } catch (cause) {
      throw ApiError.notUnderstood(`${method} ${target}`, answer.status, cause);
    }
  }

  /** An answer that goes on: its status is checked, its body is the caller's. Throws ApiError or the signal's reason. */
  #stream(target: string, lastEventId: number | undefined, signal: AbortSignal): Promise<IncomingMessage> {
    const { token, ca } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const headers = {
      'x-auth-token': token,
      accept: 'text/event-stream',
      ...(lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) }),
    };
    const url = new URL(this.#base.pathname.replace(/\/$/, '') + target, this.#base);
    const request = this.#request(url, { method: 'GET', headers, signal, ...(ca === undefined ? {} : { ca }) }, (response) => {
      const status = response.statusCode ?? 0;
      if (status === 200) return resolve(response);
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (cause) => reject(ApiError.unreachable(url.origin, cause)));
      response.on('end', () => reject(ApiError.fromAnswer(`GET ${target}`, { status, text: Buffer.concat(chunks).toString('utf8') })));
    });
    request.on('error', (cause) => reject(ApiError.unreachable(url.origin, cause)));
    request.end();
    return promise;
  }

  #send(method: string, url: URL, payload: string | undefined, signal: AbortSignal | undefined): Promise<Answer> {
    const { token, ca, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const deadline = AbortSignal.timeout(timeoutMs);
    const headers = {
      'x-auth-token': token,
      accept: 'application/json',
      ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) }),
    };
    const fail = (cause: unknown): void => {
      if (signal?.aborted === true) reject(signal.reason);
      else reject(ApiError.unreachable(url.origin, deadline.aborted ? new Error(`no answer within ${timeoutMs} ms`) : cause));
    };
    const request = this.#request(
      url,
      {
        method,
        headers,
        signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
        ...(ca === undefined ? {} : { ca }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', fail);
        response.on('end', () => {
          const requestId = response.headers['x-openstack-request-id'];
          resolve({
            status: response.statusCode ?? 0,
            text: Buffer.concat(chunks).toString('utf8'),
            requestId: typeof requestId === 'string' ? requestId : undefined,
          });
        });
      },
    );
    request.on('error', fail);
    request.end(payload);
    return promise;
  }

  #collection<T>({ path: own, plural, singular }: CollectionNames, below: string = own): Collection<T> {
    const at = `/v2.0/${below}`;
    const unwrap = async (key: string, answer: Promise<Readonly<Record<string, unknown>>>): Promise<never> => (await answer)[key] as never;
    return {
      list: (filters, options) => unwrap(plural, this.call('GET', at + queryText(filters), undefined, options)),
      show: (id, options) => unwrap(singular, this.call('GET', `${at}/${path(id)}`, undefined, options)),
      create: (body, options) => unwrap(singular, this.call('POST', at, { [singular]: body }, options)),
      createMany: (bodies, options) => unwrap(plural, this.call('POST', at, { [plural]: bodies }, options)),
      update: (id, body, options) => unwrap(singular, this.call('PUT', `${at}/${path(id)}`, { [singular]: body }, options)),
      delete: (id, options) => this.call('DELETE', `${at}/${path(id)}`, undefined, options),
    };
  }

  #v1<V>(collection: string): Reader<V> {
    return {
      list: async (filters, options) =>
        (await this.call<Readonly<Record<string, readonly V[]>>>('GET', `/v1/${collection}${queryText(filters)}`, undefined, options))[
          collection
        ] ?? [],
      show: (id, options) => this.call('GET', `/v1/${collection}/${path(id)}`, undefined, options),
    };
  }
}

/** Ends an action where its write would have been done. */
class Foretold extends Error {
  readonly view: DryRunView;

  constructor(view: DryRunView) {
    super('only asked about');
    this.view = view;
  }
}

type Answer = Readonly<{ status: number; text: string; requestId: string | undefined }>;

function path(id: string): string {
  return encodeURIComponent(id);
}

function queryText(filters: Filters = {}): string {
  const query = new URLSearchParams();
  for (const [key, values] of Object.entries(filters)) {
    for (const value of Array.isArray(values) ? (values as readonly string[]) : [values]) query.append(key, String(value));
  }
  return query.size === 0 ? '' : `?${query.toString()}`;
}
