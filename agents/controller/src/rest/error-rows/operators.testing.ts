import { NOWHERE, get, post, remove } from './row.testing.ts';
import type { Ask, ErrorRow, World } from './row.testing.ts';

const bad = { status: 400, type: 'HTTPBadRequest' } as const;
const forbidden = { status: 403, type: 'PolicyNotAuthorized' } as const;
const none = { status: 404, type: 'AgentNotFound' } as const;

const quota = (w: World, body: object): Ask => ({ method: 'PUT', url: `/v2.0/quotas/${w.redProject}`, body: { quota: body } });

/** Quotas, agents, zones and the use of addresses: neutron-api.md §8 and §9. */
export const operatorRows: readonly ErrorRow[] = [
  {
    at: '§8',
    when: 'a project has all the networks that it may have',
    ask: async (w) => {
      await w.admin('PUT', `/v2.0/quotas/${w.redProject}`, { quota: { network: 2 } });
      return post('network', {});
    },
    status: 409,
    type: 'OverQuota',
    text: "Quota exceeded for resources: ['network'].",
  },
  {
    at: '§8',
    when: 'a bulk goes beyond what a project may have',
    ask: async (w) => {
      await w.admin('PUT', `/v2.0/quotas/${w.redProject}`, { quota: { network: 3 } });
      return { method: 'POST', url: '/v2.0/networks', body: { networks: [{}, {}] } };
    },
    status: 409,
    type: 'OverQuota',
    text: /\['network'\]/,
  },
  {
    at: '§1.3',
    when: 'no segment id is left',
    ask: async (w) => {
      await w.admin('PUT', `/v2.0/quotas/${w.redProject}`, { quota: { network: -1 } });
      const networks = Array.from({ length: 996 }, () => ({}));
      const reply = await w.red('POST', '/v2.0/networks', { networks });
      if (reply.status !== 201) throw new Error(reply.raw);
      return post('network', {});
    },
    status: 503,
    type: 'NoNetworkAvailable',
    text: /No tenant network is available for allocation/,
  },

  {
    at: '§8',
    when: 'all quotas are for administrators',
    ask: () => get('quotas'),
    ...forbidden,
    text: /get_quota is disallowed by policy/,
  },
  {
    at: '§8',
    when: 'other projects’ quotas are for administrators',
    as: 'blue',
    ask: (w) => get(`quotas/${w.redProject}`),
    ...forbidden,
    text: /get_quota is disallowed/,
  },
  {
    at: '§8',
    when: 'other projects’ defaults are for administrators',
    as: 'blue',
    ask: (w) => get(`quotas/${w.redProject}/default`),
    ...forbidden,
    text: /get_quota is disallowed/,
  },
  {
    at: '§8',
    when: 'other projects’ use is for administrators',
    as: 'blue',
    ask: (w) => get(`quotas/${w.redProject}/details.json`),
    ...forbidden,
    text: /get_quota is disallowed/,
  },
  {
    at: '§8',
    when: 'administrators set quotas',
    ask: (w) => quota(w, { port: 1 }),
    ...forbidden,
    text: /update_quota is disallowed by policy/,
  },
  {
    at: '§8',
    when: 'administrators reset quotas',
    ask: (w) => remove(`quotas/${w.redProject}`),
    ...forbidden,
    text: /delete_quota is disallowed by policy/,
  },
  {
    at: '§8',
    when: 'a limit is below -1',
    as: 'admin',
    ask: (w) => quota(w, { port: -2 }),
    ...bad,
    text: /for port\. Reason: '-2' is not a limit/,
  },
  { at: '§8', when: 'a limit is a string', as: 'admin', ask: (w) => quota(w, { port: 'many' }), ...bad, text: /'many' is not a limit/ },
  {
    at: '§8',
    when: 'there is no such resource to limit',
    as: 'admin',
    ask: (w) => quota(w, { zebra: 1 }),
    ...bad,
    text: "Unrecognized attribute(s) 'zebra'",
  },
  {
    at: '§8',
    when: 'a checked limit is below what there is',
    as: 'admin',
    ask: (w) => quota(w, { port: 1, check_limit: true }),
    ...bad,
    text: /cannot be 1: \d+ are in use/,
  },
  {
    at: '§8',
    when: 'the quota is for no project',
    as: 'admin',
    ask: () => ({ method: 'PUT', url: `/v2.0/quotas/${NOWHERE}`, body: { quota: { port: 1 } } }),
    status: 404,
    type: 'ProjectNotFound',
    text: `Project ${NOWHERE} could not be found.`,
  },
  {
    at: '§8',
    when: 'a quota has no wrapper',
    as: 'admin',
    ask: (w) => ({ method: 'PUT', url: `/v2.0/quotas/${w.redProject}`, body: { port: 1 } }),
    ...bad,
    text: /Unable to find 'quota'/,
  },

  {
    at: '§9',
    when: 'there is no such agent',
    as: 'admin',
    ask: () => get(`agents/${NOWHERE}`),
    ...none,
    text: `Agent ${NOWHERE} could not be found`,
  },
  {
    at: '§9',
    when: 'agents are for administrators',
    ask: () => get('agents/00000002-0000-4000-8000-000000000002'),
    ...none,
    text: /could not be found/,
  },
  {
    at: '§9',
    when: 'nobody makes agents',
    as: 'admin',
    ask: () => post('agent', {}),
    status: 405,
    type: 'HTTPMethodNotAllowed',
    text: /POST/,
  },
  {
    at: '§9',
    when: 'the networks of an agent are for administrators',
    ask: () => get('agents/00000002-0000-4000-8000-000000000002/dhcp-networks'),
    ...none,
    text: /could not be found/,
  },
  {
    at: '§9',
    when: 'the agents of a network are for administrators',
    ask: (w) => get(`networks/${w.network}/dhcp-agents`),
    status: 403,
    type: 'PolicyNotAuthorized',
    text: /get_dhcp-agents is disallowed by policy/,
  },
  {
    at: '§9',
    when: 'one cannot filter zones by colour',
    ask: () => get('availability_zones?colour=red'),
    ...bad,
    text: /'colour'\] is invalid attribute/,
  },
  {
    at: '§9',
    when: 'how full a network is, is for administrators',
    ask: (w) => get(`network-ip-availabilities/${w.network}`),
    status: 404,
    type: 'NetworkNotFound',
    text: /could not be found/,
  },
];
