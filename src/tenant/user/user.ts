/** The author of what the product creates itself; never signs in (spec 06, section 6.2). */
export const platformUserId = '6af522d0-2915-4e52-83a3-3690455a5fe6';
