// The shells that `worker completion` knows. (In a file of its own, so that the command line is read without loading the scripts.)

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** The names under which the program is found. */
export const programs = ['worker', 'sock-worker', 'ol'] as const;
