// `worker pull`: makes sure that the code of lambdas is on the node, so that their first call need not wait for it.
import { ask, textOf } from './client.ts';
import { because, Failure, say } from './failure.ts';
import { holderOf } from './holder.ts';
import { type Place, type PlaceOptions, placeOf } from './place.ts';
import { checked } from './run.ts';

export async function pull(lambdas: readonly string[], options: PlaceOptions): Promise<void> {
  const place = placeOf(options);
  if (holderOf(place.lock) !== undefined) return await all(lambdas, (lambda) => asked(place, lambda));
  const config = checked({ config: place.configFile, options: [] });
  const { withStore } = await import('./store.ts');
  await withStore(config, 'pull', ({ registry }) => all(lambdas, async (lambda) => void (await registry.resolve(lambda))));
}

/** The worker fetches the code to read the settings in it. */
async function asked(place: Place, lambda: string): Promise<void> {
  await textOf(await ask(place, { path: `/registry/${encodeURIComponent(lambda)}/config` }), 200);
}

/** Each is tried, whatever the others do. */
async function all(lambdas: readonly string[], one: (lambda: string) => Promise<void>): Promise<void> {
  let failed = 0;
  for (const lambda of lambdas) {
    try {
      await one(lambda);
      process.stdout.write(`${lambda}: its code is on the node\n`);
    } catch (cause) {
      failed += 1;
      say(`pull "${lambda}": ${because(cause)}`);
    }
  }
  if (failed > 0) throw new Failure(`${failed} of ${lambdas.length} could not be pulled`);
}
