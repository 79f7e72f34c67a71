import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { InvalidValue } from '@weft/core/weft-error';
import type { Netns } from './netns.ts';
import { fsCall } from './sys-error.ts';

/**
 * Reads a kernel parameter of a network namespace (`undefined`: this thread's), without the final newline. Keys are written with dots,
 * `net.ipv4.ip_forward`, or with slashes where an interface name in them has a dot: `net/ipv4/conf/eth0.5/rp_filter`.
 * Throws SysError; ENOENT for a key that this kernel or namespace does not have.
 */
export function sysctlRead(netns: Netns | undefined, key: string): string {
  const path = sysctlPath(key);
  return within(netns, () => fsCall('read', path, () => readFileSync(path, 'latin1'))).replace(/\n$/, '');
}

/** Writes a kernel parameter; keys and errors as {@link sysctlRead}, and EINVAL for a value that the kernel refuses. */
export function sysctlWrite(netns: Netns | undefined, key: string, value: string): void {
  const path = sysctlPath(key);
  within(netns, () => {
    // Not writeFile: that would ask for the file to be made, which /proc answers with another errno than ENOENT.
    const fd = fsCall('open', path, () => openSync(path, 'r+'));
    try {
      fsCall('write', path, () => writeSync(fd, value));
    } finally {
      closeSync(fd);
    }
  });
}

function sysctlPath(key: string): string {
  const parts = key.split(key.includes('/') ? '/' : '.');
  if (parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\0'))) {
    throw new InvalidValue('kernel parameter', key, 'is not a key like net.ipv4.ip_forward');
  }
  return `/proc/sys/${parts.join('/')}`;
}

function within<T>(netns: Netns | undefined, fn: () => T): T {
  return netns === undefined ? fn() : netns.run(fn);
}
