import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseIpv4 } from '@weft/core/ipv4';
import { Plan, planRefText } from '@weft/core/plan/plan';
import type { ErrorInfo } from '@weft/core/weft-error';
import { framePayload } from '@weft/ssntp/frame';
import type { Frame } from '@weft/ssntp/frame';
import { frameName } from '@weft/ssntp/operands';
import { decodePayload } from '@weft/ssntp/payload';
import { parsePublicIpAssigned, parsePublicIpFailure, parsePublicIpUnassigned } from '@weft/ssntp/payloads/public-ip';
import { PublicIpAnnouncer } from './public-ip-announcer.ts';
import { gatewayBody, recordingLog, temporaryDirectory, testId } from './test-support.ts';

const ADDRESS = parseIpv4('203.0.113.20');
const [ONE, TWO] = [parseIpv4('10.0.0.1'), parseIpv4('10.0.0.2')];
const BROKEN: ErrorInfo = { code: 'broken', message: 'it broke', retryable: true };
const ref = (address = ADDRESS): string => planRefText({ kind: 'publicip', key: address });

/** A launcher's part that can be ended and begun again, with what it sent. */
class Bench implements Disposable {
  readonly #directory = temporaryDirectory();
  readonly log = recordingLog();
  readonly sent: Frame[] = [];
  readonly plan = new Plan();
  failed = new Map<string, ErrorInfo>();
  retries = 0;
  connected = true;
  speaks = true;
  #announcer = this.#make();

  constructor() {
    this.plan.set('gateway', testId(9), gatewayBody(9));
  }

