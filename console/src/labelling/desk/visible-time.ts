/** The time that a page was in sight, in milliseconds: what a doctor does elsewhere is no work on the picture. */
export class VisibleTime {
  private counted: number;
  private since: number | null = null;

  /** `before` are the milliseconds that were counted on an earlier page of the same work. */
  constructor(
    private readonly now: () => number,
    before = 0,
  ) {
    this.counted = before;
  }

  /** Tells whether the page is in sight from now on. */
  see(visible: boolean): void {
    if (this.since !== null) this.counted += this.now() - this.since;
    this.since = visible ? this.now() : null;
  }

  get milliseconds(): number {
    return this.counted + (this.since === null ? 0 : this.now() - this.since);
  }
}
