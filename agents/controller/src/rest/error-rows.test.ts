import assert from 'node:assert/strict';
import { test } from 'node:test';
import { neutronTypes } from '@weft/api/error-table';
import { settle } from '../test-support.ts';
import { floatingIpRows } from './error-rows/floating-ips.testing.ts';
import { identityRows } from './error-rows/identity.testing.ts';
import { ipv6Rows } from './error-rows/ipv6.testing.ts';
import { listRows } from './error-rows/lists.testing.ts';
import { networkRows } from './error-rows/networks.testing.ts';
import { objectRows } from './error-rows/objects.testing.ts';
import { operatorRows } from './error-rows/operators.testing.ts';
import { portForwardingRows } from './error-rows/port-forwardings.testing.ts';
import { portAttributeRows } from './error-rows/port-attributes.testing.ts';
import { portRows } from './error-rows/ports.testing.ts';
import { NOT_BUILT, REFERENCE_TYPES, WITHOUT_ROW } from './error-rows/reference-types.testing.ts';
import { requestRows } from './error-rows/requests.testing.ts';
import { routerRows } from './error-rows/routers.testing.ts';
import { openWorld, tokenOf } from './error-rows/row.testing.ts';
import { securityGroupRows } from './error-rows/security-groups.testing.ts';
import { sharingRows } from './error-rows/sharing.testing.ts';
import { subnetRows } from './error-rows/subnets.testing.ts';
import type { Ask, ErrorRow, World } from './error-rows/row.testing.ts';
import type { Reply } from './rest-support.ts';

/** By file, which is by section. */
const ROWS: Readonly<Record<string, readonly ErrorRow[]>> = {
  requests: requestRows,
  objects: objectRows,
  lists: listRows,
  operators: operatorRows,
  networks: networkRows,
  subnets: subnetRows,
  ports: portRows,
  'port attributes': portAttributeRows,
  ipv6: ipv6Rows,
  routers: routerRows,
  'floating IPs': floatingIpRows,
  'port forwardings': portForwardingRows,
  'security groups': securityGroupRows,
  sharing: sharingRows,
  identity: identityRows,
};

for (const [file, rows] of Object.entries(ROWS)) {
  test(`${file}: each of ${rows.length} refusals has its status, type and text, and changes nothing`, async (t) => {
    await using worlds = new Worlds();
    for (const row of rows) {
      await t.test(`${row.at}: refused because ${row.when}`, async () => {
        const world = await worlds.next();
        const token = await tokenOf(world, row.as ?? 'red');
        const asked = row.ask(world);
        await assertRefused(world, row, { token, ...(await asked) });
        if (!(asked instanceof Promise)) worlds.give(world);
      });
    }
  });
}

test('every type that the table of errors can answer, and that the reference names, is asked for by a row', () => {
  const rows = Object.values(ROWS).flat();
  const seen = new Set(rows.map(({ type }) => type));
  const wanted = new Set([...neutronTypes(), ...[...REFERENCE_TYPES.values()].flat()]);
  assert.deepEqual(
    [...wanted].filter((type) => !seen.has(type) && !Object.hasOwn(WITHOUT_ROW, type) && !Object.hasOwn(NOT_BUILT, type)),
    [],
    'without a row: add one to its section in error-rows/, or its reason to reference-types',
  );
  assert.deepEqual(
    Object.keys(WITHOUT_ROW).filter((type) => seen.has(type) || !wanted.has(type)),
    [],
    'there by now, or never asked for: take it out of WITHOUT_ROW',
  );
  assert.deepEqual(
    Object.keys(NOT_BUILT).filter((type) => seen.has(type) || neutronTypes().includes(type)),
    [],
    'built by now: take it out of NOT_BUILT, and add its row',
  );
});

test('a type that the reference names has the status of its family in every row, and no row is there twice', () => {
  const names = new Set<string>();
  for (const { at, when, status, type } of Object.values(ROWS).flat()) {
    for (const [family, types] of REFERENCE_TYPES) if (types.includes(type)) assert.equal(status, family, `${at}: ${when}`);
    assert.ok(!names.has(`${at}: ${when}`), `twice: ${at}: ${when}`);
    names.add(`${at}: ${when}`);
  }
});

/** A refused request changes nothing, so that its world serves the next row, too, unless something was made for the row. */
class Worlds {
  readonly #rests: World['rest'][] = [];
  #whole: World | undefined;

  async next(): Promise<World> {
    const world = this.#whole ?? (await openWorld());
    if (this.#whole === undefined) this.#rests.push(world.rest);
    this.#whole = undefined;
    return world;
  }

  give(world: World): void {
    this.#whole = world;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const rest of this.#rests) await rest[Symbol.asyncDispose]();
  }
}

/** Everything that a refused request could have changed. Where the process ends, its memory does not count. */
function everything({ rest }: World): readonly string[] {
  const { state } = rest.controller.cluster;
  const kept = rest.fatal.length > 0 ? [] : Array.from(state.all(), (record) => JSON.stringify(record));
  return [`revision ${rest.store.model.revision}`, `${rest.link.sent.length} frames sent`, ...kept];
}

async function assertRefused(
  world: World,
  row: ErrorRow,
  { token, method, url, body, text, headers }: Ask & Readonly<{ token: string | undefined }>,
): Promise<void> {
  await settle();
  const before = new Set(everything(world));
  const sent = text ?? (body === undefined ? undefined : JSON.stringify(body));
  const reply = await world.rest.send({
    method,
    url,
    headers: { 'content-type': 'application/json', ...headers },
    ...(token === undefined ? {} : { token }),
    ...(sent === undefined ? {} : { text: sent }),
  });
  const { status, type, message } = errorOf(reply);
  assert.deepEqual([status, type], [row.status, row.type], reply.raw);
  if (typeof row.text === 'string') assert.equal(message, row.text);
  else assert.match(message, row.text);
  assert.match(String(reply.headers['x-openstack-request-id']), /^req-[0-9a-f-]{36}$/);
  assert.match(String(reply.headers['content-type']), /^application\/json/);
  if (status === 401) assert.match(String(reply.headers['www-authenticate']), /^Keystone uri="http/);
  if (status === 503) assert.match(String(reply.headers['retry-after']), /^\d+$/);
  await settle();
  const after = everything(world);
  assert.deepEqual(
    after.filter((line) => !before.has(line)),
    [],
    'changed',
  );
  assert.ok(world.rest.fatal.length > 0 || after.length === before.size, 'something is gone');
}

/** Neutron's form, with a `detail` that is always empty; Keystone's, where the title is the type; or that of an unknown extension. */
function errorOf({ status, body, raw }: Reply): Readonly<{ status: number; type: string; message: string }> {
  const { NeutronError: neutron, error: keystone, ...rest } = body as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  if (neutron !== undefined) {
    assert.deepEqual([Object.keys(neutron), neutron['detail'], rest, keystone], [['type', 'message', 'detail'], '', {}, undefined], raw);
    return { status, type: String(neutron['type']), message: String(neutron['message']) };
  }
  const plain = keystone ?? rest;
  assert.equal(plain['code'], status, raw);
  return { status, type: String(plain['title']), message: String(plain['message']) };
}
