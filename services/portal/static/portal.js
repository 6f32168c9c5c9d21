// What the pages do beyond links and forms: the design system's parts, and the list of what waits kept up to date.
document.addEventListener('DOMContentLoaded', () => {
  DKFDS.init();
  document.getElementById('error-summary')?.focus();

  const waiting = document.getElementById('waiting');
  if (!waiting?.dataset.live) return;
  const refresh = () =>
    htmx.ajax('GET', '/portal/venter', { target: '#waiting', swap: 'outerHTML' }).then(() => {
      document.title = document.title.replace(/^\(\d+\) /, '');
      const number = document.getElementById('waiting').dataset.number;
      if (Number(number)) document.title = `(${number}) ${document.title}`;
    });
  // The stream ends every half minute so that no server waits for it; the browser opens the next by itself.
  const stream = new EventSource(waiting.dataset.live);
  stream.addEventListener('changed', refresh);
  stream.addEventListener('ended', () => {
    stream.close();
    location.assign(location.href);
  });
  addEventListener('pagehide', () => stream.close());
});

// A second click while the first is under way sends nothing more; the one-time id in the form would make it harmless anyway.
document.addEventListener('submit', (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  else event.target.dataset.sent = 'yes';
});
addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form[data-sent]')) delete form.dataset.sent;
});
