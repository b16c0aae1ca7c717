// What the browser does with the report: sorting and filtering tables, copying SQL, charts.
// Belongs here: behaviour of every page. Not here: anything a page says, which stands in its HTML.
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (tag, values = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), values);
    element.append(...children);
    return element;
  };

  // Tables

  const valueOf = (row, k) => {
    const cell = row.cells[k];
    if (cell.dataset.v !== undefined) return cell.dataset.v === "" ? null : Number(cell.dataset.v);
    return cell.textContent.trim() || null;
  };

  const sort = (table, k, ascending) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [valueOf(row, k), row]);
    // What is missing stands last, whichever way.
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      const order = typeof a === "number" ? a - b : a.localeCompare(b);
      return ascending ? order : -order;
    });
    body.append(...rows.map(([, row]) => row));
  };

  const sortable = (table) => {
    [...table.tHead.rows[0].cells].forEach((head, k) => {
      const button = make("button", { type: "button", textContent: head.textContent });
      button.addEventListener("click", () => {
        const isNumber = head.classList.contains("n");
        const before = head.getAttribute("aria-sort");
        const ascending = before ? before === "descending" : !isNumber;
        all("th", table).forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        sort(table, k, ascending);
      });
      head.replaceChildren(button);
    });
  };

  const filterable = (table) => {
    const rows = [...table.tBodies[0].rows];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const count = make("span", { className: "count", textContent: `${rows.length} rows` });
    count.setAttribute("aria-live", "polite");
    const input = make("input", { type: "search", autocomplete: "off" });
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, k) => {
        row.hidden = !words.every((word) => texts[k].includes(word));
        shown += !row.hidden;
      });
      count.textContent = shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
    });
    const label = make("label", {}, "Filter ", input);
    table.closest(".scroll").before(make("div", { className: "filter" }, label, count));
  };

  all("table[data-question]").forEach((table) => {
    if (table.tBodies[0].rows.length > 1) sortable(table);
    if ("filter" in table.dataset) filterable(table);
  });

  // SQL

  const copied = async (code) => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      return true;
    } catch {
      // Where the clipboard is not ours: from the disk in some browsers.
      const range = document.createRange();
      range.selectNodeContents(code);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      return document.execCommand("copy");
    }
  };

  all("button.copy").forEach((button) => {
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      button.textContent = (await copied(code)) ? "Copied" : "Selected: press Ctrl-C";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  });

  // Charts

  const dark = matchMedia("(prefers-color-scheme: dark)");
  let onPaper = false;
  const palette = () =>
    dark.matches && !onPaper
      ? { text: "#a9b2bf", grid: "#2a323d", lines: ["#6fb7e9", "#f0a36b", "#a9b2bf", "#7fd0a0", "#d3a6ee"] }
      : { text: "#55606e", grid: "#e3e8ed", lines: ["#0b5c8a", "#b3541e", "#7a8593", "#2f7d4f", "#7a3fa0"] };

  const DAY = 86400;
  const RANGES = [["3 months", 91], ["1 year", 365], ["3 years", 1096], ["All", Infinity]];
  const read = new Map();
  const columnsOf = (id) => {
    if (!read.has(id)) read.set(id, JSON.parse(document.getElementById(id).textContent).columns);
    return read.get(id);
  };

  const charts = [];

  const said = (value) => {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 4;
    return value.toLocaleString("en-US", { maximumFractionDigits: digits });
  };

  // A line that never moves stands in the middle, not between 0 and twice itself.
  const within = (_, min, max) => {
    if (min === null || min === undefined) return [null, null];
    const room = 0.05 * Math.abs(min) || 1;
    return min === max ? [min - room, max + room] : uPlot.rangeNum(min, max, 0.1, true);
  };

  const seriesOf = (line, color, unit) => {
    const series = {
      label: line.label, stroke: color, width: line.style === "thin" ? 1 : 1.6, spanGaps: false,
      points: { show: false }, value: (_, value) => said(value) + (unit && value !== null ? ` ${unit}` : ""),
    };
    if (line.style === "thin") series.dash = [4, 4];
    if (line.style === "points") {
      Object.assign(series, { paths: () => null, points: { show: true, size: 6, fill: color } });
    }
    if (line.style === "bars") {
      Object.assign(series, { paths: uPlot.paths.bars({ size: [0.7, 40] }), fill: color + "66" });
    }
    return series;
  };

  const zoom = (chart, min, max) => {
    charts.filter((one) => one === chart || (chart.told.group && one.told.group === chart.told.group))
      .forEach((one) => {
        const now = one.plot.scales.x;
        if (now.min !== min || now.max !== max) one.plot.setScale("x", { min, max });
      });
  };

  const draw = (chart) => {
    const { element, told } = chart;
    const colors = palette();
    const columns = columnsOf(told.data);
    const x = columns[told.x].map((value) => (told.time ? value * DAY : value));
    const held = chart.plot && { min: chart.plot.scales.x.min, max: chart.plot.scales.x.max };
    chart.plot?.destroy();
    const axis = { stroke: colors.text, grid: { stroke: colors.grid, width: 1 }, ticks: { stroke: colors.grid } };
    const options = {
      width: element.clientWidth, height: told.small ? 170 : 240,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: { x: { time: told.time }, y: { range: within } },
      cursor: { sync: told.group ? { key: told.group } : undefined, drag: { x: true, y: false } },
      axes: [{ ...axis }, { ...axis, size: 58, values: (_, ticks) => ticks.map(said) }],
      series: [
        { label: told.time ? "day" : told.x.replace(/_pct$/, ", %").replaceAll("_", " "),
          value: told.time
            ? (_, value) => (value === null ? "–" : new Date(value * 1000).toISOString().slice(0, 10))
            : (_, value) => said(value) },
        ...told.lines.map((line, k) => seriesOf(line, colors.lines[k % colors.lines.length], told.unit)),
      ],
      hooks: {
        drawClear: [(plot) => {
          if (!told.note) return;
          const { ctx, bbox } = plot;
          ctx.save();
          ctx.globalAlpha = 0.35;
          ctx.fillStyle = colors.text;
          ctx.font = `${Math.round(14 * devicePixelRatio)}px sans-serif`;
          ctx.textAlign = "right";
          ctx.textBaseline = "top";
          ctx.fillText(told.note, bbox.left + bbox.width - 8, bbox.top + 6);
          ctx.restore();
        }],
        setScale: [(plot, key) => {
          if (key === "x" && chart.plot === plot) zoom(chart, plot.scales.x.min, plot.scales.x.max);
        }],
      },
    };
    chart.plot = new uPlot(options, [x, ...told.lines.map((line) => columns[line.name])], element);
    if (held) chart.plot.setScale("x", held);
  };

  const ranges = (chart) => {
    const days = columnsOf(chart.told.data)[chart.told.x];
    const [first, last] = [days[0], days[days.length - 1]];
    const buttons = RANGES.filter(([, length]) => length === Infinity || length < last - first).map(
      ([label, length]) => {
        const button = make("button", { type: "button", textContent: label });
        button.addEventListener("click", () =>
          zoom(chart, Math.max(first, last - length) * DAY, last * DAY));
        return button;
      });
    if (buttons.length < 2) return;
    const group = make("div", { className: "range" }, ...buttons,
      make("span", { textContent: "or drag across a chart; a double click shows all" }));
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "Days shown in the charts");
    chart.element.closest("figure").before(group);
  };

  all("[data-chart]").forEach((element) => {
    const chart = { element, told: JSON.parse(element.dataset.chart) };
    draw(chart);
    const isFirst = !chart.told.group || !charts.some((one) => one.told.group === chart.told.group);
    charts.push(chart);
    if (chart.told.time && isFirst) ranges(chart);
  });
  const again = () => charts.forEach(draw);
  dark.addEventListener("change", again);
  addEventListener("beforeprint", () => { onPaper = true; again(); });
  addEventListener("afterprint", () => { onPaper = false; again(); });
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    charts.forEach((one) => one.plot.setSize({ width: one.element.clientWidth, height: one.plot.height }));
  });
})();
