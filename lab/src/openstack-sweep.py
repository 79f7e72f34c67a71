"""Every network resource through openstacksdk: made, found, listed by each of its filters, changed, deleted. Ends with 0 if all was so.

Run with the environment of a project's member; the project is left as it was. The address of the world outside is the network "outside".
"""
import openstack

cloud = openstack.connect()
network = cloud.network


def same(found, wanted, what):
    assert found == wanted, f"{what}: expected {wanted}, seen {found}"


def refused(kind, action, what):
    try:
        action()
    except kind:
        return
    raise AssertionError(f"{what} was not refused")


def names(resources):
    return sorted(resource.name for resource in resources)


def listed_by(listing, resource, filters, what):
    """Found by each filter alone and by all together; not by all and a wrong name."""
    for key, value in filters.items():
        assert resource.id in [each.id for each in listing(**{key: value})], f"{what} was not found by {key}={value}"
    same([each.id for each in listing(**filters)], [resource.id], what)


before = (names(network.networks()), names(network.ports()), names(network.security_groups()))

net = network.create_network(name="sweep", description="swept", is_admin_state_up=True)
net = network.update_network(net, name="swept")
same(network.find_network("swept").id, net.id, "the network by name")
same(network.find_network("nothing"), None, "a network that is not there")
listed_by(network.networks, net, {"name": "swept", "description": "swept", "status": "ACTIVE", "project_id": cloud.current_project_id,
                                  "is_admin_state_up": True, "is_router_external": False, "is_shared": False}, "the network")

subnet = network.create_subnet(network_id=net.id, ip_version=4, cidr="10.66.0.0/24", name="low", dns_nameservers=["9.9.9.9"])
subnet = network.update_subnet(subnet, name="lower", is_dhcp_enabled=True)
listed_by(network.subnets, subnet, {"network_id": net.id, "cidr": "10.66.0.0/24", "gateway_ip": "10.66.0.1", "name": "lower"}, "the subnet")
refused(openstack.exceptions.BadRequestException,
        lambda: network.create_subnet(network_id=net.id, ip_version=4, cidr="10.66.0.128/25"), "an overlapping subnet")

group = network.create_security_group(name="sweep")
group = network.update_security_group(group, description="swept")
rule = network.create_security_group_rule(security_group_id=group.id, direction="ingress", ether_type="IPv4", protocol="tcp",
                                          port_range_min=80, port_range_max=90, remote_ip_prefix="10.0.0.0/8")
same(network.find_security_group("sweep").description, "swept", "the group by name")
listed_by(network.security_group_rules, rule, {"security_group_id": group.id, "protocol": "tcp", "direction": "ingress"}, "the rule")
refused(openstack.exceptions.ConflictException,
        lambda: network.create_security_group_rule(security_group_id=group.id, direction="ingress", ether_type="IPv4", protocol="tcp",
                                                   port_range_min=80, port_range_max=90, remote_ip_prefix="10.0.0.0/8"), "the rule again")

port = network.create_port(network_id=net.id, name="one", fixed_ips=[{"subnet_id": subnet.id}], security_group_ids=[group.id])
port = network.update_port(port, name="first", device_id="here", device_owner="me")
more = list(network.create_ports([{"network_id": net.id, "name": "bulk1"}, {"network_id": net.id, "name": "bulk2"}]))
same(names(network.ports(network_id=net.id)), ["bulk1", "bulk2", "first"], "the ports")
same(len(list(network.ports(network_id=net.id, limit=1))), 3, "the ports, a page each")
listed_by(network.ports, port, {"name": "first", "device_id": "here", "device_owner": "me", "mac_address": port.mac_address,
                                "fixed_ips": [f"ip_address={port.fixed_ips[0]['ip_address']}"]}, "the port")
refused(openstack.exceptions.ConflictException, lambda: network.delete_network(net), "deleting a network with ports")

outside = network.find_network("outside", ignore_missing=False)
address = network.create_ip(floating_network_id=outside.id, port_id=port.id)
same(network.find_ip(address.floating_ip_address).id, address.id, "the address")
listed_by(network.ips, address, {"port_id": port.id, "floating_network_id": outside.id,
                                 "fixed_ip_address": port.fixed_ips[0]["ip_address"]}, "the address")
same(network.find_available_ip(), None, "no address is free")
address = network.update_ip(address, port_id=None)
same(network.find_available_ip().id, address.id, "the address is free")
forwarding = network.create_port_forwarding(floatingip_id=address.id, internal_port_id=port.id, protocol="tcp", internal_port=80,
                                            internal_ip_address=port.fixed_ips[0]["ip_address"], external_port=8080)
same([each.external_port for each in network.port_forwardings(address, protocol="tcp")], [8080], "the forwardings")
forwarding = network.update_port_forwarding(forwarding, address, external_port=8081)
same(network.get_port_forwarding(forwarding, address).external_port, 8081, "the forwarding")
network.delete_port_forwarding(forwarding, address, ignore_missing=False)

# The older calls, by which Ansible's modules work.
same(cloud.get_network("swept")["id"], net.id, "the network")
same([each["name"] for each in cloud.get_external_networks()][:1], ["outside"], "the networks outside")
same(cloud.get_port("first")["id"], port.id, "the port")
same(cloud.get_security_group("sweep")["id"], group.id, "the group")
cloud.create_security_group_rule("sweep", port_range_min=22, port_range_max=22, protocol="tcp")
same(len(cloud.list_floating_ips()), 1, "the addresses")

network.delete_ip(address, ignore_missing=False)
for each in [port, *more]:
    network.delete_port(each, ignore_missing=False)
refused(openstack.exceptions.ResourceNotFound, lambda: network.delete_port(port, ignore_missing=False), "deleting a port twice")
network.delete_security_group_rule(rule, ignore_missing=False)
network.delete_security_group(group, ignore_missing=False)
network.delete_subnet(subnet, ignore_missing=False)
network.delete_network(net, ignore_missing=False)
same((names(network.networks()), names(network.ports()), names(network.security_groups())), before, "what is left")
