import { onScopeDispose } from "vue";
import { type Action, actionOf, type Moment } from "@/labelling/form/keys";

const TEXT = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]";

/**
 * Does what keys mean, as long as the component is there. `momentOf` is undefined where no key means anything. A key that
 * was a command is none of what has the focus after it as long as it is held: it neither writes there nor presses it.
 */
export function useCommandKeys(
  momentOf: () => Omit<Moment, "isTyping" | "isOnPicture"> | undefined,
  act: (action: Action) => void,
): void {
  let held: string | undefined;

  function press(event: KeyboardEvent): void {
    if (!event.repeat) held = undefined;
    else if (event.code === held) event.preventDefault();
    const moment = momentOf();
    if (moment === undefined) return;
    const at = event.target instanceof Element ? event.target : null;
    const isTyping = at?.matches(TEXT) ?? false;
    const action = actionOf(event, { ...moment, isTyping, isOnPicture: at?.closest("figure") != null });
    if (action === undefined) return;
    event.preventDefault();
    held = event.code;
    act(action);
  }

  document.addEventListener("keydown", press);
  onScopeDispose(() => document.removeEventListener("keydown", press));
}
