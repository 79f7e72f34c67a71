import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';
import { API_FLAGS, clientOf, printList, printOne } from './cli-context.ts';
import type { ApiFlags, CliContext } from './cli-context.ts';
import { resolve } from './resolve.ts';
import type { ResourceInfo } from './resources.ts';

type ResourceCommand = Command<CliContext>;

/** `list`, `show` and, where the API has it, `delete` of a kind of resource. */
export function resourceCommands<V extends object>(info: ResourceInfo<V>): Readonly<Record<string, ResourceCommand>> {
  const remove = info.delete;
  return {
    list: listCommand(info),
    show: showCommand(info),
    ...(remove === undefined ? {} : { delete: deleteCommand(info, remove) }),
  };
}

const target = (kind: string) => ({ brief: `Name or id of the ${kind}`, parse: String, placeholder: kind }) as const;

function listCommand<V extends object>(info: ResourceInfo<V>): ResourceCommand {
  return buildCommand<ApiFlags, [], CliContext>({
    docs: { brief: `List every ${info.kind} that you may see` },
    parameters: { flags: API_FLAGS },
    async func(flags) {
      printList(this, flags, info.columns, await info.list(clientOf(this, flags)));
    },
  });
}

function showCommand<V extends object>(info: ResourceInfo<V>): ResourceCommand {
  return buildCommand<ApiFlags, [string], CliContext>({
    docs: { brief: `Show one ${info.kind} in full` },
    parameters: { flags: API_FLAGS, positional: { kind: 'tuple', parameters: [target(info.kind)] } },
    async func(flags, text) {
      const client = clientOf(this, flags);
      const found = resolve(info.kind, text, await info.list(client), info.named);
      printOne(this, flags, await info.show(client, info.named(found).id));
    },
  });
}

function deleteCommand<V extends object>(info: ResourceInfo<V>, remove: NonNullable<ResourceInfo<V>['delete']>): ResourceCommand {
  return buildCommand<ApiFlags, readonly string[], CliContext>({
    docs: { brief: `Delete one ${info.kind} or several` },
    parameters: { flags: API_FLAGS, positional: { kind: 'array', parameter: target(info.kind), minimum: 1 } },
    async func(flags, ...texts) {
      const client = clientOf(this, flags);
      const items = await info.list(client);
      // All are looked up before the first goes: a typing error deletes nothing.
      const found = texts.map((text) => info.named(resolve(info.kind, text, items, info.named)));
      for (const { id, name } of found) {
        await remove(client, id);
        this.process.stderr.write(`deleted ${info.kind} ${name === '' ? id : name}\n`);
      }
    },
  });
}
