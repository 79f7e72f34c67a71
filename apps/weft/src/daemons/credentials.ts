import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Uuid } from '@weft/core/uuid';
import { WeftError } from '@weft/core/weft-error';
import { peerOfCertificate } from '@weft/ssntp/certificate-peer';
import { hasRoles, roleName } from '@weft/ssntp/role';
import type { TlsCredentials } from '@weft/ssntp/tls';

/** The certificate files cannot be used. */
export class CredentialsInvalid extends WeftError {
  constructor(message: string, options: Readonly<{ path: string; remedy: string; cause?: unknown }>) {
    super('credentials_invalid', message, { details: { path: options.path }, remedy: options.remedy, cause: options.cause });
  }
}

/** PEM texts, and who they say this process is. */
export type Credentials = TlsCredentials & Readonly<{ uuid: Uuid }>;

/**
 * Reads authority, certificate and key. The process's UUID is the one in its certificate (URI SAN `urn:uuid:`), which must grant `roles`.
 * Throws {@link CredentialsInvalid}.
 */
export function readCredentials(files: Readonly<{ ca: string; cert: string; key: string }>, roles: number): Credentials {
  const [ca, cert, key] = [readPem(files.ca), readPem(files.cert), readPem(files.key)];
  const remedy = `Have a certificate issued for this process by the cluster's authority.`;
  let peer;
  try {
    peer = peerOfCertificate(new X509Certificate(cert), files.cert);
  } catch (cause) {
    throw new CredentialsInvalid(`${files.cert} is not a certificate in PEM form`, { path: files.cert, remedy, cause });
  }
  if (peer.uuid === undefined) {
    throw new CredentialsInvalid(`${files.cert} names no identity (URI urn:uuid:…)`, { path: files.cert, remedy });
  }
  if (!hasRoles(peer.roles, roles)) {
    const message = `${files.cert} grants ${roleName(peer.roles)}, but this process needs ${roleName(roles)}`;
    throw new CredentialsInvalid(message, { path: files.cert, remedy });
  }
  return { ca, cert, key, uuid: peer.uuid };
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const remedy = 'Correct the path in the configuration, or the permissions of the file.';
    throw new CredentialsInvalid(`reading ${path}`, { path, remedy, cause });
  }
}
