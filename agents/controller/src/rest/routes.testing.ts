import type { FastifyInstance } from 'fastify';

/** `METHOD /pattern` of every route of a server that is ready. */
export function registeredRoutes(app: FastifyInstance): string[] {
  const path: string[] = [];
  return app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent, pattern = '', methods = ''] = /^([│├└─ ]*)(\S+) \(([^)]*)\)$/u.exec(line) ?? [];
      if (indent === undefined) return [];
      path.length = indent.length / 4 - 1;
      path.push(pattern);
      return methods.split(', ').map((method) => `${method} ${path.join('')}`);
    });
}
