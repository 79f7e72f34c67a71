import { buildApplication, buildRouteMap, text_en } from '@stricli/core';
import type { Application, Command, RouteMap } from '@stricli/core';
import { weftVersion } from '../version.ts';
import { ACCEPT_NODE, CREATE_TENANT, MOVE_CONCENTRATOR, SET_TENANT } from './admin-commands.ts';
import type { CliContext } from './cli-context.ts';
import { EVENTS } from './event-commands.ts';
import { exitCodeOf, formatFailure } from './failure.ts';
import { CREATE_FIREWALL_RULE, UPDATE_FIREWALL_RULE } from './firewall-commands.ts';
import { CREATE_INSTANCE } from './instance-commands.ts';
import { LAB_ROUTES } from './lab-commands.ts';
import { CREATE_NAT_RULE, UPDATE_NAT_RULE } from './nat-commands.ts';
import { CREATE_NETWORK, CREATE_PORT, CREATE_SUBNET, SET_PORT } from './network-commands.ts';
import {
  ASSOCIATE_FLOATING_IP,
  CREATE_FLOATING_IP,
  CREATE_PORT_FORWARDING,
  DELETE_PORT_FORWARDING,
  DISASSOCIATE_FLOATING_IP,
  LIST_PORT_FORWARDINGS,
} from './public-commands.ts';
import { LOGIN, LOGOUT } from './login-commands.ts';
import { ADD_SUBNET, CREATE_ROUTER, REMOVE_SUBNET, SET_ROUTER } from './router-commands.ts';
import { resourceCommands } from './resource-commands.ts';
import {
  CONCENTRATOR,
  FLOATING_IP,
  INSTANCE,
  NETWORK,
  NODE,
  POOL,
  PORT,
  ROUTER,
  SECURITY_GROUP,
  SUBNET,
  TENANT,
  portForwarding,
} from './resources.ts';
import type { Resource } from './resources.ts';
import { FIREWALL_RULE, NAT_RULE } from './rule-resources.ts';
import { WHY } from './why-command.ts';

const DESCRIPTION = `Weft gives every tenant its own network, over machines that share one.

EXAMPLES
  A cluster on this machine, to try (npm start does the same), and a look at it from a second terminal:
    weft lab up
    weft node list
    weft instance list

  A network with a workload on it, as tenant red:
    weft network create front --as red
    weft subnet create front-v4 --network front --cidr 10.1.0.0/24 --as red
    weft port create web --network front --as red
    weft instance create web --port web --as red -- python3 -m http.server 80

WHERE THE CLUSTER IS
  A client configuration says it: the file that WEFT_CONFIG names, else ~/.config/weft/client.yaml, else the one
  that a running lab writes. It has the keys url, ca, and tokens by name; --as NAME chooses one of them. weft login
  writes it with a token of a user’s, and weft logout ends that.

DAEMONS
  weft server, weft controller, weft scheduler, weft launcher and weft concentrator take --config FILE; each has a
  --help of its own. With a word behind it, weft concentrator is a command: weft concentrator list.

EXIT CODES
  0 done   1 failed   2 the command line is wrong   3 something is missing on this machine`;

/** Every command; what only some need is loaded when they run. */
export function application(): Application<CliContext> {
  const root = buildRouteMap<string, CliContext>({
    routes: {
      network: resourceRoutes(NETWORK, 'front', { create: CREATE_NETWORK }),
      subnet: resourceRoutes(SUBNET, 'front-v4', { create: CREATE_SUBNET }),
      port: resourceRoutes(PORT, 'web-1', { create: CREATE_PORT, set: SET_PORT }),
      router: resourceRoutes(ROUTER, 'edge', {
        create: CREATE_ROUTER,
        set: SET_ROUTER,
        addSubnet: ADD_SUBNET,
        removeSubnet: REMOVE_SUBNET,
      }),
      floatingIp: resourceRoutes(FLOATING_IP, '203.0.113.20 --as red', {
        create: CREATE_FLOATING_IP,
        associate: ASSOCIATE_FLOATING_IP,
        disassociate: DISASSOCIATE_FLOATING_IP,
      }),
      portForwarding: routes(portForwarding(''), {
        list: LIST_PORT_FORWARDINGS,
        create: CREATE_PORT_FORWARDING,
        delete: DELETE_PORT_FORWARDING,
      }),
      firewallRule: resourceRoutes(FIREWALL_RULE, '3f2a --as red', { create: CREATE_FIREWALL_RULE, update: UPDATE_FIREWALL_RULE }),
      natRule: resourceRoutes(NAT_RULE, '3f2a --as red', { create: CREATE_NAT_RULE, update: UPDATE_NAT_RULE }),
      securityGroup: resourceRoutes(SECURITY_GROUP, 'default --as red'),
      instance: resourceRoutes(INSTANCE, 'web-1', { create: CREATE_INSTANCE }),
      tenant: resourceRoutes(TENANT, 'red', { create: CREATE_TENANT, set: SET_TENANT }),
      node: resourceRoutes(NODE, 'compute1', { accept: ACCEPT_NODE }),
      concentrator: resourceRoutes(CONCENTRATOR, '3f2a', { move: MOVE_CONCENTRATOR }),
      pool: resourceRoutes(POOL, 'outside-v4'),
      login: LOGIN,
      logout: LOGOUT,
      why: WHY,
      events: EVENTS,
      lab: LAB_ROUTES,
    },
    docs: { brief: 'Isolated networks for tenants', fullDescription: DESCRIPTION },
  });
  return buildApplication<CliContext>(root, {
    name: 'weft',
    versionInfo: { currentVersion: weftVersion() },
    scanner: { caseStyle: 'allow-kebab-for-camel', allowArgumentEscapeSequence: true },
    documentation: { caseStyle: 'convert-camel-to-kebab', onlyRequiredInUsageLine: true },
    determineExitCode: exitCodeOf,
    localization: {
      text: {
        ...text_en,
        briefs: {
          ...text_en.briefs,
          help: 'Explain this',
          version: 'Print the version',
          argumentEscapeSequence: 'What follows are arguments, even if they begin with a dash',
        },
        noCommandRegisteredForInput: (args) => `weft: ${lowerFirst(text_en.noCommandRegisteredForInput(args))}\nSee weft --help.`,
        exceptionWhileParsingArguments(exception, ansiColor) {
          return `weft: ${lowerFirst(text_en.exceptionWhileParsingArguments.call(this, exception, ansiColor))}`;
        },
        exceptionWhileRunningCommand: formatFailure,
        exceptionWhileLoadingCommandFunction: formatFailure,
        commandErrorResult: formatFailure,
      },
    },
  });
}

type Routes = Readonly<Record<string, Command<CliContext>>>;

function resourceRoutes<V extends object>(resource: Resource<V>, example: string, more: Routes = {}): RouteMap<CliContext> {
  return routes(resource, { ...resourceCommands(resource, example), ...more });
}

function routes({ brief, about }: Pick<Resource<never>, 'brief' | 'about'>, commands: Routes): RouteMap<CliContext> {
  return buildRouteMap<string, CliContext>({
    routes: commands,
    docs: { brief, fullDescription: `${brief}\n\n${about}` },
  });
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
