import { isDnsName } from '@weft/core/dns-name';
import { Type } from 'typebox';
import type { Attribute } from './attribute.ts';
import { described } from './described.ts';
import { invalid, text } from './values.ts';

/** Names and domains of the tenants' own DNS, as ports, networks and floating IPs have them (neutron-api.md §5.1). */

const plain = text(255);
const Name = Type.String({ maxLength: 255, description: 'A host name; with a dot at its end it is whole. Lower-cased.' });
const Domain = Type.String({ maxLength: 255, description: 'A domain with a dot at its end, or nothing. Lower-cased.' });

/** Empty: none. */
const dnsName = described(Name, (value, what): string => {
  const name = plain(value, what).toLowerCase();
  if (name !== '' && !isDnsName(name)) throw invalid(what, `'${name.slice(0, 80)}' not a valid PQDN or FQDN.`);
  return name;
});

/** Empty: none. */
const dnsDomain = described(Domain, (value, what): string => {
  const domain = plain(value, what).toLowerCase();
  if (domain !== '' && (!domain.endsWith('.') || !isDnsName(domain))) throw invalid(what, `'${domain.slice(0, 80)}' is not a FQDN.`);
  return domain;
});

type DomainSource = Readonly<{ record: Readonly<{ dnsDomain?: string | undefined }> }>;
type NameSource = Readonly<{ record: Readonly<{ dnsName?: string | undefined }> }>;

/** Rows that are set at create and stay; those of ports and networks can be changed, too. */
export const fixedDnsAttributes = {
  dns_name: {
    show: (source: NameSource) => source.record.dnsName ?? '',
    parse: dnsName,
    create: 'optional',
    default: '',
    filter: 'equal',
  },
  dns_domain: {
    show: (source: DomainSource) => source.record.dnsDomain ?? '',
    parse: dnsDomain,
    create: 'optional',
    default: '',
    filter: 'equal',
  },
} as const satisfies Readonly<Record<string, Attribute<NameSource & DomainSource>>>;

export const dnsNameAttribute = { ...fixedDnsAttributes.dns_name, update: true } as const satisfies Attribute<NameSource>;
export const dnsDomainAttribute = { ...fixedDnsAttributes.dns_domain, update: true } as const satisfies Attribute<DomainSource>;
