// Policy: what happens to a call when it arrives, and which instances a lambda keeps. Pure, so that a simulator can use it unchanged.
import type { ColdClass, StartClass } from '../sandbox/sandbox.ts';
import type { Standing } from './eviction.ts';

/** How an instance that can take a call would be met. */
export type IdleClass = 'warm' | 'thawed';

export interface LambdaView {
  /** Whether an instance with the current code can take a call, by the way it would be met. */
  readonly idle: Readonly<Record<IdleClass, boolean>>;
  /** Those that take calls, whether they can take one now or not. */
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

export interface FleetView {
  /** Those that take calls. */
  readonly instances: number;
  /** Calls that wait for one. */
  readonly queued: number;
  readonly min: number;
  readonly max: number;
}

/** What another instance would be for; undefined when none is wanted. */
export function wanted({ instances, queued, min, max }: FleetView): 'call' | 'minimum' | undefined {
  if (queued > 0 && instances < max) return 'call';
  return instances < min ? 'minimum' : undefined;
}

/** Whether an instance ends that has been idle for its time. */
export function expires({ instances, min }: Pick<FleetView, 'instances' | 'min'>): boolean {
  return instances > min;
}

/** How much a lambda would miss one of its idle instances; `needed` is the most that worked at a time of late. */
export function standing({ instances, min, needed }: Pick<FleetView, 'instances' | 'min'> & { readonly needed: number }): Standing {
  if (instances <= min) return 'kept';
  return instances > needed ? 'surplus' : 'spare';
}
