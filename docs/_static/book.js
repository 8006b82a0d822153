/* Code that is too long for its box scrolls: let the keyboard reach it. */
(() => {
  "use strict";
  const boxes = document.querySelectorAll("article pre, .table-wrapper, .math-wrapper");
  function mark() {
    boxes.forEach((box) => {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    });
  }
  mark();
  addEventListener("resize", mark);
  document.querySelectorAll("details").forEach((fold) => fold.addEventListener("toggle", mark));
})();
