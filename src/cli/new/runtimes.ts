// The runtimes that `worker new` has templates for. (In a file of its own, so that the command line is read without loading the templates.)

export const runtimes = ['python', 'node', 'native'] as const;
export type Runtime = (typeof runtimes)[number];
