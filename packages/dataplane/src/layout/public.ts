import type { ForwardBody } from '@weft/core/plan/forward';
import type { PublicIpBody } from '@weft/core/plan/publicip';
import { gatewayKey } from '@weft/core/plan/gateway';
import type { Plan } from '@weft/core/plan/plan';
import { WeftError } from '@weft/core/weft-error';
import type { ElementObject, KernelObject } from '../kernel-object.ts';
import { gatewayPlace, uplinkName } from '../names.ts';

type Body = Readonly<{ concentratorId: PublicIpBody['concentratorId'] }>;

/**
 * A public address: the gateway answers for it on its uplink (which is announced when it is put), and translates it 1:1 if it leads anywhere.
 * Nothing without its gateway, whose arrival lays it out again. Throws `no_uplink` for a gateway that has none.
 */
export function layoutPublicIp({ plan }: Readonly<{ plan: Plan }>, body: PublicIpBody): readonly KernelObject[] {
  const { address, internal } = body;
  const gateway = plan.get('gateway', gatewayKey(body.concentratorId));
  if (gateway === undefined) return [];
  if (gateway.uplink === undefined) {
    throw new WeftError('no_uplink', `concentrator ${body.concentratorId} has no uplink to answer for ${address} on`, {
      remedy: 'Name a range for uplinks in the server’s configuration, so that concentrators get an address outside.',
    });
  }
  const link = uplinkName(body.concentratorId);
  const objects: KernelObject[] =
    gateway.uplink.address === address
      ? []
      : [{ kind: 'address', place: gatewayPlace(body.concentratorId), link, address, prefixLength: 32 }];
  if (internal === undefined) return objects;
  return [...objects, gatewayElement(body, 'public_in', [address], internal), gatewayElement(body, 'public_out', [internal], address)];
}

/** One port of an address that the gateway answers for anyway. Nothing without its gateway. */
export function layoutForward({ plan }: Readonly<{ plan: Plan }>, body: ForwardBody): readonly KernelObject[] {
  if (plan.get('gateway', gatewayKey(body.concentratorId)) === undefined) return [];
  const key = [body.address, body.protocol, String(body.port)];
  return [gatewayElement(body, 'forwards', key, `${body.internal} . ${body.internalPort}`)];
}

function gatewayElement({ concentratorId }: Body, set: string, key: readonly string[], value: string): ElementObject {
  return { kind: 'element', place: gatewayPlace(concentratorId), family: 'ip', set, key, value };
}
