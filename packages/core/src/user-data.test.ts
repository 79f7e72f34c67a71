import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseUserData, USER_DATA_MAX_LENGTH } from './user-data.ts';
import { InvalidValue } from './weft-error.ts';

test('user data is any bytes in base64', () => {
  fc.assert(fc.property(fc.base64String(), (text) => assert.equal(parseUserData(text, 'x'), text)));
});

test('what is no base64, or too long, is refused without being repeated', () => {
  const refused = [7, undefined, 'secret', 'c2Vj cmV0', 'c2VjcmV0\n', 'c2V-', '=', 'QQ=', 'QUFB'.repeat((USER_DATA_MAX_LENGTH + 1) / 4)];
  for (const value of refused) {
    assert.throws(
      () => parseUserData(value, 'instance.userData'),
      (error) =>
        error instanceof InvalidValue &&
        error.message.startsWith('instance.userData') &&
        !error.message.includes('secret') &&
        error.message.length < 200,
      String(value).slice(0, 20),
    );
  }
});
