/**
 * The page of the console for a link that the server has made: its own leads to the data, which no visitor wants to see.
 *
 * @param link As the server answers it: its last part is the secret.
 * @param origin Where this page comes from.
 */
export function pageOfShare(link: string, origin: string): string {
  const secret = link.slice(link.lastIndexOf("/") + 1);
  return `${origin}/console/gallery/shared/${secret}`;
}
