// Whoever has started this process and waits for it to listen (detached.ts): told over the channel that it was started with.

export type Outcome = { readonly at: 'listening'; readonly url: string } | { readonly at: 'failed'; readonly why: string };

/** Resolves when it is on its way, or when nobody waits for it. */
export function tellStarter(outcome: Outcome): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(outcome, undefined, undefined, () => resolve());
  });
}
