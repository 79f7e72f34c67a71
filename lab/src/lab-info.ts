import { readFileSync } from 'node:fs';
import { labPaths } from './lab-paths.ts';
import type { LabPaths } from './lab-paths.ts';
import { lockHolder } from './lab-lock.ts';
import { isOrphanedLab, markedProcesses } from './marked-processes.ts';

/** What the lab writes about itself into lab.json, and which daemons of it live. */
export type LabNodeInfo = Readonly<{ name: string; id?: string; daemon?: string; pid?: number }>;
export type LabInfo = Readonly<{ id: string; pid: number; url: string; nodes: readonly LabNodeInfo[] }>;

/** `running`: the process that made the lab is still there. Without `info` nothing of a lab is. */
export type LabStatus = Readonly<{ running: boolean; info: LabInfo | undefined }>;

export function labStatusOf(paths: LabPaths = labPaths()): LabStatus {
  const written = readInfo(paths);
  if (written === undefined) return { running: false, info: undefined };
  const processes = markedProcesses().filter(({ labId }) => labId === written.id);
  const nodes = written.nodes.map((node) => {
    const config = `${paths.node(node.name as Parameters<LabPaths['node']>[0]).etc}/${node.daemon}.yaml`;
    const pid = processes.find(({ command }) => command.includes(config))?.pid;
    return { ...node, ...(pid === undefined ? {} : { pid }) };
  });
  return { running: lockHolder(paths.lock) === String(written.pid) && !isOrphanedLab(written.id), info: { ...written, nodes } };
}

function readInfo(paths: LabPaths): LabInfo | undefined {
  try {
    return JSON.parse(readFileSync(paths.info, 'utf8')) as LabInfo;
  } catch {
    return undefined;
  }
}
