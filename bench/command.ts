/**
 * Runs what the command line asks for and sets the exit code: what `run` answers, 1 where it throws, 2 with a sentence
 * where the command line cannot be understood. `readPlan` throws an error whose message is that sentence.
 */
export async function runCommand<Plan extends object>(
  help: string,
  readPlan: (args: readonly string[]) => Plan | 'help',
  run: (plan: Plan) => Promise<number>,
): Promise<void> {
  let plan: Plan | 'help';
  try {
    plan = readPlan(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  }
  if (plan === 'help') {
    console.log(help);
    return;
  }
  try {
    process.exitCode = await run(plan);
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  }
}
