// The arguments as commander takes them: without the first word of `ol worker …`, and with `-p=DIR`, which OpenLambda's scripts write, as two.

/** `words`: what follows the program's name. */
export function normalised(words: readonly string[]): string[] {
  const rest = words[0] === 'worker' ? words.slice(1) : words;
  if (words[0] === 'worker' && rest.length === 0) return ['--help'];
  const end = rest.indexOf('--');
  return rest.flatMap((word, at) => {
    const [, flag, value] = /^(-[A-Za-z])=(.*)$/s.exec(word) ?? [];
    return flag === undefined || value === undefined || (end !== -1 && at > end) ? [word] : [flag, value];
  });
}
