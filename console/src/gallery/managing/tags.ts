/** The tags of a text in which they are separated by commas, also Chinese ones. */
export function tagsOf(text: string): string[] {
  return text
    .split(/[,，、;；\n]/u)
    .map((each) => each.trim())
    .filter((each) => each !== "");
}

export function tagText(tags: readonly string[]): string {
  return tags.join(", ");
}
