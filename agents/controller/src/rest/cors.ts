import type { FastifyInstance } from 'fastify';

/**
 * Cross-origin requests (Fetch standard §3.2): which pages of other origins browsers let use the API. Off unless origins are named. Tokens
 * travel in a header that a page has to set itself, never in cookies, so credentials are not allowed to anybody.
 */
export type CorsOptions = Readonly<{
  /** As browsers send them: `https://console.example.org:8443`. */
  origins: readonly string[];
}>;

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const REQUEST_HEADERS = 'Accept, Content-Type, If-Match, Last-Event-ID, X-Auth-Token, X-Subject-Token, X-Openstack-Request-Id';
const ANSWER_HEADERS = 'X-Subject-Token, X-Openstack-Request-Id, Retry-After, WWW-Authenticate';
const PREFLIGHT_SECONDS = 600;

/** Answers preflights of these origins, and lets their pages read answers, errors too. All others see what they see without CORS. */
export function allowOrigins(app: FastifyInstance, { origins }: CorsOptions): void {
  const allowed = new Set(origins);
  app.addHook('onRequest', async (request, reply) => {
    // What is answered depends on it, so no cache may give it to another origin.
    void reply.header('vary', 'Origin');
    const { origin } = request.headers;
    if (origin === undefined || !allowed.has(origin)) return;
    void reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': ANSWER_HEADERS });
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return;
    return reply
      .status(204)
      .headers({
        'access-control-allow-methods': METHODS,
        'access-control-allow-headers': REQUEST_HEADERS,
        'access-control-max-age': String(PREFLIGHT_SECONDS),
      })
      .send();
  });
}

/** Why this is no origin as browsers send it; undefined if it is one. */
export function originProblem(text: string): string | undefined {
  if (text === '*') return 'allows every page on the internet: name the origins';
  if (text === 'null') return 'is what any sandboxed page sends: name the origins';
  if (!URL.canParse(text)) return 'is not an origin like https://console.example.org';
  const { protocol, origin } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return 'is not an origin of http or https';
  return origin === text ? undefined : `is not an origin as browsers send it: write ${origin}`;
}
