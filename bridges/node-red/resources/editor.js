// What the edit dialogs of these nodes share: what a topic and a filter are, and pickers that are fed from
// what a deployed connection may discover. Loaded by each dialog; the first one makes it.

(() => {
  if (window.sekisho) return;

  const LEVEL = /^(?![.$])(?!.*\p{Cc})(?!\s)(?!.*\s$)[^+#/]+$/u;
  const ORGANISATION = /^[a-z0-9-]{1,63}$/;
  const LEVELS_MAX = 32;

  /** Whether somebody wrote an environment variable, which only the runtime knows. */
  const isVariable = (text) => /\$\{[^}]+\}/.test(text);

  /** Whether a text is a filter: `+` is one level, `#` at the end the rest. */
  function isFilter(text) {
    if (isVariable(text)) return true;
    const [organisation, ...levels] = text.split('/');
    if (!ORGANISATION.test(organisation) || levels.length === 0 || levels.length >= LEVELS_MAX) return false;
    return levels.every(
      (level, index) => level === '+' || (level === '#' && index === levels.length - 1) || LEVEL.test(level),
    );
  }

  /** Whether a text is a topic. */
  function isTopic(text) {
    return isVariable(text) || (isFilter(text) && !/(^|\/)[+#](\/|$)/.test(text));
  }

  /** Whether a text says where a node's web listener is. */
  function isAddress(text) {
    if (isVariable(text)) return true;
    return /^(wss?:\/\/|https?:\/\/)?(\[[0-9a-fA-F:.]+\]|[^\s/:@]+):\d{1,5}\/?$/.test(text);
  }

  /** Whether a text is a time, or how long ago (or, with `ahead`, in how long). */
  function isMoment(text) {
    if (isVariable(text) || /^\d+(\.\d+)?\s*(s|min|h|d)$/.test(text.trim())) return true;
    return (
      /^\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2}))?$/.test(text.trim()) &&
      !Number.isNaN(Date.parse(text.trim()))
    );
  }

  /**
   * A validator for a node's defaults.
   *
   * @param is what the text must be
   * @param key the sentence to show where it is not, in the catalogue of the node
   * @param isOptional whether nothing is right as well
   */
  function validator(is, key, isOptional) {
    return function (value, options) {
      const text = value === undefined || value === null ? '' : String(value);
      if (text === '' ? isOptional : is(text)) return true;
      // Node-RED before 3.0 knows no sentences.
      return options ? this._(key) : false;
    };
  }

  /** Asks a deployed connection. */
  function ask(server, filter) {
    return $.getJSON(`sekisho-node/${encodeURIComponent(server)}/streams`, filter ? { filter } : {});
  }

  /** Why there is nothing to choose from, as an entry that chooses nothing. */
  function excuse(node, typed, request) {
    const isUnknown = request.status === 404;
    const why = request.responseJSON?.why;
    return note(typed, isUnknown ? node._('picker.deploy') : why || node._('picker.none'));
  }

  /** Words in the place of a choice; choosing them, as the tab key does, changes nothing. */
  function note(typed, text) {
    return { value: typed, label: $('<i>').text(text) };
  }

  function entry(stream, value) {
    const about = [stream.title, stream.deviceType].filter(Boolean).join(', ');
    const units = (stream.transducers || []).map((one) => `${one.name}${one.unit ? ` [${one.unit}]` : ''}`);
    const label = $('<div>').css({ lineHeight: '1.4em', padding: '2px 0' });
    $('<div>').text(value).appendTo(label);
    const more = [about, units.slice(0, 6).join(', ')].filter(Boolean).join(' · ');
    if (more) $('<div>').css({ opacity: 0.7, fontSize: '0.85em' }).text(more).appendTo(label);
    return { value, label };
  }

  /** Filters for everything below a level that several of the topics share. */
  function treesOf(streams) {
    const counts = new Map();
    for (const { topic } of streams) {
      const levels = topic.split('/');
      for (let depth = 1; depth < levels.length; depth += 1) {
        const tree = `${levels.slice(0, depth).join('/')}/#`;
        counts.set(tree, (counts.get(tree) || 0) + 1);
      }
    }
    return [...counts].filter(([, count]) => count > 1).map(([tree]) => tree);
  }

  /**
   * Makes an input offer the topics that there are.
   *
   * @param node the node that is edited
   * @param field the input
   * @param options `server`: the select of the connection; `trees`: whether filters are offered as well
   */
  function topicPicker(node, field, options) {
    const chosen = () => {
      const server = $(options.server || '#node-input-node').val();
      return server && server !== '_ADD_' ? server : undefined;
    };
    let asked;
    let isAll = false;
    const offer = (streams, typed) => {
      const wanted = isAll ? '' : typed.toLowerCase();
      const matches = (...about) => about.join(' ').toLowerCase().includes(wanted);
      const trees = options.trees ? treesOf(streams).filter((tree) => matches(tree)) : [];
      const topics = streams.filter(({ topic, title, deviceType }) => matches(topic, title, deviceType));
      const found = [
        ...trees.map((tree) => ({ value: tree, label: tree })),
        ...topics.map((one) => entry(one, one.topic)),
      ];
      if (found.length === 0) return [note(typed, node._('picker.none'))];
      // The tab key takes the first entry: what was typed must stay what it is.
      const isTyped = typed !== '' && !isAll && found[0].value !== typed;
      return isTyped ? [{ value: typed, label: typed }, ...found] : found;
    };
    $(field).autoComplete({
      minLength: 0,
      search(text, done) {
        const [server, typed] = [chosen(), text || ''];
        if (server === undefined) return void done([note(typed, node._('picker.connection'))]);
        if (!asked || asked.server !== server) asked = { server, streams: ask(server) };
        asked.streams
          .done((answer) => {
            done(offer(answer.streams, typed));
            isAll = false;
          })
          .fail((request) => {
            asked = undefined;
            done([excuse(node, typed, request)]);
          });
      },
    });
    $('<button type="button" class="red-ui-button sekisho-pick"><i class="fa fa-search"></i></button>')
      .css({ marginLeft: '4px' })
      .attr({ title: node._('picker.open'), 'aria-label': node._('picker.open') })
      .insertAfter(field)
      .on('click', () => {
        isAll = true;
        asked = undefined;
        $(field).trigger($.Event('keyup', { keyCode: 40 }));
      });
  }

  /** Makes an input offer the transducers of the topic in another. */
  function transducerPicker(node, field, topicField) {
    $(field).autoComplete({
      minLength: 0,
      search(typed, done) {
        const server = $('#node-input-node').val();
        const topic = $(topicField).val();
        if (!server || server === '_ADD_' || !topic) return void done([]);
        ask(server, topic)
          .done(({ streams }) => {
            const [stream] = streams;
            const all = (stream?.transducers || []).filter(({ name }) => name.includes(typed));
            done(
              all.map((one) => ({
                value: one.name,
                label: `${one.name}${one.unit ? ` [${one.unit}]` : ''}`,
              })),
            );
          })
          .fail((request) => done([excuse(node, typed, request)]));
      },
    });
  }

  /** Shows a row only where a select has one of these values. */
  function showWhen(select, values, rows) {
    const look = () => $(rows).toggle(values.includes($(select).val()));
    $(select).on('change', look);
    look();
  }

  window.sekisho = {
    isFilter,
    isTopic,
    isAddress,
    isMoment,
    validator,
    topicPicker,
    transducerPicker,
    showWhen,
  };
})();
