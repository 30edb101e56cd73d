/** The test of odd requests with as many of them as count for something; REQUESTS names another number. */
process.env['REQUESTS'] ??= '20000';
process.argv.push('test/journey/requests.test.ts');
await import('./test.ts');
