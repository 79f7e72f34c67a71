import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NetlinkError } from '@weft/netlink/netlink-error';
import { errnoNumber } from '@weft/sys/sys-error';
import { KernelLacks } from './kernel-support.ts';
import { namingModule } from './linux-limits.ts';

const refusal = (errno: string, extAck?: string): NetlinkError =>
  new NetlinkError({ errno: errnoNumber(errno), request: 'RTM_NEWTFILTER', ...(extAck === undefined ? {} : { extAck }) });
const raising = (error: Error) => (): never => {
  throw error;
};

test('a kernel that lacks a part of a limit is said to, with the module to load and its own words as the cause', () => {
  const tbf = { what: 'token buckets for rate limits', module: 'sch_tbf' };
  const unknown = refusal('ENOENT', 'Specified qdisc kind is unknown');
  assert.throws(
    () => namingModule(tbf, raising(unknown)),
    (error: unknown) =>
      error instanceof KernelLacks &&
      error.message === 'this kernel lacks token buckets for rate limits (module sch_tbf)' &&
      error.cause === unknown &&
      /`modprobe sch_tbf`/.test(error.remedy ?? ''),
  );
  assert.throws(
    () => namingModule({ what: 'ifb interfaces', module: 'ifb' }, raising(refusal('EOPNOTSUPP', 'Unknown device type'))),
    /module ifb/,
  );
  assert.throws(() => namingModule(undefined, raising(refusal('ENOENT', 'TC classifier not found'))), /module cls_u32/);
  assert.throws(() => namingModule(undefined, raising(refusal('ENOENT', 'Failed to load TC action module'))), /module act_mirred/);
});

test('any other refusal is handed on as it came', () => {
  for (const error of [refusal('ENODEV'), refusal('EEXIST'), new TypeError('a bug')])
    assert.throws(() => namingModule(undefined, raising(error)), error, String(error));
  assert.doesNotThrow(() => namingModule(undefined, () => undefined));
});
