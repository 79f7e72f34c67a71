import type { Ipv4 } from '@weft/core/ipv4';
import { localMac } from '@weft/core/mac';
import { arpReply } from '../packet/arp.ts';
import { encodeRouterAdvertisement } from '../packet/router-advertisement.ts';
import { arpFrame, dhcpOfferFrame, udpFrame } from './frames.ts';
import type { Endpoint } from './frames.ts';

/** Why the data path drops a frame of a workload that lies about itself: the names of its counters. */
export type ForgeryReason = 'spoof_mac' | 'spoof_ip' | 'spoof_arp' | 'spoof_dhcp' | 'spoof_ra' | 'ethertype';

/** A frame that must not leave a workload's port, and the reason under which it is counted. */
export type Forgery = Readonly<{ name: string; reason: ForgeryReason; frame: Uint8Array }>;

/**
 * Every lie that anti-spoofing must stop, sent by `attacker` to `receiver`, each with `token` in it. `victim` is a third endpoint of the
 * segment, `gateway` the address that everybody trusts most. The first four pass a port with port security off; the last three only when
 * the port's guard is lifted altogether. One reply poisons the receiver's neighbour entries if it arrives: flush them afterwards.
 */
export function forgeries(
  roles: Readonly<{ attacker: Endpoint; receiver: Endpoint; victim: Endpoint; gateway: Ipv4; token: Uint8Array }>,
): readonly Forgery[] {
  const { attacker, receiver, victim, gateway, token } = roles;
  const nobody = localMac(token);
  const from = (source: Endpoint): Uint8Array => udpFrame({ source, destination: receiver, payload: token });
  const claim = (sender: Endpoint): Uint8Array =>
    arpFrame({ source: attacker.mac, destination: receiver.mac, message: arpReply(sender, receiver), mark: token });
  return [
    { name: 'forged MAC', reason: 'spoof_mac', frame: from({ mac: nobody, ip: attacker.ip }) },
    { name: 'forged IP', reason: 'spoof_ip', frame: from({ mac: attacker.mac, ip: victim.ip }) },
    { name: 'forged ARP sender IP', reason: 'spoof_arp', frame: claim({ mac: attacker.mac, ip: gateway }) },
    { name: 'forged ARP sender MAC', reason: 'spoof_arp', frame: claim({ mac: victim.mac, ip: attacker.ip }) },
    {
      name: 'DHCP server',
      reason: 'spoof_dhcp',
      frame: dhcpOfferFrame({ source: attacker, destination: receiver, offered: victim.ip, mark: token }),
    },
    { name: 'router advertisement', reason: 'spoof_ra', frame: encodeRouterAdvertisement(attacker.mac, token) },
    {
      name: 'VLAN tag',
      reason: 'ethertype',
      frame: udpFrame({ source: attacker, destination: receiver, payload: token, vlanId: 5 }),
    },
  ];
}
