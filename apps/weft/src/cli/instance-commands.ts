import { readFileSync } from 'node:fs';
import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';
import { ApiError } from '@weft/api/api-error';
import type { CreateInstanceBody, InstanceView } from '@weft/api/v1';
import { WeftError } from '@weft/core/weft-error';
import { say } from './cli-context.ts';
import type { CliContext, Connection } from './cli-context.ts';
import { UsageError } from './failure.ts';
import { WRITE_FLAGS, docs, optionalText, text } from './flags.ts';
import type { WriteFlags } from './flags.ts';
import { findId } from './resolve.ts';
import { INSTANCE, NODE, PORT, findable } from './resources.ts';
import { printMade } from './resource-output.ts';
import { write } from './write.ts';

/** Placing and starting takes well under a second; a control plane that is just restarting takes some. */
const ACTIVE_MS = 60_000;
/** An active instance works; the other nodes of its network learn of it at the same time. One that is away may take any time. */
const SPREAD_MS = 5000;
const POLL_MS = 100;

/** The instance cannot run, or does not yet. It is there, and the cluster goes on trying. */
class InstanceNotActive extends WeftError {
  constructor(message: string, remedy: string) {
    super('instance_not_active', message, { remedy });
  }
}

type InstanceFlags = WriteFlags &
  Readonly<{ port: string; node?: string; addressing?: 'static' | 'dhcp'; userData?: string; wait: boolean }>;

export const CREATE_INSTANCE: Command<CliContext> = buildCommand<InstanceFlags, readonly string[], CliContext>({
  docs: docs('Run a command on a port, in namespaces of its own', {
    more: 'Waits until it runs, and says on the way how far it is. What follows -- is the command.',
    usage:
      '[--as name] [--json] --port port [--node node] [--addressing static|dhcp] [--user-data file] [--no-wait] [--dry-run] name -- command...',
    examples: [
      'weft instance create web-1 --port web-1 --as red -- python3 -m http.server 80',
      'weft instance create idle --port p2 --node compute2 -- sleep infinity',
    ],
  }),
  parameters: {
    flags: {
      ...WRITE_FLAGS,
      port: text('The port that it is to be plugged into', 'port'),
      node: optionalText('The node that it is to run on (administrators: its name; by default the scheduler chooses)', 'node'),
      addressing: {
        kind: 'enum',
        values: ['static', 'dhcp'],
        optional: true,
        brief: 'Who sets its addresses: Weft (static, the default), or the command itself by DHCP',
      },
      userData: optionalText('A file that it reads at http://169.254.169.254/latest/user-data, and nobody else', 'file'),
      wait: { kind: 'boolean', default: true, brief: 'Whether to wait until it runs' },
    },
    positional: {
      kind: 'array',
      parameter: { brief: 'Name of the new instance, then the command and its arguments', parse: String, placeholder: 'word' },
    },
  },
  async func(flags, name, ...command) {
    if (name === undefined || command.length === 0)
      throw new UsageError('an instance needs a name and a command', 'For example: weft instance create web --port web -- sleep infinity');
    const userData = flags.userData === undefined ? undefined : contentOf(flags.userData);
    const connection = await this.connect(flags.as);
    const { api } = connection;
    const body: CreateInstanceBody = {
      name,
      command,
      port_id: await findId(findable(PORT, api), flags.port),
      ...(flags.addressing === undefined ? {} : { addressing: flags.addressing }),
      ...(userData === undefined ? {} : { user_data: userData }),
      ...(flags.node === undefined ? {} : { node_id: await findId(findable(NODE, api), flags.node) }),
    };
    const done = async (made: InstanceView): Promise<void> => {
      const instance = flags.wait ? await waitActive(this, connection, made) : made;
      await printMade(this, flags, connection, INSTANCE, instance);
    };
    await write(this, flags, api, (to) => to.instances.create(body), done);
  },
});

/** In base64. Throws UsageError. */
function contentOf(file: string): string {
  try {
    return readFileSync(file).toString('base64');
  } catch (error) {
    throw new UsageError(
      `${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'no reason is known'}`,
      'Name a file as --user-data.',
    );
  }
}

/** Waits until the instance runs, and a little until the nodes of its network know of it. Throws InstanceNotActive, ApiError. */
async function waitActive(context: CliContext, { api }: Connection, made: InstanceView): Promise<InstanceView> {
  const { clock } = context;
  const startMs = clock.nowMs();
  const where = `See how it goes on with \`weft instance show ${made.id}\`, or delete it.`;
  let said = '';
  let activeMs: number | undefined;
  for (let now = made; ; now = await look(now)) {
    if (now.status !== said) say(context, `instance ${now.name}: ${now.status}`);
    said = now.status;
    if (now.status === 'error')
      throw new InstanceNotActive(`instance ${now.name} does not run: ${now.error?.message ?? 'no reason is known'}`, where);
    const { applied, of } = now.applied;
    if (now.status === 'active') {
      activeMs ??= clock.nowMs();
      if (applied >= of) return now;
      if (clock.nowMs() - activeMs >= SPREAD_MS) {
        say(context, `${applied} of ${of} nodes of its network know of it; the others follow`);
        return now;
      }
    } else if (clock.nowMs() - startMs >= ACTIVE_MS) {
      throw new InstanceNotActive(`instance ${now.name} is still ${now.status} after ${ACTIVE_MS / 1000} seconds`, where);
    }
    await clock.sleep(POLL_MS);
  }

  async function look(last: InstanceView): Promise<InstanceView> {
    try {
      return await api.instances.show(made.id);
    } catch (error) {
      // The controller may be restarting; the deadline still counts.
      if (error instanceof ApiError && error.retryable) return last;
      throw error;
    }
  }
}
