import { setTimeout as sleep } from 'node:timers/promises';
import { signToken } from '../src/cli/client.ts';
import { platformUserId } from '../src/tenant/user/store.ts';

const retryMilliseconds = 200;
/** A large file is checked anew by each API that dies while it checks it. */
const answerMilliseconds = 120_000;
const patienceMilliseconds = 300_000;

export type FileType = 'sms' | 'email';

/** A file whose rows are all good and all different. */
export function fileOf(type: FileType, rows: number): string {
  const lines = [`${type === 'sms' ? 'phone number' : 'email address'},name,title,date`];
  for (let row = 0; row < rows; row++) {
    const recipient = type === 'sms' ? `07${700_000_000 + row}` : `person${row}@example.com`;
    lines.push(`${recipient},Rowan ${row},Sea Charts,4 May`);
  }
  return `${lines.join('\r\n')}\r\n`;
}

export type PersistentJobOptions = Readonly<{
  apis: readonly string[];
  /** A client of the admin API. */
  admin: Readonly<{ issuer: string; secret: string }>;
  serviceId: string;
  /** Of a text with the placeholders of `fileOf`. */
  templateId: string;
  rows: number;
  /** Told how many rows are messages so far. */
  onMade: (count: number) => void;
}>;

/**
 * Uploads a file of texts, makes a job of it and waits until every row is a message. Each request is repeated, at the
 * other API, until it is answered: an upload that nobody knows of is no job, and a job that is asked for again is the
 * same job.
 *
 * @throws if a request is refused, or nothing happens for five minutes
 */
export async function persistentJob(options: PersistentJobOptions): Promise<void> {
  const { apis, admin, serviceId, templateId, rows, onMade } = options;
  let requests = 0;
  async function call<Data>(method: string, path: string, body?: string): Promise<Data> {
    const until = performance.now() + patienceMilliseconds;
    for (;;) {
      const api = apis[requests++ % apis.length]!;
      const answer = await ask(`${api}/service/${serviceId}${path}`, method, admin, body);
      if (answer !== null && answer.status < 300) return (JSON.parse(answer.text) as { data: Data }).data;
      const isFinal = answer !== null && answer.status < 500 && answer.status !== 429;
      if (isFinal || performance.now() > until)
        throw new Error(
          `${method} ${path} was answered ${answer ? `${answer.status} ${answer.text.slice(0, 300)}` : 'by nobody'}`,
        );
      await sleep(retryMilliseconds);
    }
  }
  const file = fileOf('sms', rows);
  const uploadPath = `/upload?template_id=${templateId}&file_name=people.csv`;
  const upload = await call<{ id: string; valid: boolean }>('POST', uploadPath, file);
  if (!upload.valid) throw new Error('The file is not valid.');
  await call('POST', '/job', JSON.stringify({ id: upload.id, created_by: platformUserId }));
  let made = 0;
  for (let movedAt = performance.now(); made < rows; await sleep(retryMilliseconds)) {
    const { rows_done: done } = await call<{ rows_done: number }>('GET', `/job/${upload.id}`);
    if (done > made) movedAt = performance.now();
    made = done;
    onMade(made);
    if (performance.now() - movedAt > patienceMilliseconds)
      throw new Error(`Only ${made} of ${rows} rows are messages, and nothing has changed for five minutes.`);
  }
}

/** null if there was no answer. */
async function ask(
  url: string,
  method: string,
  { issuer, secret }: PersistentJobOptions['admin'],
  body: string | undefined,
): Promise<{ status: number; text: string } | null> {
  try {
    const response = await fetch(url, {
      method,
      headers: { Authorization: `Bearer ${signToken(issuer, secret)}` },
      ...(body !== undefined && { body }),
      signal: AbortSignal.timeout(answerMilliseconds),
    });
    return { status: response.status, text: await response.text() };
  } catch {
    return null;
  }
}
