import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';
import { parseUuid } from '@weft/core/uuid';
import { AuthorityInvalid, createAuthority, issueLeaf } from './certificate.ts';

const uuid = parseUuid('4cb19522-1e18-439a-883a-f9b2a3a95f5e');
const roleOid = '2.25.150035866857943584172243424365150638319';

test('a leaf carries identity, roles and names, and is signed by its authority', async () => {
  const authority = await createAuthority({ name: 'Weft', days: 10 });
  const { certPem, keyPem } = await issueLeaf(authority, {
    uuid,
    oids: [roleOid],
    dnsNames: ['control.example'],
    ipAddresses: ['192.0.2.7', '2001:db8::7'],
    name: 'control',
    days: 2,
  });
  const leaf = new X509Certificate(certPem);
  const ca = new X509Certificate(authority.certPem);
  assert.ok(ca.ca);
  assert.ok(!leaf.ca);
  assert.ok(leaf.checkIssued(ca) && leaf.verify(ca.publicKey));
  assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2', roleOid]);
  assert.ok(leaf.subjectAltName?.startsWith(`URI:urn:uuid:${uuid}, DNS:control.example, IP Address:192.0.2.7`));
  assert.equal(leaf.checkHost('control.example'), 'control.example');
  assert.equal(leaf.checkIP('2001:db8::7'), '2001:db8::7');
  assert.equal(leaf.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  assert.match(keyPem, /^-----BEGIN PRIVATE KEY-----\n/);
});

test('certificates are valid from before now, for the days asked, each with its own 128-bit serial number', async () => {
  const authority = await createAuthority({ name: 'Weft', days: 10 });
  const before = Date.now();
  const leaves = await Promise.all([1, 2].map((days) => issueLeaf(authority, { uuid, oids: [], name: 'n', days })));
  const serials = new Set<string>();
  for (const [index, { certPem }] of leaves.entries()) {
    const leaf = new X509Certificate(certPem);
    assert.ok(leaf.validFromDate.getTime() <= before - 299_000, leaf.validFrom);
    assert.ok(leaf.validToDate.getTime() >= before + (index + 1) * 86_400_000 - 1_000, leaf.validTo);
    assert.equal(leaf.serialNumber.length, 32);
    serials.add(leaf.serialNumber);
  }
  assert.equal(serials.size, 2);
});

test('an authority signs nothing with another key, as a leaf, or from rubbish', async () => {
  const [authority, other] = await Promise.all([createAuthority({ name: 'A', days: 1 }), createAuthority({ name: 'B', days: 1 })]);
  const options = { uuid, oids: [], name: 'n', days: 1 };
  const leaf = await issueLeaf(authority, options);
  const bad = [{ ...authority, keyPem: other.keyPem }, leaf, { certPem: 'x', keyPem: 'y' }, { ...authority, keyPem: '' }];
  for (const [index, identity] of bad.entries()) await assert.rejects(issueLeaf(identity, options), AuthorityInvalid, `case ${index}`);
});

test('an address that is none is refused before anything is signed', async () => {
  const authority = await createAuthority({ name: 'A', days: 1 });
  await assert.rejects(
    issueLeaf(authority, { uuid, oids: [], ipAddresses: ['control'], name: 'n', days: 1 }),
    /"control": is not an IP address/,
  );
});

test('two leaves of one authority meet in a mutually authenticated TLS 1.3 handshake', async () => {
  const authority = await createAuthority({ name: 'Weft', days: 1 });
  const [server, client] = await Promise.all([
    issueLeaf(authority, { uuid, oids: [roleOid], ipAddresses: ['127.0.0.1'], name: 's', days: 1 }),
    issueLeaf(authority, { uuid, oids: [roleOid], name: 'c', days: 1 }),
  ]);
  const listener = tls.createServer({
    ca: authority.certPem,
    cert: server.certPem,
    key: server.keyPem,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const accepted = once(listener, 'secureConnection') as Promise<[tls.TLSSocket]>;
  const socket = tls.connect({
    host: '127.0.0.1',
    port: (listener.address() as AddressInfo).port,
    ca: authority.certPem,
    cert: client.certPem,
    key: client.keyPem,
  });
  const [peer] = await accepted;
  assert.ok(peer.authorized);
  assert.equal(peer.getProtocol(), 'TLSv1.3');
  assert.deepEqual(peer.getPeerX509Certificate()?.keyUsage?.slice(2), [roleOid]);
  socket.destroy();
  peer.destroy();
  listener.close();
  await once(listener, 'close');
});
