/** The stories of one message, many of them; LIFECYCLE_RUNS names another number. */
process.env['LIFECYCLE_RUNS'] ??= '500';
await import('../lifecycle/lifecycle.test.ts');
