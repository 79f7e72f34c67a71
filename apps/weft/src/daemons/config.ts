/** The daemons' configuration files as schemas (design §3). Unknown keys, wrong types and missing keys are told by line. */
import { isIP } from 'node:net';
import { originProblem } from '@weft/controller/rest/cors';
import { cidrContains, parseCidr } from '@weft/core/cidr';
import type { Cidr } from '@weft/core/cidr';
import type { ClusterConfig } from '@weft/core/command/context';
import { ipv4ToNumber, parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { QUOTA_RESOURCES, UNLIMITED } from '@weft/core/quota';
import { VNI_MAX } from '@weft/core/vni';
import { InvalidValue } from '@weft/core/weft-error';
import { ConfigError } from '@weft/daemon/config';
import { Type } from 'typebox';
import type { Static } from 'typebox';

export const LogLevelKey = Type.Union(
  [Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error'), Type.Literal('silent')],
  { default: 'info' },
);

/** Paths of PEM files: the authority, this process's certificate, its key. */
export const CredentialKeys = { ca: Type.String(), cert: Type.String(), key: Type.String() };

/** Where a process listens. `host` absent: on all addresses. */
const listen = (port: number) => ({
  host: Type.Optional(Type.String()),
  port: Type.Integer({ minimum: 0, maximum: 65_535, default: port }),
});

export const SsntpKey = Type.Object(listen(8888), { default: {} });
/** `cors`: of which other origins pages may use the API; none without it.
 *  `trustedProxies`: addresses and prefixes of proxies before the API, whose word on where a request came from is believed. */
export const HttpsKey = Type.Object(
  {
    ...listen(8889),
    trustedProxies: Type.Array(Type.String(), { default: [] }),
    cors: Type.Optional(Type.Object({ origins: Type.Array(Type.String(), { minItems: 1 }) })),
  },
  { default: {} },
);

export type HttpsKeys = Static<typeof HttpsKey>;

/** Below 1024 are the ports of services that somebody may forward. */
const SshPortKey = Type.Integer({ minimum: 1024, maximum: 65_535 });

const QuotaKey = Type.Integer({ minimum: UNLIMITED, maximum: 2 ** 31 - 1 });

/** What the whole cluster shares; nodes learn it in CONNECTED. */
export const ClusterKey = Type.Object(
  {
    vxlanPort: Type.Integer({ minimum: 1, maximum: 65_535, default: 14_789 }),
    vniFirst: Type.Integer({ minimum: 1, maximum: VNI_MAX, default: 10_000 }),
    vniLast: Type.Integer({ minimum: 1, maximum: VNI_MAX, default: VNI_MAX }),
    underlayMtuBytes: Type.Integer({ minimum: 576, maximum: 65_535, default: 1500 }),
    /** Prefixes of the compute network, in which nodes have their VTEP addresses. */
    computeCidrs: Type.Array(Type.String(), { default: [] }),
    managementCidrs: Type.Array(Type.String(), { default: [] }),
    defaultTopology: Type.Union([Type.Literal('mesh'), Type.Literal('concentrator')], { default: 'mesh' }),
    connectionsPerPort: Type.Integer({ minimum: 1, maximum: 16_000_000, default: 10_000 }),
    /** The addresses that concentrators take on the uplink. Without it tenants have no way out. */
    uplink: Type.Optional(Type.Object({ cidr: Type.String(), gateway: Type.String(), first: Type.String(), last: Type.String() })),
    /** Addresses in the compute network for machines that run `weft concentrator` with `address: pool`. */
    concentratorAddresses: Type.Optional(Type.Object({ cidr: Type.String(), first: Type.String(), last: Type.String() })),
    /** Ports of a concentrator's own address for SSH to workloads. Without them there is no such reach. */
    sshPorts: Type.Optional(Type.Object({ first: SshPortKey, last: SshPortKey })),
    /** How many of each a tenant may have, where its own limits do not say; -1: any number. */
    quotas: Type.Optional(Type.Object(Object.fromEntries(QUOTA_RESOURCES.map((name) => [name, Type.Optional(QuotaKey)])))),
    /** How long a concentrator that nothing uses is kept. */
    concentratorIdleSeconds: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 300 }),
    /** What tenants' names end in, in their own DNS. */
    dnsDomain: Type.String({ default: 'weft.internal' }),
  },
  { default: {} },
);

