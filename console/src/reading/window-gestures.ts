const RIGHT_BUTTON = 2;
const LEFT_BUTTON = 0;

interface Gestures {
  /** Whether the picture can have a window. */
  isOffered: () => boolean;
  /** Whether the left button, and a finger, change the window, too. */
  isTool: () => boolean;
  /** Dragged by so many CSS pixels. */
  drag: (right: number, down: number) => void;
  /** Steps of level and width. */
  step: (level: number, width: number) => void;
  /** One of the windows of the file, from 1. */
  preset: (number: number) => void;
}

const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  i: [1, 0],
  k: [-1, 0],
  j: [0, -1],
  l: [0, 1],
};

/**
 * Listens to an element for the gestures that change a window, before what is inside of it does: then a picture that is
 * dragged for its window does not move.
 */
export function listenForWindow(element: HTMLElement, gestures: Gestures): void {
  let held: { id: number; x: number; y: number } | null = null;

  function taken(event: Event): void {
    event.stopPropagation();
    event.preventDefault();
  }

  function press(event: PointerEvent): void {
    const isDrag = event.button === RIGHT_BUTTON || (event.button === LEFT_BUTTON && gestures.isTool());
    if (!gestures.isOffered() || !isDrag || held !== null) return;
    taken(event);
    held = { id: event.pointerId, x: event.clientX, y: event.clientY };
    element.setPointerCapture(event.pointerId);
  }

  function move(event: PointerEvent): void {
    if (held?.id !== event.pointerId) return;
    taken(event);
    gestures.drag(event.clientX - held.x, event.clientY - held.y);
    held = { id: event.pointerId, x: event.clientX, y: event.clientY };
  }

  function release(event: PointerEvent): void {
    if (held?.id !== event.pointerId) return;
    taken(event);
    held = null;
  }

  function key(event: KeyboardEvent): void {
    if (!gestures.isOffered() || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = STEPS[event.key.toLowerCase()];
    if (step !== undefined) gestures.step(...step);
    else if (/^[1-9]$/.test(event.key)) gestures.preset(Number(event.key));
    else return;
    taken(event);
  }

  const before = { capture: true };
  element.addEventListener("pointerdown", press, before);
  element.addEventListener("pointermove", move, before);
  element.addEventListener("pointerup", release, before);
  element.addEventListener("pointercancel", release, before);
  element.addEventListener("keydown", key, before);
  element.addEventListener("contextmenu", (event) => gestures.isOffered() && event.preventDefault(), before);
}
