const MOST = 20_000;
const PART = /^(\d{1,15})(?:\s*[-–]\s*(\d{1,15}))?$/;

/** The numbers of a text such as "1, 4, 7-12"; null if it is none, or means more numbers than an assignment can have. */
export function numbersOf(text: string): number[] | null {
  const numbers = new Set<number>();
  for (const part of text.split(/[,，;；\n]/).map((each) => each.trim())) {
    if (part === "") continue;
    const found = PART.exec(part);
    if (found === null) return null;
    const first = Number(found[1]);
    const last = Number(found[2] ?? found[1]);
    if (last < first || last - first >= MOST) return null;
    for (let each = first; each <= last; each += 1) numbers.add(each);
  }
  return numbers.size > 0 && numbers.size <= MOST ? [...numbers].sort((one, other) => one - other) : null;
}
