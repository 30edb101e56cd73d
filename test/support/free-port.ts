import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below those that systems give to whoever asks for any port: other tests do so all the time. */
const [least, limit] = [20_000, 32_000] as const;
const tries = 50;

/** A port of this machine that is free, and stays so until the caller listens on it. */
export async function freePort(): Promise<number> {
  for (let left = tries; left > 0; left--) {
    const port = randomInt(least, limit);
    if (await isFree(port)) return port;
  }
  throw new Error(`None of ${tries} ports was free`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
