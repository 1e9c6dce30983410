/** What the instances of the scene do, in sixlane's own panel. It is loaded when a visitor opens it, and costs nothing before. */
const root = document.getElementById('inside');
let instances = {};
let panel;

root.addEventListener('toggle', async () => {
  if (!root.open || panel) return;
  await import('sixlane/panel');
  if (panel) return;
  panel = document.createElement('sixlane-panel');
  panel.instances = instances;
  root.append(panel);
});

/** Shows these from now on, by their names. `open`: without being asked. */
export function lookInto(others, open = false) {
  instances = others;
  if (panel) panel.instances = others;
  root.open ||= open;
}
