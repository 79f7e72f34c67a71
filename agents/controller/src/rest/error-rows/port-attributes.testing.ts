import { put } from './row.testing.ts';
import type { ErrorRow } from './row.testing.ts';

/** What ports are called and told, and where they are bound: neutron-api.md §5.1 and §5.4. */
export const portAttributeRows: readonly ErrorRow[] = [
  {
    at: '§5.1',
    when: 'a DHCP option is none',
    ask: (w) => put('port', w.port, { extra_dhcp_opts: [{ opt_name: 'zebra', opt_value: '1' }] }),
    status: 400,
    type: 'ExtraDhcpOptBadData',
    text: /there is no option 'zebra'/,
  },
  {
    at: '§5.1',
    when: 'a whole host name is of another domain',
    ask: (w) => put('port', w.port, { dns_name: 'web.example.' }),
    status: 400,
    type: 'BadRequest',
    text: /must be equal to the dns_domain/,
  },
];
