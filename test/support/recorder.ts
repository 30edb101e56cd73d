import { createServer, type IncomingHttpHeaders, request } from 'node:http';

export type Asked = Readonly<{ method: string; path: string; headers: IncomingHttpHeaders; body: string }>;

/** An HTTP server between the pages and the API that passes everything on, and knows what was asked. */
export type Recorder = Readonly<{
  url: string;
  /** What was asked, in order; emptied by whoever wants to know what comes next. */
  asked: Asked[];
  /** Where to pass it on. */
  passOnTo: (url: string) => void;
  stop: () => Promise<void>;
}>;

export async function startRecorder(): Promise<Recorder> {
  const asked: Asked[] = [];
  let target = '';
  const server = createServer((from, to) => {
    const { method = '', url: path = '', headers } = from;
    const seen = { method, path, headers, body: '' };
    asked.push(seen);
    from.on('data', (chunk: Buffer) => {
      seen.body += chunk.toString('latin1');
    });
    const onward = request(target, { method, path, headers }, (answer) => {
      to.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(to);
    });
    onward.on('error', () => to.destroy());
    from.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    asked,
    passOnTo: (url) => {
      target = url;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
