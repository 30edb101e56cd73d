/** The request fuzzer with enough requests to find what is rare; REQUESTS names another number. */
process.env['REQUESTS'] ??= '20000';
await import('../journey/request-fuzzer.test.ts');
