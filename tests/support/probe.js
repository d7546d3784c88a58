// Runs in every page that a test opens: complains of what its policy refuses, and tells what tests ask of a page.
addEventListener("securitypolicyviolation", (one) => {
  console.error("refused by the policy:", one.effectiveDirective, one.blockedURI, one.sourceFile, one.lineNumber);
});

globalThis.probe = {
  /** All elements, also those inside of components. */
  all: (root = document) =>
    [...root.querySelectorAll("*")].flatMap((one) => [one, ...(one.shadowRoot ? probe.all(one.shadowRoot) : [])]),

  above: (one) => one.assignedSlot ?? one.parentElement ?? one.getRootNode().host ?? null,

  scrolls: (one) =>
    one !== null && (["auto", "scroll"].includes(getComputedStyle(one).overflowX) || probe.scrolls(probe.above(one))),

  isSeen: (one) => one.checkVisibility({ visibilityProperty: true }),

  controls: () =>
    probe.all().filter((one) =>
      one.matches("a[href], button, input, select, textarea, summary, [tabindex]") && probe.isSeen(one)
    ),

  /** What can be pressed or written into and lies beside the screen, without anything around it that scrolls there. */
  outside: () =>
    probe.controls().filter((one) => {
      const { width, height, left, right } = one.getBoundingClientRect();
      return width > 1 && height > 1 && (left < -1 || right > innerWidth + 1) && !probe.scrolls(one);
    }).map((one) => one.outerHTML.slice(0, 160)),

  /** What has the focus. */
  active: () => {
    let one = document.activeElement;
    while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
    return one === document.body || one === document.documentElement ? null : one;
  },

  /** Its name, and what is wrong with how it shows that it has the focus; null: nothing has it. */
  focused: () => {
    const one = probe.active();
    if (!one) return [null, ""];
    const labels = [...(one.labels ?? [])];
    const words = [one.ariaLabel, one.innerText, ...labels.map((label) => label.innerText), one.title];
    const shown = [one, ...labels, ...one.querySelectorAll("*")].flatMap((each) =>
      [null, "::before", "::after"].map((part) => [each, part])
    );
    const isRinged = shown.some(([each, part]) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(each, part);
      return outlineStyle !== "none" && parseFloat(outlineWidth) >= 1;
    });
    const box = (labels[0] ?? one).getBoundingClientRect();
    const isInSight = box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight;
    return [
      words.filter(Boolean).join(" / ") || one.outerHTML.slice(0, 80),
      !isRinged ? "nothing shows that it has the focus" : !isInSight ? "it is out of sight" : "",
    ];
  },
};
