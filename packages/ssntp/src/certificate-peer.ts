import type { X509Certificate } from 'node:crypto';
import type { Uuid } from '@weft/core/uuid';
import { NIL_UUID, parseUuid } from '@weft/core/uuid';
import type { StreamPeer } from './byte-stream.ts';
import { rolesFromOids } from './role.ts';

/** What a verified certificate says about its owner: roles by extended key usage, identity by its one URI name `urn:uuid:…`. */
export function peerOfCertificate(certificate: X509Certificate, address: string): StreamPeer {
  // OpenSSL gives no list at all when the extension is missing, whatever the declared type says.
  const oids = (certificate.keyUsage as readonly string[] | undefined) ?? [];
  return { roles: rolesFromOids(oids), uuid: uuidOfAlternativeNames(certificate.subjectAltName ?? ''), address };
}

/**
 * The UUID in Node's text form of the names, `URI:urn:uuid:…, DNS:…`. Names that contain a separator are quoted there as JSON strings, so they
 * are read as tokens: splitting at commas would let one name pose as two (CVE-2021-44532). Undefined unless exactly one URI is a UUID's.
 */
export function uuidOfAlternativeNames(names: string): Uuid | undefined {
  const token = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;
  const uris: string[] = [];
  while (token.lastIndex < names.length) {
    const match = token.exec(names);
    if (match === null) return undefined;
    if (match[1] === 'URI') uris.push(match[2] ?? '');
  }
  const text = uris.length === 1 ? /^urn:uuid:(.*)$/.exec(uris[0] ?? '')?.[1] : undefined;
  try {
    const uuid = text === undefined ? NIL_UUID : parseUuid(text);
    return uuid === NIL_UUID ? undefined : uuid;
  } catch {
    return undefined;
  }
}
