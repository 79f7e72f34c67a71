import { NOWHERE } from './row.testing.ts';
import type { ErrorRow } from './row.testing.ts';

/** The rule that all collections share: what is not there, and what is another project's, is 404 for every verb (neutron-api.md §1.3). */
export const objectRows: readonly ErrorRow[] = [...unknownRows(), ...foreignRows()];

/** Of each collection: what is not there, for any verb. */
function unknownRows(): ErrorRow[] {
  return objects().flatMap(({ path, singular, type, verbs }) =>
    verbs.map((method) => ({
      at: '§1.1',
      when: `there is no ${singular} to ${method}`,
      ask: () => ({ method, url: `/v2.0/${path}/${NOWHERE}`, ...(method === 'PUT' ? { body: { [singular]: {} } } : {}) }),
      status: 404,
      type,
      text: new RegExp(NOWHERE),
    })),
  );
}

/** Of each collection: what is somebody else's, for any verb. */
function foreignRows(): ErrorRow[] {
  return objects().flatMap(({ path, singular, type, verbs, own }) =>
    verbs.map((method) => ({
      at: '§1.3',
      when: `a ${singular} to ${method} is another project’s`,
      as: 'blue' as const,
      ask: (w) => ({ method, url: `/v2.0/${path}/${w[own]}`, ...(method === 'PUT' ? { body: { [singular]: {} } } : {}) }),
      status: 404,
      type,
      text: /could not be found|does not exist/,
    })),
  );
}

type Objects = Readonly<{
  path: string;
  singular: string;
  type: string;
  verbs: readonly string[];
  /** Red's own, by its name in the world. */
  own: 'network' | 'subnet' | 'port' | 'router' | 'floatingIp' | 'group' | 'rule';
}>;

/** A collection that is here has its rows of these two kinds. */
function objects(): readonly Objects[] {
  const verbs = ['GET', 'PUT', 'DELETE'];
  return [
    { path: 'networks', singular: 'network', type: 'NetworkNotFound', verbs, own: 'network' },
    { path: 'subnets', singular: 'subnet', type: 'SubnetNotFound', verbs, own: 'subnet' },
    { path: 'ports', singular: 'port', type: 'PortNotFound', verbs, own: 'port' },
    { path: 'routers', singular: 'router', type: 'RouterNotFound', verbs, own: 'router' },
    { path: 'floatingips', singular: 'floatingip', type: 'FloatingIPNotFound', verbs, own: 'floatingIp' },
    { path: 'security-groups', singular: 'security_group', type: 'SecurityGroupNotFound', verbs, own: 'group' },
    {
      path: 'security-group-rules',
      singular: 'security_group_rule',
      type: 'SecurityGroupRuleNotFound',
      verbs: ['GET', 'DELETE'],
      own: 'rule',
    },
  ];
}
