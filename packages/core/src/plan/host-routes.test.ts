import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCidr } from '../cidr.ts';
import { TestCluster } from '../command/test-support.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { StaticRoute } from '../router.ts';
import { isSubnet4 } from '../subnet.ts';
import { nextHop, workloadRoutes } from './host-routes.ts';

const via = (destination: string, nexthop: string): StaticRoute => ({ destination: parseCidr(destination), nexthop: parseIpv4(nexthop) });

function routesOf(hostRoutes: readonly StaticRoute[], own = '10.0.0.5'): ReturnType<typeof workloadRoutes> {
  const cluster = new TestCluster();
  const network = cluster.network(cluster.tenant().id);
  return workloadRoutes([cluster.subnet(network, '10.0.0.0/24', { hostRoutes })].filter(isSubnet4), [parseIpv4(own)]);
}

test('a workload gets its subnet’s host routes beside the default route', () => {
  const routes = [via('172.16.0.0/12', '10.0.0.9'), via('192.0.2.0/24', '10.0.0.8')];
  assert.deepEqual(routesOf(routes), { gateway: '10.0.0.1', routes });
});

test('a host route that no kernel could have, or that would cut the workload off its link, is not among them', () => {
  const rows = [via('172.16.0.0/12', '10.9.0.9'), via('172.17.0.0/16', '10.0.0.5'), via('10.0.0.0/24', '10.0.0.9')];
  assert.deepEqual(routesOf(rows), { gateway: '10.0.0.1', routes: [] });
});

test('a host route to everything takes the place of the gateway', () => {
  assert.deepEqual(routesOf([via('0.0.0.0/0', '10.0.0.9')]), { gateway: '10.0.0.9', routes: [] });
});

test('the most precise route decides where a packet goes next, the gateway without one', () => {
  const cluster = new TestCluster();
  const network = cluster.network(cluster.tenant().id);
  const hostRoutes = [via('172.16.0.0/12', '10.0.0.9'), via('172.16.9.0/24', '10.0.0.8')];
  const subnets = [cluster.subnet(network, '10.0.0.0/24', { hostRoutes })].filter(isSubnet4);
  const port = cluster.port(network);
  const hop = (address: string): unknown => nextHop(subnets, port, parseIpv4(address));
  assert.deepEqual([hop('172.16.9.1'), hop('172.17.0.1'), hop('192.0.2.1')], ['10.0.0.8', '10.0.0.9', '10.0.0.1']);
});
