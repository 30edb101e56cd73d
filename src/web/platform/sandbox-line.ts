/** The sandbox did not answer, or not as a sandbox does. */
export class SandboxAway extends Error {
  override name = 'SandboxAway';
}

type Range = Readonly<{ min: number; max: number }>;

/** How the sandbox behaves; rates from 0 to 1 (`sandbox/behaviour.ts`). */
export type Behaviour = Readonly<{
  outage: boolean;
  latency_ms: Range;
  refusal_rate: number;
  failure_rate: number;
  timeout_rate: number;
  reset_rate: number;
  receipt_delay_ms: Range;
  receipt_duplicate_rate: number;
  receipt_drop_rate: number;
  receipt_shuffle: boolean;
  seed: number | null;
  recipients: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}>;

const waitMilliseconds = 2000;

/**
 * Reads, changes or resets how the sandbox at `url` behaves. `fault`: what it would not take, in its words, which name no
 * recipient. Throws SandboxAway.
 */
export async function callSandbox(
  url: string,
  method: 'GET' | 'PUT' | 'DELETE',
  change?: object,
): Promise<Readonly<{ behaviour: Behaviour }> | Readonly<{ fault: string }>> {
  try {
    const response = await fetch(new URL('/behaviour', url), {
      method,
      headers: { Accept: 'application/json', ...(change && { 'Content-Type': 'application/json' }) },
      ...(change && { body: JSON.stringify(change) }),
      redirect: 'error',
      signal: AbortSignal.timeout(waitMilliseconds),
    });
    const body = (await response.json()) as Behaviour & { error?: { message?: string } };
    if (response.ok) return { behaviour: body };
    if (response.status === 400) return { fault: body.error?.message ?? 'The sandbox refused it.' };
    throw new Error(`The sandbox answered ${response.status}`);
  } catch (cause) {
    throw new SandboxAway('The sandbox could not be reached', { cause });
  }
}
