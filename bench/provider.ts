/**
 * The process that simulates the provider: the sandbox by itself, without a database. Receipts are posted at once and
 * retried for ten minutes.
 */
import { startSandbox } from '../sandbox/server.ts';
import { createLog } from '../src/ground/log.ts';

const sandbox = await startSandbox({
  port: 0,
  log: createLog('info'),
  behaviour: { receipt_delay_ms: { min: 0, max: 0 } },
  // Providers retry for hours. A receipt that is given up leaves its message open, which would look like a loss.
  receiptRetryDelays: [100, 300, 1_000, 3_000, ...Array.from({ length: 60 }, () => 10_000)],
});
process.once('SIGTERM', () => void sandbox.stop().then(() => process.exit(0)));
console.log(`Provider: ${sandbox.url}`);
