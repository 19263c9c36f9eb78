import { describe, expect, test } from "vitest";
import { withKeys } from "./fields";
import { actionOf, fieldKeys, type Moment, type Pressed } from "./keys";

function pressed(key: string, more: Partial<Pressed> = {}): Pressed {
  const none = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };
  return { key, code: "", ...none, isComposing: false, repeat: false, ...more };
}

const MOMENT: Moment = {
  isTyping: false,
  areCommands: true,
  isOnPicture: false,
  keys: ["q", "d", "D"],
  choices: withKeys([{ value: true }, { value: false }]),
};

describe("the keys of fields", () => {
  test("are letters of their names, each once", () => {
    const names = [
      "quality",
      "dr",
      "stage",
      "dme",
      "hr",
      "age_dme",
      "rvo",
      "crao",
      "myopia",
      "od",
      "glaucoma",
      "others",
      "comment",
    ];
    expect(fieldKeys(names)).toEqual(["q", "d", "s", "m", "h", "a", "r", "c", "y", "o", "g", "t", "e"]);
  });

  test("suffice for as many fields as a scheme can have, and are never those of the picture or of choices", () => {
    const keys = fieldKeys(Array.from({ length: 64 }, (_each, index) => `field_${index}`));
    expect(new Set(keys).size).toBe(64);
    for (const key of keys) {
      expect(key).toMatch(/^[^0-9+\-=/[?\s]$/);
      const moment = { ...MOMENT, keys, choices: [] };
      expect(actionOf(pressed(key, { shiftKey: /[A-Z]/.test(key) }), moment)).toEqual({
        does: "go",
        to: keys.indexOf(key),
      });
    }
    expect(fieldKeys(Array.from({ length: 100 }, () => "x")).at(-1)).toBe("");
  });

  test("are there for names without letters too", () => {
    expect(fieldKeys(["左", "右"])).toEqual(["a", "b"]);
  });
});

describe("a key", () => {
  test.each([
    ["q", pressed("q"), { does: "go", to: 0 }],
    ["Shift and d", pressed("D", { shiftKey: true }), { does: "go", to: 2 }],
    ["d with Caps Lock", pressed("D"), { does: "go", to: 1 }],
    ["the key of q on a Russian keyboard", pressed("й", { code: "KeyQ" }), { does: "go", to: 0 }],
    ["1", pressed("1"), { does: "choose", choice: 0 }],
    ["3, which is no choice", pressed("3"), undefined],
    ["+", pressed("+"), { does: "zoom", by: 1 }],
    ["[", pressed("["), { does: "channel" }],
    ["Backspace", pressed("Backspace"), { does: "clear" }],
    ["Ctrl+Enter", pressed("Enter", { ctrlKey: true }), { does: "finish" }],
    ["⌘+Enter", pressed("Enter", { metaKey: true }), { does: "finish" }],
    ["Enter", pressed("Enter"), undefined],
    ["Tab", pressed("Tab"), undefined],
    ["Ctrl+d, a bookmark", pressed("d", { ctrlKey: true }), undefined],
    ["Alt+d, the address", pressed("d", { altKey: true }), undefined],
  ])("%s", (_name, key, action) => {
    expect(actionOf(key, MOMENT)).toEqual(action);
  });

  test("is left alone while somebody types, but for leaving the text and for finishing", () => {
    const typing = { ...MOMENT, isTyping: true };
    const all = [
      ..."abcdefghijklmnopqrstuvwxyz0123456789+-/[?!@",
      "Backspace",
      "Delete",
      "Enter",
      "ArrowLeft",
    ];
    expect(all.map((key) => actionOf(pressed(key), typing)).filter((each) => each !== undefined)).toEqual([]);
    expect(actionOf(pressed("Escape"), typing)).toEqual({ does: "leave" });
    expect(actionOf(pressed("Enter", { ctrlKey: true }), typing)).toEqual({ does: "finish" });
  });

  test("is no command where single characters are turned off, but in what has the focus", () => {
    const off = { ...MOMENT, areCommands: false };
    for (const key of "qd+-=/[?") expect(actionOf(pressed(key), off)).toBeUndefined();
    expect(actionOf(pressed("1"), off)).toEqual({ does: "choose", choice: 0 });
    expect(actionOf(pressed("Backspace"), off)).toEqual({ does: "clear" });
    expect(actionOf(pressed("Enter", { ctrlKey: true }), off)).toEqual({ does: "finish" });
    const onPicture = { ...off, isOnPicture: true, choices: [] };
    expect(actionOf(pressed("+"), onPicture)).toEqual({ does: "zoom", by: 1 });
    expect(actionOf(pressed("["), onPicture)).toEqual({ does: "channel" });
    expect(actionOf(pressed("q"), onPicture)).toBeUndefined();
  });

  test("is left alone while a Chinese word is composed of it", () => {
    const composing = { isComposing: true };
    expect(actionOf(pressed("Enter", { ctrlKey: true, ...composing }), MOMENT)).toBeUndefined();
    expect(actionOf(pressed("q", composing), MOMENT)).toBeUndefined();
  });

  test("that is held does nothing more, but for zooming", () => {
    const held = { repeat: true };
    for (const key of ["q", "1", "[", "/", "?", "Backspace"])
      expect(actionOf(pressed(key, held), MOMENT), key).toBeUndefined();
    expect(actionOf(pressed("Enter", { ctrlKey: true, ...held }), MOMENT)).toBeUndefined();
    expect(actionOf(pressed("+", held), MOMENT)).toEqual({ does: "zoom", by: 1 });
    expect(actionOf(pressed("-", held), MOMENT)).toEqual({ does: "zoom", by: -1 });
  });
});
