/**
 * The process that `flow` hands messages to: the product's own sandbox, by itself and with no database, so that it
 * stands for a provider that is somewhere else. Receipts go out at once.
 */
import { createLog } from '../src/log.ts';
import { startSandbox } from '../src/sandbox/server.ts';

const sandbox = await startSandbox({
  port: 0,
  log: createLog('info'),
  behaviour: { receipt_delay_ms: { min: 0, max: 0 } },
});
process.once('SIGTERM', () => void sandbox.stop().then(() => process.exit(0)));
console.log(`Provider: ${sandbox.url}`);
