import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** What arrived at a StatsD host: each counter and timer as `<name>|c` or `<name>|ms`, counters as often as they say. */
export type StatsdHost = Readonly<{
  port: number;
  seen: () => readonly string[];
  /** Datagrams, as they arrived. */
  datagrams: () => readonly string[];
  forget: () => void;
  stop: () => void;
}>;

/** A StatsD host on a free UDP port of this machine. Throws, when it is asked, if anything else than a stat arrived. */
export async function startStatsd(): Promise<StatsdHost> {
  const socket = createSocket('udp4');
  let datagrams: string[] = [];
  socket.on('message', (message) => datagrams.push(message.toString()));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    seen: () => datagrams.flatMap((datagram) => datagram.split('\n').filter(Boolean).flatMap(readStat)),
    datagrams: () => datagrams,
    forget: () => {
      datagrams = [];
    },
    stop: () => socket.close(),
  };
}

function readStat(line: string): string[] {
  const [, name, value, kind] = /^([\w.-]+):(\d+(?:\.\d+)?(?:e-\d+)?)\|(c|ms)$/.exec(line) ?? [];
  if (name === undefined) throw new Error(`Not a stat: ${line}`);
  return Array.from({ length: kind === 'c' ? Number(value) : 1 }, () => `${name}|${kind}`);
}
