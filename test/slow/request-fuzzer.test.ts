/** The request fuzzer with enough requests to find rare faults; REQUESTS changes their number. */
process.env['REQUESTS'] ??= '20000';
await import('../journey/request-fuzzer.test.ts');
