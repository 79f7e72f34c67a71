import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { Page } from '@weft/api/list-query';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { baseUrl, pathOf } from './rest-context.ts';

/** So many objects are written at a time; then it is others' turn. A few milliseconds' work. */
const SLICE = 500;

type Link = Readonly<{ rel: 'next' | 'previous'; href: string }>;

/**
 * The answer to a list request, with links to the neighbouring pages. A long one is written in slices, each once all is durable that it may
 * show: which objects are in it was decided before the first, and the process serves others between them.
 */
export async function listAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  plural: string,
  page: Page<unknown>,
  settled: () => Promise<void>,
): Promise<unknown> {
  const links = linksOf(request, page);
  const more = links.length === 0 ? {} : { [`${plural}_links`]: links };
  if (page.count <= SLICE) {
    const all = [...page.items];
    await settled();
    return { [plural]: all, ...more };
  }
  const slices = async function* (): AsyncGenerator<string> {
    let [text, written] = [`{${JSON.stringify(plural)}:[`, 0];
    for (const item of page.items) {
      text += `${written === 0 ? '' : ','}${JSON.stringify(item)}`;
      if ((written += 1) % SLICE !== 0) continue;
      await settled();
      yield text;
      text = '';
      await setImmediate();
    }
    await settled();
    yield `${text}]${links.length === 0 ? '' : `,${JSON.stringify(more).slice(1, -1)}`}}`;
  };
  return reply.type('application/json; charset=utf-8').send(Readable.from(slices()));
}

/** The request again, for the page after and before this one. */
function linksOf(request: FastifyRequest, { next, previous }: Page<unknown>): readonly Link[] {
  const link = (rel: Link['rel'], marker: string): Link => {
    const query = new URLSearchParams(request.url.split('?')[1] ?? '');
    query.set('marker', marker);
    if (rel === 'previous') query.set('page_reverse', 'True');
    else query.delete('page_reverse');
    return { rel, href: `${baseUrl(request)}${pathOf(request)}?${query.toString()}` };
  };
  return [...(next === undefined ? [] : [link('next', next)]), ...(previous === undefined ? [] : [link('previous', previous)])];
}
