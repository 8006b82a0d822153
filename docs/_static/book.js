/* Two things that a style sheet cannot do everywhere. */
(() => {
  "use strict";

  // What is too wide for its box scrolls: let the keyboard reach it.
  const boxes = document.querySelectorAll("article pre, .table-wrapper, .formula");
  function mark() {
    boxes.forEach((box) => {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    });
  }
  mark();
  addEventListener("resize", mark);
  const folds = [...document.querySelectorAll("article details")];
  folds.forEach((fold) => fold.addEventListener("toggle", mark));

  // Paper cannot be unfolded; not every browser knows ::details-content.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = folds.filter((fold) => !fold.open);
    folded.forEach((fold) => { fold.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((fold) => { fold.open = false; }));
})();