export const CommonKeys = { logLevel: LogLevelKey, ...CredentialKeys };
export const DirectoryKeys = {
  stateDir: Type.String({ default: '/var/lib/weft' }),
  runDir: Type.String({ default: '/run/weft' }),
};

export type ClusterKeys = Static<typeof ClusterKey>;

/** Outer Ethernet, IPv4, UDP and VXLAN headers around a tenant's frame, less that frame's own Ethernet header's place in the MTU. */
const VXLAN_OVERHEAD_BYTES = 50;

/** Throws ConfigError for what a schema cannot say. */
export function checkHttps(path: string, { trustedProxies, cors }: HttpsKeys): void {
  checkTrustedProxies(path, trustedProxies);
  const problems = (cors?.origins ?? []).flatMap((origin) => {
    const problem = originProblem(origin);
    return problem === undefined ? [] : [{ line: undefined, key: 'https.cors.origins', message: `${origin} ${problem}` }];
  });
  if (problems.length > 0) throw new ConfigError(path, problems);
}

/** Throws ConfigError for what is neither an address nor a prefix. */
function checkTrustedProxies(path: string, proxies: readonly string[]): void {
  const wrong = proxies.filter((proxy) => {
    const [address = '', length, more] = proxy.split('/');
    const bits = isIP(address) === 6 ? 128 : 32;
    return isIP(address) === 0 || more !== undefined || (length !== undefined && !(/^\d{1,3}$/.test(length) && Number(length) <= bits));
  });
  if (wrong.length === 0) return;
  const message = 'is neither an address nor a prefix like 192.0.2.0/24';
  throw new ConfigError(
    path,
    wrong.map((proxy) => ({ line: undefined, key: 'https.trustedProxies', message: `${proxy} ${message}` })),
  );
}

/** What a schema cannot say: addresses, prefixes and their order. Throws ConfigError with every problem. */
export function parseCluster(path: string, keys: ClusterKeys): ClusterConfig {
  const problems: { line: undefined; key: string; message: string }[] = [];
  const parse = <T>(key: string, value: string, parser: (value: unknown, what: string) => T): T | undefined => {
    try {
      return parser(value, 'value');
    } catch (error) {
      problems.push({ line: undefined, key: `cluster.${key}`, message: (error as Error).message });
      return undefined;
    }
  };
  const list = (key: 'computeCidrs' | 'managementCidrs'): Cidr[] =>
    keys[key].map((cidr, index) => parse(`${key}[${index}]`, cidr, parseCidr)).filter((cidr) => cidr !== undefined);
  const cluster: ClusterConfig = {
    mtu: keys.underlayMtuBytes - VXLAN_OVERHEAD_BYTES,
    vniRange: { first: keys.vniFirst, last: keys.vniLast },
    defaultTopology: keys.defaultTopology,
    computeCidrs: list('computeCidrs'),
    managementCidrs: list('managementCidrs'),
    uplink: parseUplink(keys.uplink, parse),
    concentratorAddresses: parseRange('concentratorAddresses', keys.concentratorAddresses, list('computeCidrs'), parse),
    sshPorts: keys.sshPorts,
    dnsDomain: keys.dnsDomain,
    ...(keys.quotas === undefined ? {} : { quotas: keys.quotas }),
  };
  parse('dnsDomain', keys.dnsDomain, parseDnsDomain);
  if (keys.sshPorts !== undefined && keys.sshPorts.first > keys.sshPorts.last) {
    const { first, last } = keys.sshPorts;
    problems.push({ line: undefined, key: 'cluster.sshPorts.last', message: `${last} is below first, ${first}` });
  }
  if (keys.vniFirst > keys.vniLast) {
    problems.push({ line: undefined, key: 'cluster.vniLast', message: `${keys.vniLast} is below vniFirst, ${keys.vniFirst}` });
  }
  if (problems.length > 0) throw new ConfigError(path, problems);
  return cluster;
}

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** A workload's name, up to 63 characters, and the dot before the domain have to fit into 253 (RFC 1035 §2.3.4). */
const LONGEST_DNS_DOMAIN = 189;

