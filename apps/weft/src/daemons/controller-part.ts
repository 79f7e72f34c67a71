import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AuditLog } from '@weft/controller/audit-log';
import { Controller } from '@weft/controller/controller';
import { ExternalKeystone } from '@weft/controller/identity/external-keystone';
import type { ExternalKeystoneOptions } from '@weft/controller/identity/external-keystone';
import { Identity } from '@weft/controller/identity/identity';
import { sightProject } from '@weft/controller/identity/project-sighting';
import type { CorsOptions } from '@weft/controller/rest/cors';
import { createRest } from '@weft/controller/rest/rest';
import type { ClusterConfig } from '@weft/core/command/context';
import { WeftError } from '@weft/core/weft-error';
import { readFileIfPresent } from '@weft/daemon/atomic-file';
import type { Lifecycle } from '@weft/daemon/lifecycle';
import type { Logger } from '@weft/daemon/log';
import { writeSecret } from '@weft/pki/secret-file';
import { SsntpClient } from '@weft/ssntp/client';
import type { Connect } from '@weft/ssntp/client';
import { systemClock } from '@weft/ssntp/clock';
import { Role } from '@weft/ssntp/role';
import { openSqliteStore } from '@weft/store/sqlite-store';
import { administratorPassword } from './admin-openrc.ts';
import type { Credentials } from './credentials.ts';
import { listenAt } from './listen-at.ts';

const TOKEN_BYTES = 32;
const STOP_MS = 5000;

export type ControllerPartOptions = Readonly<{
  credentials: Credentials;
  /** Path of the authority's certificate. */
  ca: string;
  stateDir: string;
  https: Readonly<{ host?: string; port: number; trustedProxies: readonly string[]; cors?: CorsOptions }>;
  /** An identity service that stands outside; absent: the embedded one. */
  keystone?: ExternalKeystoneOptions;
  cluster: ClusterConfig;
  concentratorIdleMs: number;
  /** The way, or ways, to the scheduler. */
  connect: Connect | readonly Connect[];
}>;

/** Opens the store, starts the controller and its REST API. Throws what the store and the listener say. */
export async function startController(
  options: ControllerPartOptions,
  deps: Readonly<{ lifecycle: Lifecycle; log: Logger }>,
): Promise<void> {
  const { credentials, ca, stateDir, https, cluster, concentratorIdleMs, connect } = options;
  const { lifecycle } = deps;
  const log = deps.log.child({ part: 'controller' });
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const token = await administratorToken(join(stateDir, 'admin.token'));

  const store = await openSqliteStore({ path: join(stateDir, 'weft.db') });
  lifecycle.add('store', () => store[Symbol.asyncDispose](), { deadlineMs: STOP_MS });
  log.info({ epoch: store.epoch }, 'store opened');

  const random = { random: Math.random, randomUuid: randomUUID, randomBytes: (count: number) => new Uint8Array(randomBytes(count)) };
  const controller = await Controller.open(
    { config: cluster, concentratorIdleMs },
    {
      store,
      clock: { ...systemClock, wallMs: () => Date.now() },
      ...random,
      log,
      fatal: (error) => lifecycle.fail('controller', error),
      connect: (handler) =>
        new SsntpClient(
          { uuid: credentials.uuid, role: Role.Controller, connect },
          { clock: systemClock, random: Math.random, handler, log },
        ),
    },
  );
  controller.start();
  lifecycle.add('controller', () => controller.close(), { deadlineMs: STOP_MS });

  const wallMs = (): number => Date.now();
  const identity =
    options.keystone === undefined
      ? new Identity({}, { cluster: controller.cluster, wallMs, ...random })
      : new ExternalKeystone(options.keystone, { wallMs, log, sighted: (project) => sightProject(controller.cluster, project) });
  if (identity instanceof ExternalKeystone) lifecycle.add('keystone', async () => identity.close(), { deadlineMs: STOP_MS });
  else await identity.bootstrap(await administratorPassword(join(stateDir, 'admin-openrc'), { ...https, ca }));
  const audit = await AuditLog.open({ path: join(stateDir, 'audit.log') }, { log });
  lifecycle.add('audit log', () => audit[Symbol.asyncDispose](), { deadlineMs: STOP_MS });
  const rest = createRest(
    {
      adminTokenHash: createHash('sha256').update(token).digest('hex'),
      trustedProxies: https.trustedProxies,
      ...(https.cors === undefined ? {} : { cors: https.cors }),
      https: { cert: credentials.cert, key: credentials.key, minVersion: 'TLSv1.2' },
    },
    { controller, identity, wallMs, ...random, audit, log },
  );
  const address = await listenAt('https', https, () => rest.listen({ host: https.host ?? '::', port: https.port }));
  lifecycle.add('rest', () => rest.close(), { deadlineMs: STOP_MS });
  log.info({ address }, 'listening for REST');
}

/** The administrator's token is wrong, though its file exists. */
export class AdminTokenInvalid extends WeftError {
  constructor(path: string) {
    super('admin_token_invalid', `${path} holds no token`, {
      details: { path },
      remedy: 'Remove the file to have a new token made at the next start.',
    });
  }
}

/** Reads the token, or makes it at the first start: 32 random bytes, readable by its owner only. Throws {@link AdminTokenInvalid}. */
export async function administratorToken(path: string): Promise<string> {
  const written = (await readFileIfPresent(path))?.trim();
  if (written === undefined) {
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    await writeSecret(path, `${token}\n`);
    return token;
  }
  if (!/^[\w-]{43,}$/.test(written)) throw new AdminTokenInvalid(path);
  return written;
}
