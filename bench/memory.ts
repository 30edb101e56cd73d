import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * The most memory a process has held so far, in bytes. Linux keeps that figure; elsewhere it is what `ps` says now;
 * null where there is neither.
 */
export function residentPeak(pid: number): number | null {
  const kilobytes = fromKernel(pid) ?? fromPs(pid);
  return kilobytes === null ? null : kilobytes * 1024;
}

function fromKernel(pid: number): number | null {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return found ? Number(found[1]) : null;
  } catch {
    return null;
  }
}

function fromPs(pid: number): number | null {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
  const kilobytes = Number.parseInt(stdout ?? '', 10);
  return Number.isNaN(kilobytes) ? null : kilobytes;
}
