/**
 * The cluster's own certificate authority and the certificates of its daemons. Identity is the URI SAN `urn:uuid:<uuid>`, roles are extended
 * key usages, both of which SSNTP checks (design §3, §6). serverAuth and clientAuth are always there: OpenSSL does not take
 * anyExtendedKeyUsage for them, so without these a TLS library would refuse the certificate.
 */
import { KeyObject, X509Certificate as NodeCertificate, createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import type { Uuid } from '@weft/core/uuid';
import { WeftError } from '@weft/core/weft-error';
import type { JsonGeneralName, X509Certificate } from '@peculiar/x509';
import { loadX509 } from './x509.ts';

/** A certificate and its private key: X.509 and PKCS #8, both PEM. The key is a secret: write it with `writeSecret`. */
export type Identity = Readonly<{ certPem: string; keyPem: string }>;

export type AuthorityOptions = Readonly<{
  /** Common name, for people. */
  name: string;
  days: number;
}>;

export type LeafOptions = Readonly<{
  uuid: Uuid;
  /** Extended key usages that grant roles, beside serverAuth and clientAuth. */
  oids: readonly string[];
  /** Names and addresses that clients dial, for servers. */
  dnsNames?: readonly string[];
  ipAddresses?: readonly string[];
  name: string;
  days: number;
}>;

/** The authority's certificate or key cannot be used to sign. */
export class AuthorityInvalid extends WeftError {
  constructor(message: string, cause?: unknown) {
    super('authority_invalid', message, { cause, remedy: 'Restore the CA certificate and key that belong together.' });
  }
}

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' } as const;
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const DAY_MS = 86_400_000;
/** Certificates are valid from a little in the past: the peer's clock may be behind ours. */
const SKEW_MS = 300_000;

/** Makes a self-signed EC P-256 authority that may sign leaves, but no further authority. */
export async function createAuthority({ name, days }: AuthorityOptions): Promise<Identity> {
  const x509 = await loadX509();
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: [name] }],
      ...validity(days),
      keys,
      signingAlgorithm: SIGNING_ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certPem: pem(certificate), keyPem: await privateKeyPem(keys.privateKey) };
}

/** Makes a key pair and a certificate for it, signed by `authority`. Throws AuthorityInvalid when that cannot sign. */
export async function issueLeaf(authority: Identity, options: LeafOptions): Promise<Identity> {
  const x509 = await loadX509();
  const issuer = await openAuthority(authority);
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: [{ CN: [options.name] }],
      issuer: issuer.certificate.subjectName,
      ...validity(options.days),
      publicKey: keys.publicKey,
      signingKey: issuer.key,
      signingAlgorithm: SIGNING_ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([SERVER_AUTH, CLIENT_AUTH, ...options.oids]),
        new x509.SubjectAlternativeNameExtension(alternativeNames(options)),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.certificate, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certPem: pem(certificate), keyPem: await privateKeyPem(keys.privateKey) };
}

async function openAuthority({ certPem, keyPem }: Identity): Promise<{ certificate: X509Certificate; key: webcrypto.CryptoKey }> {
  const x509 = await loadX509();
  let issuer: NodeCertificate;
  let secret: KeyObject;
  try {
    issuer = new NodeCertificate(certPem);
    secret = createPrivateKey(keyPem);
  } catch (cause) {
    throw new AuthorityInvalid('reading the certificate authority', cause);
  }
  if (!issuer.ca) throw new AuthorityInvalid('reading the certificate authority: its certificate is not that of an authority');
  if (!issuer.checkPrivateKey(secret)) throw new AuthorityInvalid('reading the certificate authority: the key is of another certificate');
  return { certificate: new x509.X509Certificate(certPem), key: secret.toCryptoKey(KEY_ALGORITHM, false, ['sign']) };
}

function alternativeNames({ uuid, dnsNames = [], ipAddresses = [] }: LeafOptions): JsonGeneralName[] {
  const bad = ipAddresses.find((address) => isIP(address) === 0);
  if (bad !== undefined) throw new WeftError('invalid_value', `certificate address ${JSON.stringify(bad)}: is not an IP address`);
  return [
    { type: 'url', value: `urn:uuid:${uuid}` },
    ...dnsNames.map((value) => ({ type: 'dns', value }) as const),
    ...ipAddresses.map((value) => ({ type: 'ip', value }) as const),
  ];
}

function validity(days: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - SKEW_MS), notAfter: new Date(now + days * DAY_MS) };
}

/** 128 random bits; the top one is cleared, for serial numbers are positive. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString('hex');
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}
