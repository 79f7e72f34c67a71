import { LayeredMap } from './layered-map.ts';

/** What can be laid, while it is empty, on another one of its own kind: it reads through to it and keeps its own changes to itself. */
export type Layer = { layOn(base: never): void };

/** Tables and indexes that are laid on those of another object of the same class together, in the order of their declaration. */
export class Layers {
  readonly #layers: Layer[] = [];

  map<K, V>(): Map<K, V> {
    return this.layer(new LayeredMap<K, V>());
  }

  layer<L extends Layer>(layer: L): L {
    this.#layers.push(layer);
    return layer;
  }

  layOn(base: Layers): void {
    for (const [index, layer] of this.#layers.entries()) layer.layOn(base.#layers[index] as never);
  }
}
