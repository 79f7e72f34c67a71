import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { SecretHasher, TooManyLogins } from './secret-hash.ts';

const hasher = (): SecretHasher => new SecretHasher({ waiting: 3 }, { randomBytes });

test('a secret matches its own hash and no other, and the same secret is never hashed alike', async () => {
  const the = hasher();
  const [a, b] = [await the.hash('correct horse'), await the.hash('correct horse')];
  assert.notEqual(a, b);
  assert.match(a, /^\$scrypt\$ln=14,r=8,p=1\$[\w-]{22}\$[\w-]{43}$/);
  assert.equal(await the.verify('correct horse', a), true);
  assert.equal(await the.verify('correct horse ', a), false);
});

test('the same text in another Unicode form is the same password', async () => {
  const the = hasher();
  assert.equal(await the.verify('caf\u0065\u0301', await the.hash('caf\u00e9')), true);
});

test('nothing matches where there is no hash, or one that cannot be read', async () => {
  const the = hasher();
  assert.equal(await the.verify('x', undefined), false);
  assert.equal(await the.verify('x', '$argon2$x'), false);
});

test('a flood of log-ins is refused rather than queued without end', async () => {
  const the = hasher();
  const all = await Promise.allSettled(Array.from({ length: 8 }, () => the.verify('x', undefined)));
  const refused = all.filter((one) => one.status === 'rejected');
  assert.equal(refused.length, 8 - 5);
  for (const one of refused) assert.ok(one.reason instanceof TooManyLogins);
  assert.equal(await the.verify('x', undefined), false, 'afterwards there is room again');
});
