import { Fields, integerIn, listOf, oneOf, parseCount, parseString } from '../fields.ts';
import { parseIp } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Ipv4 } from '../ipv4.ts';
import { parseIpv6 } from '../ipv6.ts';
import type { Ipv6 } from '../ipv6.ts';
import { parseMac } from '../mac.ts';
import type { Mac } from '../mac.ts';
import { parseStaticRoute } from '../router.ts';
import type { StaticRoute } from '../router.ts';
import { parseUserData } from '../user-data.ts';
import { parseUuid } from '../uuid.ts';
import type { InstanceId, NetworkId, PortId, TenantId } from '../uuid.ts';

/** A workload that this node runs. Key: the instance's id. */
export type InstanceBody = Readonly<{
  instanceId: InstanceId;
  name: string;
  /** Only the highest generation of an instance may run, anywhere. */
  generation: number;
  runner: 'namespace';
  command: readonly string[];
  portId: PortId;
  mac: Mac;
  mtu: number;
  /** `static`: the runner configures `addresses` and the default route. `dhcp`: it only brings the link up. */
  addressing: 'static' | 'dhcp';
  addresses: readonly Readonly<{ address: IpAddress; prefixLength: number }>[];
  gateway: Ipv4 | undefined;
  /** Beside the default route. Absent: none. */
  routes?: readonly StaticRoute[] | undefined;
  gateway6?: Ipv6 | undefined;
  /** From here on what only the metadata service tells. */
  tenantId?: TenantId | undefined;
  networkId?: NetworkId | undefined;
  /** Public addresses that lead to its port as a whole, sorted. Absent: none. */
  publicIps?: readonly Ipv4[] | undefined;
  /** In base64. */
  userData?: string | undefined;
}>;

export const instanceKey = (instanceId: InstanceId): string => instanceId;

export function parseInstanceBody(value: unknown): InstanceBody {
  const f = new Fields(value, 'instance');
  return {
    instanceId: f.required('instanceId', parseUuid<InstanceId>),
    name: f.required('name', parseString),
    generation: f.required('generation', parseCount),
    runner: f.required('runner', oneOf('namespace')),
    command: f.required('command', listOf(parseString)),
    portId: f.required('portId', parseUuid<PortId>),
    mac: f.required('mac', parseMac),
    mtu: f.required('mtu', integerIn(68, 65_535)),
    addressing: f.required('addressing', oneOf('static', 'dhcp')),
    addresses: f.list('addresses', (value, what) => {
      const a = new Fields(value, what);
      return { address: a.required('address', parseIp), prefixLength: a.required('prefixLength', integerIn(0, 128)) };
    }),
    gateway: f.optional('gateway', parseIpv4),
    routes: f.optional('routes', listOf(parseStaticRoute)),
    gateway6: f.optional('gateway6', parseIpv6),
    tenantId: f.optional('tenantId', parseUuid<TenantId>),
    networkId: f.optional('networkId', parseUuid<NetworkId>),
    publicIps: f.optional('publicIps', listOf(parseIpv4)),
    userData: f.optional('userData', parseUserData),
  };
}
