import { NOWHERE, made, post, put, remove } from './row.testing.ts';
import type { Ask, ErrorRow, World } from './row.testing.ts';

const forbidden = { status: 403, type: 'PolicyNotAuthorized' } as const;
const input = { status: 400, type: 'InvalidInput' } as const;
const disallowed = /is disallowed by policy/;

const wish = (w: World, more: object = {}): object => ({
  object_type: 'network',
  object_id: w.routed,
  action: 'access_as_shared',
  target_tenant: NOWHERE,
  ...more,
});
const policy = (w: World, more: object = {}): Ask => post('rbac_policy', wish(w, more));
const blueProject = (w: World): Promise<string> => w.rest.tenantId('blue');

/** Red's `routed` network is shared with blue, which has a port on it. */
async function withGuest(w: World): Promise<Readonly<{ policyId: string; portId: string }>> {
  const policyId = await made(w.red, 'rbac_policy', wish(w, { target_tenant: await blueProject(w) }));
  return { policyId, portId: await made(w.blue, 'port', { network_id: w.routed }) };
}

/** Networks of more than one project: neutron-api.md §4.1, §5.1, §9, §12. */
export const sharingRows: readonly ErrorRow[] = [
  {
    at: '§4.1',
    when: 'sharing with everybody is an administrator’s',
    ask: (w) => put('network', w.routed, { shared: true }),
    ...forbidden,
    text: disallowed,
  },
  {
    at: '§4.1',
    when: 'a network that others use is to be shared no more',
    as: 'admin',
    ask: async (w) => {
      await w.admin('PUT', `/v2.0/networks/${w.routed}`, { network: { shared: true } });
      await made(w.blue, 'port', { network_id: w.routed });
      return put('network', w.routed, { shared: false });
    },
    status: 409,
    type: 'InvalidSharedSetting',
    text: /^Unable to reconfigure sharing settings for network .* Multiple tenants are using it\.$/,
  },
  {
    at: '§4.1',
    when: 'an administrator asks for a port of a project that the network is not shared with',
    as: 'admin',
    ask: async (w) => post('port', { network_id: w.routed, project_id: await blueProject(w) }),
    status: 400,
    type: 'BadRequest',
    text: /is not shared with project/,
  },
  {
    at: '§5.1',
    when: 'a guest’s own network has the addresses of the shared one',
    as: 'blue',
    ask: async (w) => {
      await made(w.red, 'rbac_policy', wish(w, { object_id: w.network, target_tenant: await blueProject(w) }));
      return post('port', { network_id: w.network });
    },
    status: 409,
    type: 'Conflict',
    text: /security groups could not tell who of both is meant/,
  },
  ...(
    [
      ['MAC address', 'mac_address', { mac_address: '02:00:00:00:00:77' }],
      ['address', 'fixed_ips:ip_address', { fixed_ips: [{ ip_address: '10.1.0.77' }] }],
      ['port security', 'port_security_enabled', { port_security_enabled: false, security_groups: [] }],
      ['address pairs', 'allowed_address_pairs', { allowed_address_pairs: [{ ip_address: '10.1.0.78' }] }],
      ['network:* owner', 'device_owner', { device_owner: 'network:local_ip' }],
    ] as const
  ).flatMap(([what, name, body]): ErrorRow[] => [
    {
      at: '§5.1',
      when: `a guest chooses its ${what}`,
      as: 'blue',
      ask: async (w) => {
        await withGuest(w);
        return post('port', { network_id: w.routed, ...body });
      },
      ...forbidden,
      text: `(rule:create_port and rule:create_port:${name}) is disallowed by policy`,
    },
    {
      at: '§5.1',
      when: `a guest changes its ${what}`,
      as: 'blue',
      ask: async (w) => put('port', (await withGuest(w)).portId, body),
      ...forbidden,
      text: disallowed,
    },
  ]),
  {
    at: '§5.1',
    when: 'the network’s project changes a guest',
    ask: async (w) => put('port', (await withGuest(w)).portId, { name: 'x' }),
    ...forbidden,
    text: 'rule:update_port is disallowed by policy',
  },
  {
    at: '§6.1',
    when: 'a router is to be on a network of another project',
    as: 'blue',
    ask: async (w) => {
      await withGuest(w);
      const id = await made(w.blue, 'router', {});
      return { method: 'PUT', url: `/v2.0/routers/${id}/add_router_interface`, body: { subnet_id: w.routedSubnet } };
    },
    status: 400,
    type: 'BadRequest',
    text: /is of another project/,
  },
  { at: '§9', when: 'a member shares with everybody', ask: (w) => policy(w, { target_tenant: '*' }), ...forbidden, text: disallowed },
  {
    at: '§9',
    when: 'a member makes a network external',
    ask: (w) => policy(w, { action: 'access_as_external' }),
    ...forbidden,
    text: disallowed,
  },
  {
    at: '§9',
    when: 'a policy is about an unknown type',
    ask: (w) => policy(w, { object_type: 'zzz' }),
    ...input,
    text: /'zzz' is not a valid RBAC object type/,
  },
  {
    at: '§9',
    when: 'a policy lets do what there is not',
    ask: (w) => policy(w, { action: 'zzz' }),
    ...input,
    text: /Invalid action 'zzz'/,
  },
  {
    at: '§9',
    when: 'a policy is about a network that there is not',
    ask: (w) => policy(w, { object_id: NOWHERE }),
    status: 404,
    type: 'NetworkNotFound',
    text: `Network ${NOWHERE} could not be found.`,
  },
  {
    at: '§9',
    when: 'a policy is about a network of another project that is only shared',
    as: 'blue',
    ask: async (w) => {
      await withGuest(w);
      return policy(w);
    },
    ...input,
    text: /Only admins can manipulate policies on objects they do not own/,
  },
  {
    at: '§9',
    when: 'a policy is there already',
    ask: async (w) => {
      await made(w.red, 'rbac_policy', wish(w));
      return policy(w);
    },
    status: 409,
    type: 'DuplicateRbacPolicy',
    text: 'An RBAC policy already exists with those values.',
  },
  {
    at: '§9',
    when: 'somebody has a port by the policy',
    ask: async (w) => remove(`rbac-policies/${(await withGuest(w)).policyId}`),
    status: 409,
    type: 'RbacPolicyInUse',
    text: /cannot be removed because other objects depend on it/,
  },
  {
    at: '§9',
    when: 'a policy is another project’s',
    as: 'blue',
    ask: async (w) => remove(`rbac-policies/${(await withGuest(w)).policyId}`),
    status: 404,
    type: 'RbacPolicyNotFound',
    text: /not found/,
  },
  {
    at: '§9',
    when: 'a project has its number of policies',
    ask: async (w) => {
      await w.admin('PUT', `/v2.0/quotas/${w.redProject}`, { quota: { rbac_policy: 0 } });
      return policy(w);
    },
    status: 409,
    type: 'OverQuota',
    text: "Quota exceeded for resources: ['rbac_policy'].",
  },
];
