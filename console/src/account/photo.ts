const PATH = "/api/uploads/photos/";

/** The photo of accounts that have none of their own. */
export const DEFAULT_PHOTO = "default.png";

/**
 * The path of an account's photo, of which the account has the name, or the path in one of its two forms; null for one
 * at another address, which the policy of the page does not let it load.
 */
export function photoPath(photo: string): string | null {
  const name = /^(?:(?:\/api)?\/uploads\/photos\/)?([\w-][\w.-]*)\/?$/.exec(photo)?.[1];
  return name === undefined ? null : PATH + name;
}
