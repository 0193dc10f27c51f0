"use strict";
// Everything on the page can be read without this. It adds: search, filter, sorting, copying.
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const table = document.getElementById("tests");

  if (table) {
    const body = table.tBodies[0];
    const controls = document.getElementById("controls");
    const search = document.getElementById("search");
    const shown = document.getElementById("shown");
    const buttons = all("#controls button");
    const rows = [...body.rows].map((row, place) => ({
      row,
      place,
      result: row.dataset.result,
      text: row.textContent.toLowerCase(),
      name: row.cells[1].textContent,
      time: Number(row.cells[2].dataset.value),
      start: Number(row.cells[3].dataset.value),
    }));
    let result = "";

    const apply = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const entry of rows) {
        const fits = (!result || entry.result === result) && words.every((word) => entry.text.includes(word));
        entry.row.hidden = !fits;
        count += fits ? 1 : 0;
      }
      for (const button of buttons) {
        button.setAttribute("aria-pressed", String(button.dataset.result === result));
      }
      const what = rows.length === 1 ? "test" : "tests";
      shown.value = count === rows.length ? `${count} ${what}` : `${count} of ${rows.length} ${what}`;
      document.getElementById("nothing").hidden = count > 0;
    };

    // The choice stands in the address, so that it can be kept and sent: #q=words&result=panic
    const remember = () => {
      const choice = new URLSearchParams();
      if (search.value) choice.set("q", search.value);
      if (result) choice.set("result", result);
      const text = choice.toString();
      // Pages from files may not change their address in some browsers.
      try {
        history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
      } catch {}
    };
    const recall = () => {
      const choice = new URLSearchParams(location.hash.slice(1));
      if (!choice.has("q") && !choice.has("result")) return false;
      search.value = choice.get("q") ?? "";
      const wanted = choice.get("result") ?? "";
      result = buttons.some((button) => button.dataset.result === wanted) ? wanted : "";
      apply();
      return true;
    };

    controls.hidden = false;
    controls.addEventListener("submit", (event) => event.preventDefault());
    search.addEventListener("input", () => { apply(); remember(); });
    for (const button of buttons) {
      button.addEventListener("click", () => { result = button.dataset.result; apply(); remember(); });
    }
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest?.("input, textarea");
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        search.focus();
      }
    });
    addEventListener("hashchange", recall);
    if (recall()) document.getElementById("all").scrollIntoView();
    else apply();

    const order = {
      result: (a, b) => a.result.localeCompare(b.result),
      name: (a, b) => a.name.localeCompare(b.name),
      time: (a, b) => a.time - b.time,
      start: (a, b) => a.start - b.start,
    };
    for (const head of all("#tests th[data-sort]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      const key = head.dataset.sort;
      button.addEventListener("click", () => {
        // Of times, the longest is wanted first.
        const first = key === "time" ? "descending" : "ascending";
        const other = key === "time" ? "ascending" : "descending";
        const way = head.getAttribute("aria-sort") === first ? other : first;
        for (const each of all("#tests th[data-sort]")) each.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", way);
        const sign = way === "ascending" ? 1 : -1;
        rows.sort((a, b) => sign * order[key](a, b) || a.place - b.place);
        body.append(...rows.map((entry) => entry.row));
      });
    }
  }

  // Some browsers do not open a folded section when they go to a mark inside it.
  const open = () => {
    const mark = location.hash && document.getElementById(location.hash.slice(1));
    const folded = mark && mark.closest("details");
    if (folded && !folded.open) {
      folded.open = true;
      mark.scrollIntoView();
    }
  };
  addEventListener("hashchange", open);
  open();

  for (const button of all(".copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.previousElementSibling;
      let done = "Copied";
      try {
        await navigator.clipboard.writeText(code.textContent);
      } catch {
        getSelection().selectAllChildren(code);
        done = document.execCommand("copy") ? "Copied" : "Selected";
      }
      button.textContent = done;
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
})();
