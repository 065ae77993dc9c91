// `worker pull`: makes sure that the code of lambdas, and images, are on the node, so that no call need wait for them.
import { ask, textOf } from './client.ts';
import { because, Failure, say } from './failure.ts';
import { holderOf } from './holder.ts';
import { type Place, type PlaceOptions, placeOf } from './place.ts';
import { askForImage, interrupted, isImage, pullImage } from './pull-image.ts';
import { checked } from './run.ts';

export async function pull(names: readonly string[], options: PlaceOptions): Promise<void> {
  const place = placeOf(options);
  if (holderOf(place.lock) !== undefined)
    return await all(names, (name) => (isImage(name) ? askForImage(place, name) : asked(place, name)));
  const config = checked({ config: place.configFile, options: place.options });
  const signal = names.some(isImage) ? interrupted() : new AbortController().signal;
  const { withStore } = await import('./store.ts');
  await withStore(config, 'pull', ({ registry }) =>
    all(names, async (name) => {
      if (isImage(name)) await pullImage(registry.images, name, signal);
      else await registry.resolve(name);
    }),
  );
}

/** The worker fetches the code to read the settings in it. */
async function asked(place: Place, lambda: string): Promise<void> {
  await textOf(await ask(place, { path: `/registry/${encodeURIComponent(lambda)}/config` }), 200);
}

/** Each is tried, whatever the others do. */
async function all(names: readonly string[], one: (name: string) => Promise<void>): Promise<void> {
  let failed = 0;
  for (const name of names) {
    try {
      await one(name);
      if (!isImage(name)) process.stdout.write(`${name}: its code is on the node\n`);
    } catch (cause) {
      failed += 1;
      say(`pull "${name}": ${because(cause)}`);
    }
  }
  if (failed > 0) throw new Failure(`${failed} of ${names.length} could not be pulled`);
}
