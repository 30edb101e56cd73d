/** The composers with enough messages to find rare faults; COMPOSER_RUNS changes their number. */
process.env['COMPOSER_RUNS'] ??= '2000';
await import('../conformance/composers.test.ts');
