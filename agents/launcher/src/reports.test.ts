import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceId, NodeId } from '@weft/core/uuid';
import { encodeFrame, framePayload, MAX_BODY_BYTES } from '@weft/ssntp/frame';
import { decodePayload } from '@weft/ssntp/payload';
import { parseStats } from '@weft/ssntp/payloads/stats';
import { statsFrames } from './reports.ts';

const NODE = { nodeId: '11111111-0000-4000-8000-000000000001' as NodeId, hostname: 'n'.repeat(253), roles: ['compute'] as const };
const FACTS = {
  mem_total_mb: 1_000_000,
  mem_available_mb: 1_000_000,
  disk_total_mb: -1,
  disk_available_mb: -1,
  load: 1,
  cpus_online: 256,
  networks: [],
};
const id = (n: number): InstanceId => `22222222-0000-4000-8000-${n.toString(16).padStart(12, '0')}` as InstanceId;

for (const [count, frames] of [
  [0, 1],
  [1, 1],
  [4000, 1],
  [4001, 2],
  [10_000, 3],
] as const) {
  test(`a node with ${count} instances reports each once, in ${frames} frame${frames === 1 ? '' : 's'} that may be sent`, () => {
    const instances = Array.from({ length: count }, (_, n) => ({ instanceId: id(n), state: 'pending' as const }));
    const sent = statsFrames(NODE, FACTS, instances);
    const payloads = sent.map((frame) => decodePayload(framePayload(frame)));
    for (const frame of sent) assert.ok(encodeFrame(frame).length <= MAX_BODY_BYTES, `${encodeFrame(frame).length} bytes`);
    assert.deepEqual(
      payloads.flatMap((payload) => parseStats(payload).instances.map(({ instance_uuid }) => instance_uuid)),
      instances.map(({ instanceId }) => instanceId),
    );
    const parts = payloads.map((payload) => (payload as { weft_part?: unknown }).weft_part);
    assert.deepEqual(parts, frames === 1 ? [undefined] : Array.from({ length: frames }, (_, at) => ({ number: at + 1, of: frames })));
  });
}
