/** The scene and what was chosen stand in the address, so that a link shows the same. */

export const query = () => new URLSearchParams(location.search);

/** The address of a scene; without texts with its own defaults. */
export function addressOf(scene, texts = []) {
  const url = new URL(location.href);
  url.search = new URLSearchParams([['scene', scene.id], ...texts]);
  return url;
}

export function write(scene, texts) {
  history.replaceState(null, '', addressOf(scene, texts));
}
