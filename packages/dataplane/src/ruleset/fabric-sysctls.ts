/** What the fabric's namespace is set to: no IPv6, and rules are asked by each bridge's own settings, not by the namespace's. */
export const FABRIC_SYSCTLS = {
  'net.ipv6.conf.default.disable_ipv6': '1',
  'net.ipv6.conf.all.disable_ipv6': '1',
  'net.bridge.bridge-nf-call-iptables': '0',
  'net.bridge.bridge-nf-call-ip6tables': '0',
  'net.bridge.bridge-nf-call-arptables': '0',
  // A revoked TCP stream must not be picked up again in mid-stream (datapath.md §3).
  'net.netfilter.nf_conntrack_tcp_loose': '0',
};
