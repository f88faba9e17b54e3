/** Keeps the last entries of `log` in sight of who is at its end. Returns what is to be called when there are more. */
export function stayAtEnd(log) {
  /** Whether the reader is at the end; and the size in which that was so. */
  let atEnd = true;
  let size = "";
  const sizeNow = () => `${log.clientWidth} ${log.clientHeight}`;
  const follow = () => {
    if (atEnd) log.scrollTop = log.scrollHeight;
  };
  log.addEventListener("scroll", () => {
    // What moves because the window changes is not the reader's doing.
    if (size === sizeNow()) atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  });
  // A phone was turned, or shows its keyboard: the last lines stay in sight.
  new ResizeObserver(() => {
    size = sizeNow();
    follow();
  }).observe(log);
  return follow;
}
