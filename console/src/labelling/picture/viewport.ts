/** Where a picture is in its viewer: the mathematics of zoom and pan. Lengths are CSS pixels of the viewer. */
export interface Size {
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

/** The place of the picture's upper left corner, and how many pixels of the viewer one of the picture takes. */
export interface View extends Point {
  scale: number;
}

export const ZOOM_STEP = 1.25;
const CLOSEST = 16;

/** The whole picture, in the middle. One that is smaller than the viewer is enlarged. */
export function fitted(picture: Size, viewer: Size): View {
  const scale = Math.min(viewer.width / picture.width, viewer.height / picture.height);
  return { scale, ...centred(picture, viewer, scale) };
}

function centred(picture: Size, viewer: Size, scale: number): Point {
  return { x: (viewer.width - picture.width * scale) / 2, y: (viewer.height - picture.height * scale) / 2 };
}

/** Zooms so that what is at a point of the viewer stays there, as far as the edges allow. */
export function zoomed(view: View, factor: number, at: Point, picture: Size, viewer: Size): View {
  const least = fitted(picture, viewer).scale;
  const scale = Math.min(Math.max(view.scale * factor, least), Math.max(CLOSEST, least));
  const x = at.x - ((at.x - view.x) * scale) / view.scale;
  const y = at.y - ((at.y - view.y) * scale) / view.scale;
  return within({ scale, x, y }, picture, viewer);
}

export function moved(view: View, by: Point, picture: Size, viewer: Size): View {
  return within({ ...view, x: view.x + by.x, y: view.y + by.y }, picture, viewer);
}

/** The view with no more empty space than has to be: a side that is shorter than the viewer's is in the middle. */
function within(view: View, picture: Size, viewer: Size): View {
  const middle = centred(picture, viewer, view.scale);
  return {
    scale: view.scale,
    x: middle.x >= 0 ? middle.x : Math.min(0, Math.max(2 * middle.x, view.x)),
    y: middle.y >= 0 ? middle.y : Math.min(0, Math.max(2 * middle.y, view.y)),
  };
}
