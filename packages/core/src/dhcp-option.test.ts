import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { changedDhcpOptions, plannedDhcpOptions } from './dhcp-option.ts';
import { KNOWN_DHCP_OPTIONS } from './dhcp-option-table.ts';
import { WeftError } from './weft-error.ts';

const set = (name: string, value: string | null): ReturnType<typeof changedDhcpOptions> => changedDhcpOptions(undefined, [{ name, value }]);

test('options are merged by what they are, whether called by name or code, and null takes one away', () => {
  const first = changedDhcpOptions(undefined, [
    { name: 'mtu', value: '1400' },
    { name: '42', value: ' 10.0.0.1 , 10.0.0.2' },
  ]);
  assert.deepEqual(first, [
    { name: 'mtu', value: '1400' },
    { name: '42', value: '10.0.0.1,10.0.0.2' },
  ]);
  const second = changedDhcpOptions(first, [
    { name: 'ntp-server', value: '10.0.0.3' },
    { name: 'mtu', value: null },
    { name: 'router', value: null },
  ]);
  assert.deepEqual(second, [{ name: 'ntp-server', value: '10.0.0.3' }]);
  assert.equal(changedDhcpOptions(second, [{ name: '42', value: null }]), undefined);
  assert.deepEqual(changedDhcpOptions(second, []), second);
});

test('the plan has them by their names, in one order, and classless routes by the older number, too', () => {
  const options = changedDhcpOptions(undefined, [
    { name: '26', value: '1400' },
    { name: 'classless-static-route', value: '' },
  ]);
  assert.deepEqual(plannedDhcpOptions(options ?? []), [
    { name: '249', value: '' },
    { name: 'classless-static-route', value: '' },
    { name: 'mtu', value: '1400' },
  ]);
});

const REFUSED = [
  ['zebra', '1', /there is no option 'zebra'; there are .*mtu/],
  ['53', '1', /there is no option '53'/],
  ['lease-time', '1', /there is no option/],
  ['mtu', '', /option mtu needs a value/],
  ['mtu', '1400\n', /option mtu .*is not a number/],
  ['mtu', '70000', /option mtu .*from 0 to 65535/],
  ['ntp-server', '10.0.0.1,', /option ntp-server/],
  ['ntp-server', 'ntp.example', /option ntp-server/],
  ['static-route', '10.0.0.1', /option static-route .*is not a list of 2 by 2/],
  ['classless-static-route', '10.0.0.1/8,10.0.0.2', /option classless-static-route .*bits set/],
  ['domain-search', 'a..b', /option domain-search .*is not a domain name/],
  ['bootfile-name', 'a,b', /option bootfile-name .*cannot have: U\+002C/],
  ['bootfile-name', 'a\ndhcp-script=/bin/sh', /option bootfile-name .*U\+000A/],
  ['bootfile-name', 'a#b', /U\+0023/],
  ['bootfile-name', 'a"b', /U\+0022/],
  ['bootfile-name', 'a\\b', /U\+005C/],
  ['bootfile-name', ' a', /begins or ends with a space/],
  ['bootfile-name', 'a'.repeat(256), /more than 255 characters/],
] as const;

for (const [name, value, message] of REFUSED) {
  test(`refused: ${name} ${JSON.stringify(value).slice(0, 40)}`, () => {
    assert.throws(
      () => set(name, value),
      (error) => {
        assert.ok(error instanceof WeftError);
        assert.equal(error.code, 'extra_dhcp_opt_bad_data');
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test('an option twice is refused, also by its other name', () => {
  const twice = [
    { name: 'mtu', value: '1400' },
    { name: '26', value: null },
  ];
  assert.throws(() => changedDhcpOptions(undefined, twice), /option 26 is there twice/);
});

test('whatever is accepted is one line that nothing ends, quotes, escapes or comments', () => {
  const name = fc.constantFrom(...KNOWN_DHCP_OPTIONS.map((option) => option.name));
  const value = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.ipV4(), fc.nat().map(String), fc.domain());
  fc.assert(
    fc.property(name, value, (option, text) => {
      try {
        for (const planned of plannedDhcpOptions(set(option, text) ?? [])) assert.match(planned.value, /^[ !$-[\]-~]*$/);
      } catch (error) {
        assert.ok(error instanceof WeftError && error.code === 'extra_dhcp_opt_bad_data', String(error));
      }
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 1000) },
  );
});
