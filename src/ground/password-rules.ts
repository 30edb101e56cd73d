const shortest = 8;
const longest = 255;
/** Passwords that many people have, in lower case: megabytes, which are read when the first one is chosen. */
let common: Promise<ReadonlySet<string>> | null = null;

async function readCommon(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common');
  return new Set(dictionary['passwords-common']);
}

/**
 * Why nobody should have this password; null if they may. The rules of whoever asks people for passwords: the API itself
 * has none (spec 04, section 3.3).
 */
export async function passwordFault(password: string): Promise<string | null> {
  const { length } = [...password];
  if (length < shortest) return `The password must have at least ${shortest} characters.`;
  if (length > longest) return `The password must have at most ${longest} characters.`;
  common ??= readCommon();
  return (await common).has(password.toLowerCase()) ? 'Choose a password that is harder to guess.' : null;
}
