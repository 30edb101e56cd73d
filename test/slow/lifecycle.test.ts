/** The lifecycle test with many random stories; LIFECYCLE_RUNS changes their number. */
process.env['LIFECYCLE_RUNS'] ??= '500';
await import('../lifecycle/lifecycle.test.ts');
