/** The keys of the labelling page: which field and choice has which, and what a key means at a moment. */
import type { Choice } from "./fields";

const LETTERS = "abcdefghijklmnopqrstuvwxyz";
/** For the fields after the first 52. Those that the picture has, and digits, which choose, are not among them. */
const SIGNS = "!@#$%^&*()_|~:;\"'<>,.`{}";

/**
 * A key for each field: a letter of its name, as near to the begin as is free; capital letters and signs where the letters
 * do not suffice, and "" after those. The same fields always get the same keys.
 */
export function fieldKeys(names: readonly string[]): string[] {
  const used = new Set<string>();
  return names.map((name) => {
    const own = [...name.toLowerCase()].filter((each) => LETTERS.includes(each));
    const pool = [
      ...own,
      ...LETTERS,
      ...own.map((each) => each.toUpperCase()),
      ...LETTERS.toUpperCase(),
      ...SIGNS,
    ];
    const key = pool.find((each) => !used.has(each)) ?? "";
    used.add(key);
    return key;
  });
}

/** How a key is written beside its field. */
export function shownKey(key: string): string {
  return /^[A-Z]$/.test(key) ? `⇧${key}` : key.toUpperCase();
}

export type Action =
  | { does: "finish" }
  | { does: "leave" }
  | { does: "go"; to: number }
  | { does: "choose"; choice: number }
  | { does: "clear" }
  | { does: "zoom"; by: 1 | -1 }
  | { does: "fit" }
  | { does: "channel" }
  | { does: "help" };

/** The part of `KeyboardEvent` that says which key it is. */
export interface Pressed {
  key: string;
  code: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  isComposing: boolean;
  /** Whether the key is held, so that it comes again and again. */
  repeat: boolean;
}

export interface Moment {
  /** Whether the key would write into something: then it is left alone. */
  isTyping: boolean;
  /** Whether characters are commands wherever the focus is. Where not, they are in what has it. */
  areCommands: boolean;
  /** Whether the picture has the focus. */
  isOnPicture: boolean;
  /** The keys of the fields. */
  keys: readonly string[];
  /** The choices of the field that has the focus. */
  choices: readonly Choice[];
}

/**
 * What a key means, or undefined for nothing of this page. A key that is held only goes on with a zoom: all else it
 * means would be done to field after field, or to picture after picture, unseen by the doctor.
 */
export function actionOf(pressed: Pressed, moment: Moment): Action | undefined {
  const action = meaningOf(pressed, moment);
  return pressed.repeat && action?.does !== "zoom" ? undefined : action;
}

function meaningOf(pressed: Pressed, moment: Moment): Action | undefined {
  if (pressed.isComposing) return undefined;
  if (pressed.key === "Enter" && (pressed.ctrlKey || pressed.metaKey) && !pressed.altKey)
    return { does: "finish" };
  if (pressed.ctrlKey || pressed.metaKey || pressed.altKey) return undefined;
  if (moment.isTyping) return pressed.key === "Escape" ? { does: "leave" } : undefined;
  const key = characterOf(pressed);
  if (key === "Backspace" || key === "Delete") return { does: "clear" };
  const choice = moment.choices.findIndex((each) => each.key !== "" && each.key === key);
  if (choice >= 0) return { does: "choose", choice };
  const ofPicture = actionOnPicture(key);
  if (ofPicture !== undefined) return moment.areCommands || moment.isOnPicture ? ofPicture : undefined;
  if (!moment.areCommands) return undefined;
  if (key === "?") return { does: "help" };
  const to = moment.keys.findIndex((each) => each !== "" && each === key);
  return to >= 0 ? { does: "go", to } : undefined;
}

function actionOnPicture(key: string): Action | undefined {
  switch (key) {
    case "+":
    case "=":
      return { does: "zoom", by: 1 };
    case "-":
      return { does: "zoom", by: -1 };
    case "/":
      return { does: "fit" };
    case "[":
      return { does: "channel" };
    default:
      return undefined;
  }
}

/** The character of a key: a letter whatever Caps Lock says, and also where the keyboard has another script. */
function characterOf({ key, code, shiftKey }: Pressed): string {
  const letter = /^[a-z]$/i.test(key)
    ? key
    : /^Key[A-Z]$/.test(code) && !/^[\x20-\x7e]$/.test(key)
      ? code.slice(3)
      : "";
  if (letter === "") return key;
  return shiftKey ? letter.toUpperCase() : letter.toLowerCase();
}