function parseDnsDomain(value: unknown, what: string): void {
  if (typeof value !== 'string' || value.length > LONGEST_DNS_DOMAIN || !value.split('.').every((label) => DNS_LABEL.test(label))) {
    throw new InvalidValue(what, value, 'is not a domain in lower case such as weft.internal');
  }
}

type ParseKey = <T>(key: string, value: string, parser: (value: unknown, what: string) => T) => T | undefined;

function parseUplink(keys: ClusterKeys['uplink'], parse: ParseKey): ClusterConfig['uplink'] {
  if (keys === undefined) return undefined;
  const cidr = parse('uplink.cidr', keys.cidr, parseCidr);
  const address = (key: 'gateway' | 'first' | 'last'): Ipv4 | undefined =>
    parse(`uplink.${key}`, keys[key], (value, what) => {
      const parsed = parseIpv4(value, what);
      if (cidr !== undefined && !cidrContains(cidr, parsed)) throw new InvalidValue(what, value, `is not in ${cidr}`);
      return parsed;
    });
  const [gateway, first, last] = [address('gateway'), address('first'), address('last')];
  if (cidr === undefined || gateway === undefined || first === undefined || last === undefined) return undefined;
  parse('uplink.last', keys.last, (value, what) => {
    if (ipv4ToNumber(last) < ipv4ToNumber(first)) throw new InvalidValue(what, value, `is below first, ${first}`);
  });
  return { cidr, gateway, first, last };
}

/** A range of addresses in a prefix; problems are told by key. */
function parseRange(
  name: 'concentratorAddresses',
  keys: ClusterKeys[typeof name],
  computeCidrs: readonly Cidr[],
  parse: ParseKey,
): Readonly<{ cidr: Cidr; first: Ipv4; last: Ipv4 }> | undefined {
  if (keys === undefined) return undefined;
  const cidr = parse(`${name}.cidr`, keys.cidr, parseCidr);
  const address = (key: 'first' | 'last'): Ipv4 | undefined =>
    parse(`${name}.${key}`, keys[key], (value, what) => {
      const parsed = parseIpv4(value, what);
      if (cidr !== undefined && !cidrContains(cidr, parsed)) throw new InvalidValue(what, value, `is not in ${cidr}`);
      return parsed;
    });
  const [first, last] = [address('first'), address('last')];
  if (cidr === undefined || first === undefined || last === undefined) return undefined;
  parse(`${name}.cidr`, keys.cidr, (value, what) => {
    if (!computeCidrs.some((network) => cidrContains(network, first))) throw new InvalidValue(what, value, 'is in none of computeCidrs');
  });
  parse(`${name}.last`, keys.last, (value, what) => {
    if (ipv4ToNumber(last) < ipv4ToNumber(first)) throw new InvalidValue(what, value, `is below first, ${first}`);
  });
  return { cidr, first, last };
}

/** CONNECTED's payload: what every node has to know of the cluster (design §3, ssntp.md §11.1). */
export function connectedPayload(keys: ClusterKeys): unknown {
  return {
    configure: {
      launcher: { compute_net: keys.computeCidrs, mgmt_net: keys.managementCidrs },
      weft: {
        vxlan_port: keys.vxlanPort,
        mtu: keys.underlayMtuBytes - VXLAN_OVERHEAD_BYTES,
        connections_per_port: keys.connectionsPerPort,
        dns_domain: keys.dnsDomain,
      },
    },
  };
}
