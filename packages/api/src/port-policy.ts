import type { CreatePort, UpdatePort } from '@weft/core/command/port';
import type { Network, Port } from '@weft/core/resource';
import type { Caller } from './caller.ts';
import { maySee } from './caller.ts';
import { Forbidden } from './request-error.ts';

/**
 * What of a port on another project's network only that project and administrators say (neutron-api.md §5.1): how the port is known on the
 * segment, and what it may do there. Saying what holds anyway is no such wish. Throws Forbidden.
 */
export function checkNewPort(caller: Caller, network: Network, request: CreatePort): void {
  if (maySee(caller, network)) return;
  const { mac, fixedIps = [], portSecurityEnabled = network.portSecurityEnabled, addressPairs = [], deviceOwner } = request;
  refuse('create', {
    mac_address: mac !== undefined,
    'fixed_ips:ip_address': fixedIps.some(({ address }) => address !== undefined),
    port_security_enabled: portSecurityEnabled !== network.portSecurityEnabled,
    allowed_address_pairs: addressPairs.length > 0,
    device_owner: isNetworks(deviceOwner),
  });
}

/** As {@link checkNewPort}, of what is to change. */
export function checkPortChange(caller: Caller, network: Network, old: Port, request: UpdatePort): void {
  if (maySee(caller, network)) return;
  const { fixedIps = [], portSecurityEnabled = old.portSecurityEnabled, addressPairs, deviceOwner = old.deviceOwner } = request;
  const held = new Set(old.fixedIps.map(({ address }) => address));
  const pairs = old.addressPairs ?? [];
  const arePairsSame =
    addressPairs === undefined ||
    (addressPairs.length === pairs.length &&
      addressPairs.every(({ cidr, mac = old.mac }, index) => pairs[index]?.cidr === cidr && pairs[index].mac === mac));
  refuse('update', {
    'fixed_ips:ip_address': fixedIps.some(({ address }) => address !== undefined && !held.has(address)),
    port_security_enabled: portSecurityEnabled !== old.portSecurityEnabled,
    allowed_address_pairs: !arePairsSame && addressPairs?.length !== 0,
    device_owner: deviceOwner !== old.deviceOwner && isNetworks(deviceOwner),
  });
}

function isNetworks(deviceOwner: string): boolean {
  return deviceOwner.startsWith('network:');
}

function refuse(verb: 'create' | 'update', wishes: Readonly<Record<string, boolean>>): void {
  const [name] = Object.entries(wishes).find(([, isWished]) => isWished) ?? [];
  if (name !== undefined) throw new Forbidden(`(rule:${verb}_port and rule:${verb}_port:${name}) is disallowed by policy`);
}
