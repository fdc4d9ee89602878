addEventListener("DOMContentLoaded", () => {
  const languages = navigator.languages;
  const day = { dateStyle: "long" };
  const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate(), 12);
  for (const element of document.querySelectorAll(".connections time")) {
    const then = new Date(element.dateTime);
    const days = Math.round((midnight(then) - midnight(new Date())) / 864e5);
    const date = then.toLocaleString(languages, day);
    const near = new Intl.RelativeTimeFormat(languages, { numeric: "auto" }).format(days, "day");
    const full = then.toLocaleString(languages, { ...day, timeStyle: "short" });
    element.title = full;
    element.textContent = days === 0 || days === -1 ? full.replace(date, near) : date;
  }
});
