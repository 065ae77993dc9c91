// Policy: what happens to a call when it arrives, and when an instance becomes free. Pure, so that a simulator can use it unchanged.
import type { ColdClass, StartClass } from '../sandbox/sandbox.ts';

/** How an idle instance would be met. */
export type IdleClass = 'warm' | 'thawed';

export interface LambdaView {
  /** Whether an idle instance with the current code is there, by the way it would be met. */
  readonly idle: Readonly<Record<IdleClass, boolean>>;
  readonly instances: number;
  readonly maxInstances: number;
  readonly queued: number;
  readonly maxQueue: number;
}

export type Placement =
  | { readonly at: 'use'; readonly idle: IdleClass }
  /** Start an instance for it, `cold` if the caller insists on a class; when there is no room for one, `otherwise`. */
  | { readonly at: 'start'; readonly cold: ColdClass | undefined; readonly otherwise: 'queue' | 'refuse' | 'unmet' }
  | { readonly at: 'queue' }
  | { readonly at: 'refuse' }
  /** The start class asked for cannot be had. */
  | { readonly at: 'unmet' };

/**
 * A burst is answered at once: as long as the lambda may have more instances, no call waits behind another. What is warm is used before what is
 * frozen, and that before anything is started. Calls that wait come first: a new one does not overtake them.
 */
export function place(view: LambdaView, force: StartClass | undefined): Placement {
  const overflow = view.queued < view.maxQueue ? 'queue' : 'refuse';
  if (force === 'warm' || force === 'thawed') return view.idle[force] ? { at: 'use', idle: force } : { at: 'unmet' };
  if (force !== undefined) return view.instances < view.maxInstances ? { at: 'start', cold: force, otherwise: 'unmet' } : { at: 'unmet' };
  if (view.queued > 0) return { at: overflow };
  if (view.idle.warm) return { at: 'use', idle: 'warm' };
  if (view.idle.thawed) return { at: 'use', idle: 'thawed' };
  if (view.instances < view.maxInstances) return { at: 'start', cold: undefined, otherwise: overflow };
  return { at: overflow };
}
