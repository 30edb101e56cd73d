/** What the embedded server runs with: two cores and little memory, many small writes, nothing ever lost. */
import { statfsSync } from 'node:fs';
import { totalmem } from 'node:os';

const MB = 2 ** 20;

/**
 * The server's settings, sized by this machine's memory and the disk below `dataDir`. `durable: false` is for
 * data nobody will miss: a power cut may then destroy the whole database.
 */
export function settings(dataDir: string, durable: boolean): Record<string, string | number> {
  const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) / MB;
  const disk = statfsSync(dataDir);
  const wal = between(512, (disk.bavail * disk.bsize) / MB / 8, 4096);
  const safe = durable ? 'on' : 'off';
  return {
    listen_addresses: '127.0.0.1',
    // A socket path may have about 107 bytes, fewer than many a data directory.
    unix_socket_directories: '',
    max_connections: 200,

    fsync: safe,
    synchronous_commit: safe,
    full_page_writes: safe,
    // Without it macOS calls data written that is still in the drive's cache.
    ...(process.platform === 'darwin' && durable ? { wal_sync_method: 'fsync_writethrough' } : {}),
    // The binaries from npm are built without lz4 and zstd.
    wal_compression: 'pglz',
    wal_buffers: '16MB',
    max_wal_size: `${wal}MB`,
    min_wal_size: `${Math.floor(wal / 4)}MB`,
    checkpoint_timeout: '15min',
    checkpoint_completion_target: 0.9,

    shared_buffers: `${between(64, memory / 16, 512)}MB`,
    effective_cache_size: `${between(128, memory / 2, 65536)}MB`,
    work_mem: '8MB',
    maintenance_work_mem: `${between(32, memory / 64, 128)}MB`,
    random_page_cost: 1.1,
    jit: 'off',
    // Parallel queries take cores from the senders, and /dev/shm, which has 64 MB in a container.
    max_parallel_workers_per_gather: 0,
    max_parallel_maintenance_workers: 0,

    // A queue table turns over many times an hour: vacuum early, often and briskly.
    autovacuum_naptime: '10s',
    autovacuum_vacuum_scale_factor: 0.02,
    autovacuum_vacuum_insert_scale_factor: 0.05,
    autovacuum_analyze_scale_factor: 0.02,
    autovacuum_vacuum_cost_delay: '2ms',
    autovacuum_vacuum_cost_limit: 2000,

    timezone: 'UTC',
    log_timezone: 'UTC',
    log_destination: 'stderr',
    logging_collector: 'off',
    // No personal data in the log: neither statements nor their parameters, nor the text of an error (which
    // quotes the value it is about; whoever sent the statement gets it anyway), nor its details.
    log_min_messages: 'log',
    log_error_verbosity: 'terse',
    log_statement: 'none',
    log_min_error_statement: 'panic',
    log_parameter_max_length: 0,
    log_parameter_max_length_on_error: 0,
  };
}

function between(least: number, value: number, most: number): number {
  return Math.floor(Math.min(most, Math.max(least, value)));
}
