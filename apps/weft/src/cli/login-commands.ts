/** `weft login` and `weft logout`: a token of the identity service, in the client configuration. */
import { buildCommand } from '@stricli/core';
import type { Command } from '@stricli/core';
import type { CliContext } from './cli-context.ts';
import { say } from './cli-context.ts';
import { API_FLAGS, docs, optionalText } from './flags.ts';
import type { LoginFlags } from './login-settings.ts';

type Flags = LoginFlags & Readonly<{ as?: string; api?: string; replace?: boolean }>;

export const LOGIN: Command<CliContext> = buildCommand<Flags, [], CliContext>({
  docs: docs('Log in: get a token and write it into your client configuration', {
    more:
      'It asks for what nobody has said: the user, the password, the project. The variables of an openrc file (OS_AUTH_URL, OS_USERNAME,\n' +
      'OS_PASSWORD, OS_PROJECT_NAME, OS_CACERT, OS_APPLICATION_CREDENTIAL_ID …) and a cloud of clouds.yaml (--cloud, OS_CLOUD) say it, too.\n' +
      'A password is never a flag: others could see it.\n' +
      'The file is the one that WEFT_CONFIG names, else ~/.config/weft/client.yaml; only you can read it. The token gets the name of the\n' +
      'project, or that of --as, and commands use it with --as NAME. It ends after a while (an hour, if the operator did not choose\n' +
      'otherwise): then log in again. `weft logout` ends it at once.',
    examples: [
      'weft login --auth-url https://control:8889/v3 --ca ca.pem --user alice --project red',
      '. ./admin-openrc && weft login',
      'weft login --cloud mycloud --as work',
    ],
  }),
  parameters: {
    flags: {
      authUrl: optionalText(
        'The identity service, such as https://control:8889/v3; by default OS_AUTH_URL, or where you logged in last',
        'url',
      ),
      ca: optionalText('The certificate of its authority; by default OS_CACERT, or the authorities that the machine trusts', 'file'),
      user: optionalText('Who logs in; by default OS_USERNAME', 'name'),
      project: optionalText('The project to work in; by default OS_PROJECT_NAME, or the user’s own', 'name'),
      cloud: optionalText('A cloud of clouds.yaml that says all of this', 'name'),
      api: optionalText('Where the network API is; by default what the identity service says', 'url'),
      as: { ...API_FLAGS.as, brief: 'What to call the token in your client configuration; by default like the project' },
      replace: {
        kind: 'boolean',
        optional: true,
        withNegated: false,
        brief: 'Forget the cluster that the client configuration names now, and its tokens',
      },
    },
  },
  async func(flags) {
    const { logIn } = await import('./login.ts');
    const { name, path, expiresAt, user } = await logIn(this, flags);
    say(this, `logged in as ${user}; the token is called ${name} in ${path}, and ends at ${expiresAt}`);
  },
});

export const LOGOUT: Command<CliContext> = buildCommand<Readonly<{ as?: string }>, [], CliContext>({
  docs: docs('Log out: end a token that weft login got, and forget it', {
    more: 'Without --as it is the only one. Tokens that you wrote into the client configuration yourself stay.',
    examples: ['weft logout', 'weft logout --as work'],
  }),
  parameters: { flags: { as: { ...API_FLAGS.as, brief: 'The name of the token in your client configuration' } } },
  async func(flags) {
    const { logOut } = await import('./login.ts');
    say(this, `logged out: the token ${await logOut(this, flags.as)} is over`);
  },
});
