import { buildApplication, buildRouteMap, run, text_en } from '@stricli/core';
import { WeftError } from '@weft/core/weft-error';
import { weftVersion } from '../version.ts';
import type { CliContext } from './cli-context.ts';
import { ACCEPT_NODE, CREATE_INSTANCE, CREATE_NETWORK, CREATE_PORT, CREATE_SUBNET, CREATE_TENANT } from './create-commands.ts';
import { LAB_ROUTES } from './lab-commands.ts';
import { resourceCommands } from './resource-commands.ts';
import { CONCENTRATOR, INSTANCE, NETWORK, NODE, PORT, SECURITY_GROUP, SUBNET, TENANT } from './resources.ts';
import type { ResourceInfo } from './resources.ts';

const DESCRIPTION = `Weft gives every tenant its own network, over machines that share one.

  A tenant with a network, two ports and a workload, in a running lab or cluster:

    weft tenant create green                      prints its token, which goes into the client configuration
    weft network create front --as green
    weft subnet create front-v4 --network front --cidr 10.0.0.0/24 --as green
    weft port create web --network front --as green
    weft instance create web --port web --as green -- python3 -m http.server 80

  The client configuration (url, ca, tokens) is looked for in WEFT_CONFIG, ~/.config/weft/client.yaml and
  /run/weft-lab/client.yaml. Names and ids are understood alike.

  The daemons – weft server, controller, scheduler, launcher – have a --help of their own.`;

/** Runs a tool of the command line and sets the exit code. */
export async function runCli(process: NodeJS.Process): Promise<void> {
  const context = { process } as CliContext;
  await run(application(), process.argv.slice(2), context);
  // Stricli's codes for its own failures are negative; shells know 0 to 255.
  if (typeof process.exitCode === 'number' && process.exitCode < 0) process.exitCode = 2;
}

/** Every command; each loads what it needs when it runs. */
export function application(): ReturnType<typeof buildApplication<CliContext>> {
  const routes = <V extends object>(info: ResourceInfo<V>, more: Parameters<typeof buildRouteMap<string, CliContext>>[0]['routes'] = {}) =>
    buildRouteMap<string, CliContext>({ routes: { ...resourceCommands(info), ...more }, docs: { brief: info.brief } });
  const root = buildRouteMap<string, CliContext>({
    routes: {
      network: routes(NETWORK, { create: CREATE_NETWORK }),
      subnet: routes(SUBNET, { create: CREATE_SUBNET }),
      port: routes(PORT, { create: CREATE_PORT }),
      securityGroup: routes(SECURITY_GROUP),
      instance: routes(INSTANCE, { create: CREATE_INSTANCE }),
      tenant: routes(TENANT, { create: CREATE_TENANT }),
      node: routes(NODE, { accept: ACCEPT_NODE }),
      concentrator: routes(CONCENTRATOR),
      lab: LAB_ROUTES,
    },
    docs: { brief: 'Isolated networks for tenants', fullDescription: DESCRIPTION },
  });
  return buildApplication<CliContext>(root, {
    name: 'weft',
    versionInfo: { currentVersion: weftVersion() },
    scanner: { caseStyle: 'allow-kebab-for-camel', allowArgumentEscapeSequence: true },
    documentation: { caseStyle: 'convert-camel-to-kebab' },
    determineExitCode: () => 1,
    localization: {
      text: {
        ...text_en,
        exceptionWhileRunningCommand: formatFailure,
        exceptionWhileLoadingCommandFunction: formatFailure,
        commandErrorResult: formatFailure,
      },
    },
  });
}

/** What was being done and what to do about it; a stack only for bugs. */
export function formatFailure(error: unknown): string {
  if (!(error instanceof WeftError))
    return error instanceof Error ? `weft: ${error.stack ?? error.message}` : `weft: ${JSON.stringify(error)}`;
  const causes: string[] = [];
  for (let cause = error.cause; cause instanceof Error && causes.length < 5; cause = cause.cause)
    causes.push(`  because: ${cause.message}`);
  return [`weft: ${error.message}`, ...causes, ...(error.remedy === undefined ? [] : [error.remedy])].join('\n');
}
