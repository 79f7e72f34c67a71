import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { WeftError } from '@weft/core/weft-error';
import { readFileIfPresent } from '@weft/daemon/atomic-file';
import { writeSecret } from '@weft/pki/secret-file';

/** The file is there, but without a password. */
export class AdminOpenrcInvalid extends WeftError {
  constructor(path: string) {
    super('admin_openrc_invalid', `${path} sets no OS_PASSWORD`, {
      details: { path },
      remedy: 'Remove the file; where users exist already, the password in a new one means nothing.',
    });
  }
}

/**
 * The first administrator's password, from a shell file that `openstack` understands (`source admin-openrc`). Written before the user is made,
 * so that a process killed in between finds the password again. Later changes of the password are not written here. `ca` is a path.
 */
export async function administratorPassword(path: string, api: Readonly<{ host?: string; port: number; ca: string }>): Promise<string> {
  const written = await readFileIfPresent(path);
  if (written !== undefined) {
    const password = /^export OS_PASSWORD=([\w-]+)$/m.exec(written)?.[1];
    if (password === undefined) throw new AdminOpenrcInvalid(path);
    return password;
  }
  const password = randomBytes(24).toString('base64url');
  const host = api.host === undefined || api.host === '::' || api.host === '0.0.0.0' ? '127.0.0.1' : api.host;
  const settings = {
    OS_AUTH_URL: `https://${host.includes(':') ? `[${host}]` : host}:${api.port}/v3`,
    OS_CACERT: resolve(api.ca),
    OS_IDENTITY_API_VERSION: '3',
    OS_USERNAME: 'admin',
    OS_PASSWORD: password,
    OS_PROJECT_NAME: 'admin',
    OS_USER_DOMAIN_ID: 'default',
    OS_PROJECT_DOMAIN_ID: 'default',
  };
  const lines = Object.entries(settings).map(([key, value]) => `export ${key}=${value.replaceAll(/[^\w@%+=:,./[\]-]/g, String.raw`\$&`)}`);
  await writeSecret(path, `${lines.join('\n')}\n`);
  return password;
}
