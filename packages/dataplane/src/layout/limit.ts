import type { KernelObject, QdiscObject } from '../kernel-object.ts';
import { BURST_UNIT_BYTES } from '../kernel-object.ts';
import type { Place } from '../names.ts';

/**
 * What holds the traffic of an interface to a rate. What leaves by it waits in a token bucket of its own; what arrives by it is sent through an
 * ifb beside it, waits in that one's bucket, and arrives again by the same interface, so that everything behind sees it as before.
 *
 *     leaving    bridge or routing ─▶ bucket ─▶ interface ─▶
 *     arriving   ─▶ interface ─ redirect ─▶ ifb's bucket ─▶ interface ─▶ bridge or routing
 *
 * The other end of a workload's pair is the workload's: a bucket there could be taken away by whom it limits.
 */
export type LinkLimit = Readonly<{
  place: Place;
  link: string;
  /** The ifb's name and alias. */
  ifb: string;
  alias: string;
  /** Kilobits a second; absent: as fast as it goes. */
  leavingKbps: number | undefined;
  arrivingKbps: number | undefined;
  /** Largest frame that has to pass, header included. A bucket that is smaller lets it never pass. */
  frameBytes: number;
}>;

/** None where nothing is limited. */
export function limitObjects({ place, link, ifb, alias, leavingKbps, arrivingKbps, frameBytes }: LinkLimit): readonly KernelObject[] {
  const objects: KernelObject[] = [];
  if (leavingKbps !== undefined) objects.push(bucket(place, link, leavingKbps, frameBytes));
  if (arrivingKbps === undefined) return objects;
  objects.push({ kind: 'link', place, type: 'ifb', name: ifb, alias }, bucket(place, ifb, arrivingKbps, frameBytes), {
    kind: 'redirect',
    place,
    link,
    to: ifb,
  });
  return objects;
}

/** Frames of usual size. */
const FRAME_BYTES = 1514;

/**
 * As much as comes in 10 ms may pass at once: enough for a node that is late by two of its timer's ticks, and for a GSO packet of 64 kB to
 * pass uncut from 52 Mbit/s on. What comes in 50 ms may wait, but never less than 16 frames: with fewer TCP does not get going.
 */
function bucket(place: Place, link: string, kbps: number, frameBytes: number): QdiscObject {
  const bytesPerSecond = kbps * 125;
  const burst = Math.max(bytesPerSecond / 100, 2 * FRAME_BYTES, frameBytes);
  const limit = Math.max(bytesPerSecond / 20, 16 * FRAME_BYTES, 2 * frameBytes);
  return {
    kind: 'qdisc',
    place,
    link,
    bytesPerSecond,
    burstBytes: Math.ceil(burst / BURST_UNIT_BYTES) * BURST_UNIT_BYTES,
    limitBytes: Math.ceil(limit),
  };
}
