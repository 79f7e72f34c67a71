import { ADDRESS_CHANGE } from './address-change.ts';
import { ADDRESS_REUSE } from './address-reuse.ts';
import { ANTI_SPOOF } from './anti-spoof.ts';
import { ATTACKS } from './attacks.ts';
import { CONCENTRATOR_KILL } from './concentrator-kill.ts';
import { CONCENTRATOR_MACHINE } from './concentrator-machine.ts';
import { CONCENTRATOR_MOVE } from './concentrator-move.ts';
import { CONTROL_PLANE_DOWN } from './control-plane-down.ts';
import { DEFAULT_SECURITY_GROUP } from './default-security-group.ts';
import { DHCP_LEASE } from './dhcp-lease.ts';
import { DHCP_REUSE } from './dhcp-reuse.ts';
import { DHCP_UNROUTED } from './dhcp-unrouted.ts';
import { DNS_NAME } from './dns-name.ts';
import { FIREWALL_RULE } from './firewall-rule.ts';
import { IPV6 } from './ipv6.ts';
import type { LabCheck } from './lab-check.ts';
import { LAUNCHER_KILL } from './launcher-kill.ts';
import { LEFTOVERS } from './leftovers.ts';
import { METADATA } from './metadata.ts';
import { NAT_RULE } from './nat-rule.ts';
import { NODES_JOINED } from './nodes-joined.ts';
import { OLD_BACKUP } from './old-backup.ts';
import { OUTBOUND_NAT } from './outbound-nat.ts';
import { PING_CONCENTRATOR } from './ping-concentrator.ts';
import { PING_MESH } from './ping-mesh.ts';
import { PORT_FORWARD } from './port-forward.ts';
import { PUBLIC_IP } from './public-ip.ts';
import { RATE_LIMIT } from './rate-limit.ts';
import { RETIRE } from './retire.ts';
import { ROUTER } from './router.ts';
import { ROUTING } from './routing.ts';
import { SHARED_NETWORK } from './shared-network.ts';
import { SSH_REACH } from './ssh-reach.ts';
import { TENANT_ADDED } from './tenant-added.ts';
import { TENANT_ISOLATION } from './tenant-isolation.ts';
import { VNI_INJECTION } from './vni-injection.ts';
import { WHY } from './why.ts';

/** Every check, in the order in which they run: what others need comes first, what disturbs comes late, what looks back comes last. */
export const ALL_CHECKS: readonly LabCheck[] = [
  NODES_JOINED,
  PING_MESH,
  PING_CONCENTRATOR,
  TENANT_ISOLATION,
  DEFAULT_SECURITY_GROUP,
  ANTI_SPOOF,
  WHY,
  DHCP_LEASE,
  DHCP_REUSE,
  OUTBOUND_NAT,
  ROUTING,
  DNS_NAME,
  METADATA,
  PUBLIC_IP,
  ADDRESS_REUSE,
  PORT_FORWARD,
  SSH_REACH,
  FIREWALL_RULE,
  NAT_RULE,
  RATE_LIMIT,
  VNI_INJECTION,
  ATTACKS,
  CONTROL_PLANE_DOWN,
  TENANT_ADDED,
  LAUNCHER_KILL,
  OLD_BACKUP,
  CONCENTRATOR_KILL,
  CONCENTRATOR_MOVE,
  CONCENTRATOR_MACHINE,
  ADDRESS_CHANGE,
  ROUTER,
  DHCP_UNROUTED,
  SHARED_NETWORK,
  IPV6,
  RETIRE,
  LEFTOVERS,
];
