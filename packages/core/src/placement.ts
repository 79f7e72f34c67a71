import { isDhcpPort } from './dhcp-service.ts';
import { isRouterInterface } from './router.ts';
import type { Resource } from './resource.ts';
import type { PortId, TenantId } from './uuid.ts';

/** Whose place follows from a record: a port's is its instance's node, that of a tenant's gateways their concentrators'. */
export type PlacedBy = Readonly<{ port?: PortId; gatewaysOf?: TenantId }>;

export function placedBy(resource: Resource): PlacedBy {
  switch (resource.kind) {
    case 'port':
      return isRouterInterface(resource) || isDhcpPort(resource)
        ? { port: resource.id, gatewaysOf: resource.tenantId }
        : { port: resource.id };
    case 'instance':
      return { port: resource.portId };
    case 'tenant':
      return { gatewaysOf: resource.id };
    case 'network':
    case 'subnet':
    case 'concentrator':
      return { gatewaysOf: resource.tenantId };
    case 'router':
    case 'securityGroup':
    case 'securityGroupRule':
    case 'node':
    case 'floatingIp':
    case 'portForwarding':
    case 'firewallRule':
    case 'natRule':
    case 'addressHold':
    case 'quota':
    case 'subnetPool':
    case 'rbacPolicy':
    case 'user':
    case 'roleAssignment':
    case 'applicationCredential':
    case 'tokenKey':
    case 'tokenRevocation':
      return {};
  }
}
