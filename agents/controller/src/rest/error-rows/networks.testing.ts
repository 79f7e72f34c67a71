import { NOWHERE, post, put, remove } from './row.testing.ts';
import type { ErrorRow } from './row.testing.ts';

const input = { status: 400, type: 'InvalidInput' } as const;
const forbidden = { status: 403, type: 'PolicyNotAuthorized' } as const;
const external = { status: 409, type: 'ExternalNetworkInUse' } as const;

/** Networks: neutron-api.md §4.1. */
export const networkRows: readonly ErrorRow[] = [
  {
    at: '§4.1',
    when: 'an MTU is too big',
    ask: () => post('network', { mtu: 1451 }),
    ...input,
    text: 'Invalid input for operation: Requested MTU is too big, maximum is 1450.',
  },
  {
    at: '§4.1',
    when: 'an MTU is too small',
    ask: () => post('network', { mtu: 60 }),
    ...input,
    text: /Requested MTU is too small, minimum is 68/,
  },
  { at: '§4.1', when: 'a new MTU is too big', ask: (w) => put('network', w.network, { mtu: 9000 }), ...input, text: /maximum is 1450/ },
  {
    at: '§4.1',
    when: 'a topology is the operator’s',
    ask: () => post('network', { 'weft:topology': 'concentrator' }),
    ...forbidden,
    text: '(rule:create_network and rule:create_network:weft:topology) is disallowed by policy',
  },
  {
    at: '§4.1',
    when: 'a network is for no project',
    as: 'admin',
    ask: () => post('network', { project_id: NOWHERE }),
    status: 404,
    type: 'ProjectNotFound',
    text: `Project ${NOWHERE} could not be found.`,
  },
  {
    at: '§4.1',
    when: 'a network has ports',
    ask: (w) => remove(`networks/${w.network}`),
    status: 409,
    type: 'NetworkInUse',
    text: /^Unable to complete operation on network .*There are one or more ports still in use on the network/,
  },
  {
    at: '§4.1',
    when: 'a network with ports becomes external',
    as: 'admin',
    ask: (w) => put('network', w.network, { 'router:external': true }),
    status: 409,
    type: 'NetworkInUse',
    text: /ports still in use/,
  },
  {
    at: '§4.1',
    when: 'an external network is used',
    as: 'admin',
    ask: (w) => put('network', w.outside, { 'router:external': false }),
    ...external,
    text: /cannot become internal/,
  },
  {
    at: '§4.1',
    when: 'an external network to delete is used',
    as: 'admin',
    ask: (w) => remove(`networks/${w.outside}`),
    ...external,
    text: /cannot be deleted/,
  },
  {
    at: '§4.1',
    when: 'a segment id is taken',
    as: 'admin',
    ask: async (w) => {
      const network = (await w.admin('GET', `/v2.0/networks/${w.network}`)).body['network'] as Readonly<Record<string, unknown>>;
      return post('network', {
        project_id: w.redProject,
        'provider:network_type': 'vxlan',
        'provider:segmentation_id': network['provider:segmentation_id'],
      });
    },
    status: 409,
    type: 'TunnelIdInUse',
    text: /^Unable to create the network\. The tunnel ID \d+ is in use\.$/,
  },
  {
    at: '§4.1',
    when: 'there is a default external network already',
    as: 'admin',
    ask: async (w) => {
      const reply = await w.admin('PUT', `/v2.0/networks/${w.outside}`, { network: { is_default: true } });
      if (reply.status !== 200) throw new Error(reply.raw);
      return post('network', { 'router:external': true, is_default: true });
    },
    status: 409,
    type: 'DefaultExternalNetworkExists',
    text: /^A default external network already exists: /,
  },
];
