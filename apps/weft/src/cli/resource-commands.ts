import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';
import { say } from './cli-context.ts';
import type { CliContext, Collections } from './cli-context.ts';
import { API_FLAGS, WRITE_FLAGS, docs, target } from './flags.ts';
import type { ApiFlags, WriteFlags } from './flags.ts';
import { find, findId } from './resolve.ts';
import { findable } from './resources.ts';
import type { Resource } from './resources.ts';
import { printList, printView } from './resource-output.ts';
import { write } from './write.ts';

type ResourceCommand = Command<CliContext>;

/** `list`, `show` and, where the API has it, `delete` of a kind of resource. `example`: a name that its help may use. */
export function resourceCommands<V extends object>(resource: Resource<V>, example: string): Readonly<Record<string, ResourceCommand>> {
  const { delete: remove } = resource;
  return {
    list: listCommand(resource),
    show: showCommand(resource, example),
    ...(remove === undefined ? {} : { delete: deleteCommand(resource, remove, example) }),
  };
}

function listCommand<V extends object>(resource: Resource<V>): ResourceCommand {
  const { kind } = resource;
  return buildCommand<ApiFlags, [], CliContext>({
    docs: docs(`List every ${kind} that you may see`, {
      more: 'Tables show the beginning of ids; every command understands it. The whole ids are in --json.',
      examples: [`weft ${kind} list`, `weft ${kind} list --json`],
    }),
    parameters: { flags: API_FLAGS },
    async func(flags) {
      const connection = await this.connect(flags.as);
      await printList(this, flags, connection, resource, await resource.reader(connection.api).list());
    },
  });
}

function showCommand<V extends object>(resource: Resource<V>, example: string): ResourceCommand {
  const { kind } = resource;
  return buildCommand<ApiFlags, [string], CliContext>({
    docs: docs(`Show one ${kind} with all that is known of it`, { examples: [`weft ${kind} show ${example}`] }),
    parameters: { flags: API_FLAGS, positional: { kind: 'tuple', parameters: [target(kind)] } },
    async func(flags, text) {
      const { api } = await this.connect(flags.as);
      printView(this, flags, resource, await find(findable(resource, api), text));
    },
  });
}

function deleteCommand<V extends object>(
  resource: Resource<V>,
  remove: (to: Collections, id: string) => Promise<void>,
  example: string,
): ResourceCommand {
  const { kind } = resource;
  return buildCommand<Omit<WriteFlags, 'json'>, readonly string[], CliContext>({
    docs: docs(`Delete one ${kind} or several`, {
      more: 'All are looked up before the first is deleted, so a mistyped name deletes nothing.',
      examples: [`weft ${kind} delete ${example}`],
    }),
    parameters: {
      flags: { as: WRITE_FLAGS.as, dryRun: WRITE_FLAGS.dryRun },
      positional: { kind: 'array', parameter: target(kind), minimum: 1 },
    },
    async func(flags, ...texts) {
      const { api } = await this.connect(flags.as);
      const ids = new Map<string, string>();
      for (const text of texts) ids.set(await findId(findable(resource, api), text), text);
      for (const [id, text] of ids) {
        await write(
          this,
          flags,
          api,
          (to) => remove(to, id),
          () => say(this, `deleted ${kind} ${text}`),
        );
      }
    },
  });
}