  get path(): string {
    return join(this.#directory.path, 'public-ips.json');
  }

  #make(): PublicIpAnnouncer {
    const send = (frame: Frame): boolean => {
      if (this.connected) this.sent.push(frame);
      return this.connected;
    };
    return new PublicIpAnnouncer({ stateDir: this.#directory.path }, { send, speaksFor: () => this.speaks, log: this.log });
  }

  restart(): void {
    this.#announcer = this.#make();
  }

  lead(internal: typeof ONE | undefined): void {
    this.plan.set('publicip', ADDRESS, { concentratorId: testId(9), address: ADDRESS, internal, instanceId: testId(1) });
  }

  /** What a pass makes it say: frame and inside address. */
  pass(): string[] {
    this.#announcer.update(this.plan, { failed: this.failed, retries: this.retries });
    return this.sent.splice(0).map((frame) => {
      const payload = decodePayload(framePayload(frame));
      const name = frameName(frame.type, frame.operand);
      const parse = name.endsWith('Failure')
        ? parsePublicIpFailure
        : name.endsWith('Unassigned')
          ? parsePublicIpUnassigned
          : parsePublicIpAssigned;
      const told = parse(payload);
      assert.deepEqual([told.concentrator_uuid, told.instance_uuid, told.public_ip], [testId(9), testId(1), ADDRESS]);
      return `${name} ${told.private_ip}`;
    });
  }

  /** The same after the next retry. */
  retry(): string[] {
    this.retries += 1;
    return this.pass();
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }
}

test('each fact is told once: not for the same plan again, and not after a restart', () => {
  using bench = new Bench();
  bench.lead(ONE);
  assert.deepEqual(bench.pass(), [`EVENT PublicIPAssigned ${ONE}`]);
  assert.deepEqual(bench.pass(), []);
  bench.restart();
  assert.deepEqual(bench.pass(), []);
  bench.lead(TWO);
  assert.deepEqual(bench.pass(), [`EVENT PublicIPAssigned ${TWO}`], 'it leads elsewhere');
  bench.plan.delete('publicip', ADDRESS);
  assert.deepEqual(bench.pass(), [`EVENT PublicIPUnassigned ${TWO}`]);
  assert.equal(existsSync(bench.path), false, 'nothing is left to remember');
  bench.restart();
  assert.deepEqual(bench.pass(), []);
});

test('an address that only holds port forwardings is no fact; one that becomes such is unassigned', () => {
  using bench = new Bench();
  bench.lead(undefined);
  assert.deepEqual(bench.pass(), []);
  bench.lead(ONE);
  bench.pass();
  bench.lead(undefined);
  assert.deepEqual(bench.pass(), [`EVENT PublicIPUnassigned ${ONE}`]);
});

test('without a connection, or before the gateway was announced, it waits', () => {
  using bench = new Bench();
  bench.lead(ONE);
  bench.connected = false;
  assert.deepEqual(bench.pass(), []);
  bench.connected = true;
  bench.speaks = false;
  assert.deepEqual(bench.pass(), []);
  bench.speaks = true;
  assert.deepEqual(bench.pass(), [`EVENT PublicIPAssigned ${ONE}`]);
  bench.connected = false;
  bench.plan.delete('publicip', ADDRESS);
  assert.deepEqual(bench.pass(), []);
  bench.connected = true;
  assert.deepEqual(bench.pass(), [`EVENT PublicIPUnassigned ${ONE}`]);
});

test('nothing is told of a gateway that is not there, nor as the address’s fault what fails with its gateway', () => {
  using bench = new Bench();
  bench.lead(ONE);
  bench.failed.set(planRefText({ kind: 'gateway', key: testId(9) }), BROKEN).set(ref(), BROKEN);
  assert.deepEqual([bench.pass(), bench.retry(), bench.retry(), bench.retry()].flat(), []);
  bench.failed.clear();
  bench.plan.delete('gateway', testId(9));
  assert.deepEqual(bench.pass(), []);
});

test('an address that went with its gateway is not told in its name', () => {
  using bench = new Bench();
  bench.lead(ONE);
  bench.pass();
  bench.plan.delete('publicip', ADDRESS);
  bench.plan.delete('gateway', testId(9));
  assert.deepEqual(bench.pass(), []);
  assert.equal(existsSync(bench.path), false);
});

test('a failure is told when two retries have not helped, once; success after that is told, too', () => {
  using bench = new Bench();
  bench.lead(ONE);
  bench.failed.set(ref(), BROKEN);
  assert.deepEqual([bench.pass(), bench.pass(), bench.pass(), bench.retry()].flat(), [], 'passes for other changes are no attempts');
  assert.deepEqual(bench.retry(), [`ERROR AssignPublicIPFailure ${ONE}`]);
  assert.deepEqual(bench.retry(), []);
  bench.restart();
  assert.deepEqual([bench.retry(), bench.retry(), bench.retry()].flat(), []);
  bench.failed.clear();
  assert.deepEqual(bench.pass(), [`EVENT PublicIPAssigned ${ONE}`]);
});

test('a mishap that a retry mends is no failure', () => {
  using bench = new Bench();
  bench.lead(ONE);
  bench.failed.set(ref(), BROKEN);
  assert.deepEqual([bench.pass(), bench.retry()].flat(), []);
  bench.failed.clear();
  assert.deepEqual(bench.retry(), [`EVENT PublicIPAssigned ${ONE}`]);
  bench.failed.set(ref(), BROKEN);
  assert.deepEqual([bench.retry(), bench.retry(), bench.retry()].flat(), [], 'what has worked is repaired, not given up');
});

test('a removal that fails is told, and the end when it comes', () => {
  using bench = new Bench();
  bench.lead(ONE);
  bench.pass();
  bench.plan.delete('publicip', ADDRESS);
  // The data path tells removals under the node’s name.
  bench.failed.set('node', BROKEN);
  assert.deepEqual([bench.pass(), bench.retry(), bench.retry()].flat(), [`ERROR UnassignPublicIPFailure ${ONE}`]);
  assert.deepEqual([bench.retry(), bench.retry()].flat(), []);
  bench.failed.clear();
  assert.deepEqual(bench.retry(), [`EVENT PublicIPUnassigned ${ONE}`]);
});

test('a file that cannot be read costs a repetition, and a line in the log', () => {
  using bench = new Bench();
  bench.lead(ONE);
  bench.pass();
  writeFileSync(bench.path, '[{"address": ');
  bench.restart();
  assert.deepEqual(bench.pass(), [`EVENT PublicIPAssigned ${ONE}`]);
  assert.equal(bench.log.lines.length, 1);
});
