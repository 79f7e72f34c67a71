import type { Ipv4 } from '@weft/core/ipv4';
import { InetSocket } from '@weft/sys/inet-socket';
import { isSysError } from '@weft/sys/sys-error';
import type { Place } from './place.ts';
import { RateSchedule } from './rate-schedule.ts';
import { Repetition } from './ticker.ts';

const PAYLOAD_BYTES = 1400;

/** Datagrams at a rate, whether they arrive or not; from the moment it is made until disposed. Throws SysError. */
export function udpFlood(place: Place, target: Ipv4, port: number, kbps: number): Disposable {
  const socket = InetSocket.open({ netns: place.netns, kind: 'udp' });
  const schedule = new RateSchedule({ perSecond: (kbps * 125) / PAYLOAD_BYTES, startMs: performance.now() });
  const payload = new Uint8Array(PAYLOAD_BYTES).fill(0x75);
  const repetition = new Repetition(() => {
    for (let due = schedule.due(performance.now()); due > 0; due--) send(socket, payload, target, port);
  });
  return {
    [Symbol.dispose]: () => {
      repetition[Symbol.dispose]();
      socket[Symbol.dispose]();
    },
  };
}

/** What the sender's own stack refuses, since its buffer is full or nobody listens, is lost as well. */
function send(socket: InetSocket, payload: Uint8Array, target: Ipv4, port: number): void {
  try {
    socket.sendTo(payload, target, port);
  } catch (error) {
    if (!isSysError(error, 'EAGAIN', 'ENOBUFS', 'ECONNREFUSED')) throw error;
  }
}
