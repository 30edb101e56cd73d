import type { FastifyReply } from 'fastify';
import { type Html, html } from '../../ground/html.ts';

/** The live regions of one page as it was made (spec 07, section 10). */
export type Regions = Readonly<{
  add: (id: string, content: Html, announced?: string) => Html;
  all: ReadonlyMap<string, string>;
}>;

export function createRegions(): Regions {
  const all = new Map<string, string>();
  return {
    all,
    add(id, content, announced) {
      const region = html`<div id="${id}" data-live>${content}${
        announced === undefined ? null : html`<p class="govuk-visually-hidden" role="status">${announced}</p>`
      }</div>`;
      all.set(id, region.text);
      return region;
    },
  };
}

export type Streams = Readonly<{
  /**
   * Sends the regions that change, as events, until the reader leaves, `make` throws, or the process stops. `make`:
   * the regions as they are now.
   */
  open: (reply: FastifyReply, make: () => Promise<ReadonlyMap<string, string>>) => void;
  /** How many are open. */
  count: () => number;
  /** Ends all, so that a deploy waits for nobody. */
  stop: () => void;
}>;

const everyMilliseconds = 1000;
const mostStreams = 2000;
const beatEvery = 15;

export function createStreams(): Streams {
  const open = new Set<() => void>();
  return {
    count: () => open.size,
    open(reply, make) {
      if (open.size >= mostStreams) {
        reply.code(503).header('Retry-After', '10').type('text/plain').send('Too many open pages\n');
        return;
      }
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, {
        ...(reply.getHeaders() as Record<string, string>),
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-store',
        'X-Accel-Buffering': 'no',
      });
      raw.flushHeaders();
      const sent = new Map<string, string>();
      let timer: NodeJS.Timeout | undefined;
      let beats = 0;
      const end = () => {
        clearTimeout(timer);
        open.delete(end);
        raw.end();
      };
      const tick = async () => {
        try {
          const regions = await make();
          for (const [id, text] of regions) {
            if (sent.get(id) === text) continue;
            // What was on the page when it was opened is not known here: the first event brings all.
            sent.set(id, text);
            raw.write(`event: region\n${text.replace(/^/gm, 'data: ')}\n\n`);
          }
          beats += 1;
          if (beats % beatEvery === 0) raw.write(': still here\n\n');
        } catch {
          // The session ended, or what it showed is gone: the reader finds out by asking for the page.
          raw.write('event: over\ndata: \n\n');
          end();
          return;
        }
        if (open.has(end)) timer = setTimeout(tick, everyMilliseconds);
      };
      open.add(end);
      raw.on('close', end);
      void tick();
    },
    stop() {
      for (const end of [...open]) end();
    },
  };
}
