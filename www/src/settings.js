/** The controls, kept in the address, so that a link repeats a run. */

export function createSettings({ count, delay, hints }) {
  const values = () => ({ count: Number(count.value), delay: Number(delay.value), hints: hints.checked });

  function read() {
    const query = new URLSearchParams(location.search);
    const wanted = query.get('n');
    if ([...count.options].some(({ value }) => value === wanted)) count.value = wanted;
    const before = delay.value;
    delay.value = query.get('delay') ?? before;
    if (!delay.checkValidity()) delay.value = before;
    hints.checked = query.get('hints') === '1';
  }

  function write() {
    const url = new URL(location.href);
    const { searchParams } = url;
    const now = values();
    searchParams.set('n', String(now.count));
    searchParams.set('delay', String(now.delay));
    if (now.hints) searchParams.set('hints', '1');
    else searchParams.delete('hints');
    history.replaceState(history.state, '', url);
  }

  return { values, read, write };
}
