/**
 * A scene's controls as form fields. A control is `{ id, kind, label, value, … }`; `kind` is one of
 *
 * - "choice": `options`, the numbers offered
 * - "number": `min`, `max`, `unit`; whole numbers
 * - "check": `note`
 * - "mix": `presets` of `{ id, label, weights }`, and five weights of one's own
 *
 * Each can say its value as text for the address, and take it back; what cannot be is refused by staying as it was.
 */
import { LEVELS } from './record.js';
import { number } from './words.js';

const OWN = 'own';
const WEIGHT_MAX = 100;

function element(name, properties, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

const field = (id, label, ...input) =>
  element('div', { className: 'field' }, element('label', { htmlFor: id, textContent: label }), ...input);

const option = (value, text, selected) => element('option', { value: String(value), textContent: text, selected });

const KINDS = {
  choice({ id, label, value, options }) {
    const select = element('select', { id }, ...options.map((one) => option(one, number(one), one === value)));
    return {
      nodes: [field(id, label, select)],
      get: () => Number(select.value),
      text: () => select.value,
      take(text) {
        if (options.map(String).includes(text)) select.value = text;
      },
    };
  },

  number({ id, label, value, min, max, unit }) {
    const input = element('input', { id, type: 'number', inputMode: 'numeric', min, max, step: 1, required: true });
    const shown = element(
      'span',
      { className: 'unit' },
      input,
      element('span', { className: 'suffix', textContent: unit, ariaHidden: 'true' }),
    );
    input.value = String(value);
    input.setAttribute('aria-label', `${label} in ${unit === '%' ? 'per cent' : unit}`);
    return {
      nodes: [field(id, label, shown)],
      get: () => Number(input.value),
      text: () => input.value,
      take(text) {
        const before = input.value;
        input.value = text;
        if (!input.checkValidity()) input.value = before;
      },
    };
  },

  check({ id, label, note, value }) {
    const input = element('input', { id, type: 'checkbox', checked: value });
    const text = element('span', { textContent: label }, element('small', { textContent: note }));
    return {
      nodes: [element('label', { className: 'check' }, input, text)],
      get: () => input.checked,
      text: () => (input.checked ? '1' : '0'),
      take(value) {
        input.checked = value === '1';
      },
    };
  },

  mix({ id, label, value, presets }) {
    const select = element(
      'select',
      { id },
      ...presets.map((preset) => option(preset.id, preset.label, preset.weights === value)),
      option(OWN, 'Your own …', false),
    );
    const weights = LEVELS.map((level, n) => {
      const weightId = `${id}-${level}`;
      const input = element('input', { id: weightId, type: 'number', inputMode: 'numeric', required: true });
      Object.assign(input, { min: 0, max: WEIGHT_MAX, step: 1, value: String(value[n]) });
      return { input, node: field(weightId, level, input) };
    });
    const own = element('div', { className: 'weights', role: 'group', ariaLabel: 'Weights of the levels' });
    own.append(...weights.map(({ node }) => node));

    const get = () => weights.map(({ input }) => Number(input.value));
    function set(values) {
      for (const [n, { input }] of weights.entries()) input.value = String(values[n]);
    }
    function show() {
      const preset = presets.find((one) => one.id === select.value);
      if (preset) set(preset.weights);
      own.hidden = preset !== undefined;
      // What is hidden must not stop the form.
      for (const { input } of weights) input.disabled = own.hidden;
      check();
    }
    function check() {
      const none = get().every((weight) => weight === 0);
      weights[0].input.setCustomValidity(none ? 'One weight at least must be above 0.' : '');
    }
    select.addEventListener('change', show);
    own.addEventListener('input', check);
    show();
    return {
      nodes: [field(id, label, select), own],
      get,
      text: () => (select.value === OWN ? get().join('-') : select.value),
      take(text) {
        const values = /^\d{1,3}(-\d{1,3}){4}$/.test(text) ? text.split('-').map(Number) : [];
        if (presets.some((preset) => preset.id === text)) select.value = text;
        else if (values.some((weight) => weight > 0) && values.every((weight) => weight <= WEIGHT_MAX)) {
          select.value = OWN;
          set(values);
        }
        show();
      },
    };
  },
};

/** Builds the fields into `place`. */
export function createControls(place, descriptions) {
  const controls = descriptions.map((description) => [description.id, KINDS[description.kind](description)]);
  place.replaceChildren(...controls.flatMap(([, { nodes }]) => nodes));
  return {
    values: () => Object.fromEntries(controls.map(([id, { get }]) => [id, get()])),
    texts: () => controls.map(([id, { text }]) => [id, text()]),
    take(query) {
      for (const [id, control] of controls) if (query.has(id)) control.take(query.get(id));
    },
  };
}
