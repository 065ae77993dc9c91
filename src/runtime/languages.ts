// The languages there are, in the order in which they are asked whether a package is theirs: OpenLambda's, f.py before f.bin, and then what it has not.
// A new one is a folder and its name here; the compiler then asks for its line in runtimes.ts. (A file of its own, so that the command line loads no more.)

export const languages = ['python', 'native', 'node'] as const;
export type Language = (typeof languages)[number];
