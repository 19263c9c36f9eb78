import { expect, test } from "vitest";
import { VisibleTime } from "./visible-time";

test("only the time counts in which the page is in sight", () => {
  let now = 1000;
  const time = new VisibleTime(() => now, 500);
  expect(time.milliseconds).toBe(500);
  time.see(true);
  now += 200;
  expect(time.milliseconds).toBe(700);
  time.see(true); // as the page is told twice
  now += 100;
  time.see(false);
  now += 60_000;
  expect(time.milliseconds).toBe(800);
  time.see(true);
  now += 1;
  expect(time.milliseconds).toBe(801);
});
