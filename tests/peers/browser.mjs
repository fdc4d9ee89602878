// Debian's Chromium, headless: what a person sees of a page, and what a page lets out.
//
// Each line of JSON on standard input is a visit in a profile that is fresh but for its cookies: {url, steps, cookies,
// width, height, scheme, fontSize, javascript, locale, timezoneId, screenshot, axe, tabs}, where a step is {fill: LABEL,
// with: TEXT}, {click: BUTTON} or {enter: BUTTON}, which lead to another page. `axe` asks axe-core for its findings, and
// `tabs` is how often Tab is pressed at the end. Each is answered by one line of JSON. It ends when its standard input does, so that it
// cannot outlive the tests.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';

const SECONDS = 1000;
const STEP = 60 * SECONDS;
const VISIT = 150 * SECONDS;
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  chromiumSandbox: process.getuid() !== 0, // as root it refuses to start with its sandbox
  args: [
    '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update',
    '--disable-sync', '--disable-quic', '--no-proxy-server',
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
  ],
});

const isLoopback = (url) => ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);

// Runs in the page.
const read = () => ({
  heading: document.querySelector('h1')?.innerText ?? '',
  text: document.body.innerText,
  address: location.href,
  width: document.documentElement.scrollWidth,
  room: window.innerWidth,
  background: getComputedStyle(document.body).backgroundColor,
  commands: [...document.querySelectorAll('pre')].map((element) => element.innerText),
});

async function take(page, step) {
  if ('fill' in step) {
    await page.getByLabel(step.fill).fill(step.with);
    return;
  }
  const button = page.getByRole('button', { name: step.click ?? step.enter, exact: true });
  await Promise.all([page.waitForNavigation(), 'click' in step ? button.click() : button.press('Enter')]);
}

// Run by the browser's debugger, which no policy of the page binds. It cannot decide on the contrast in a picture.
async function findings(page) {
  await page.evaluate(AXE);
  const { violations, incomplete } = await page.evaluate(() => window.axe.run({ exclude: ['svg[aria-hidden]'] }, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }));
  const about = (kind) => ({ id, nodes }) => `${kind} ${id}: ${nodes.map(({ html }) => html).join(' ')}`;
  return [...violations.map(about('violation')), ...incomplete.map(about('undecided'))];
}

// Runs in the page.
const focus = () => {
  const element = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  const visible = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
  return { name: element.ariaLabel ?? element.innerText ?? element.name, visible };
};

async function walk(page, tabs) {
  const seen = [];
  for (let count = 0; count < tabs; count += 1) {
    await page.keyboard.press('Tab');
    seen.push(await page.evaluate(focus));
  }
  return seen;
}

async function look(context, page, wanted) {
  if (wanted.screenshot) await page.screenshot({ path: wanted.screenshot });
  const devtools = await context.newCDPSession(page);
  const { entries } = await devtools.send('Page.getNavigationHistory');
  const history = entries.flatMap(({ url, userTypedURL }) => [url, userTypedURL]);
  const shown = { title: await page.title(), history, ...(await page.evaluate(read)) };
  const found = wanted.axe ? await findings(page) : [];
  return { ...shown, findings: found, focused: await walk(page, wanted.tabs ?? 0) };
}

// What the page shows after a step failed, so that the failure explains itself. What hangs is left out.
async function portrait(page) {
  const told = (promise) => Promise.race([promise.catch(String), sleep(10 * SECONDS, 'no response', { ref: false })]);
  const path = `${process.env.TMPDIR}/failed-${Date.now()}.png`;
  const text = await told(page.evaluate(() => document.documentElement.innerText));
  const picture = await told(page.screenshot({ path }).then(() => path));
  return `the page: ${page.url()}\ntitle: ${await told(page.title())}\ntext: ${text}\nscreenshot: ${picture}`;
}

async function see(context, page, { url, steps, wanted }) {
  try {
    const answer = await page.goto(url);
    for (const step of steps) await take(page, step);
    const found = { status: answer.status(), cookies: await context.cookies() };
    return { ...found, ...(await look(context, page, wanted)) };
  } catch (error) {
    throw new Error(`${error}\n${await portrait(page)}`);
  }
}

async function visit({ url, steps = [], cookies = [], width = 1280, height = 800, scheme = 'light', ...wanted }) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: scheme, javaScriptEnabled: wanted.javascript ?? true,
    locale: wanted.locale ?? 'en-US', timezoneId: wanted.timezoneId,
    storageState: { cookies, origins: [] },
  });
  const seen = { complaints: [], outside: [] };
  try {
    context.setDefaultTimeout(STEP);
    context.on('request', (request) => isLoopback(request.url()) || seen.outside.push(request.url()));
    // Chromium tells of what the policy blocks on the console too.
    context.on('console', (line) => ['error', 'warning'].includes(line.type()) && seen.complaints.push(line.text()));
    context.on('weberror', (fault) => seen.complaints.push(String(fault.error())));
    const page = await context.newPage();
    if (wanted.fontSize) {
      const devtools = await context.newCDPSession(page);
      const fontSizes = { standard: wanted.fontSize, fixed: wanted.fontSize * 0.8125 };
      await devtools.send('Page.setFontSizes', { fontSizes });
    }
    return { ...seen, ...(await see(context, page, { url, steps, wanted })) };
  } finally {
    await context.close();
  }
}

console.log(JSON.stringify({ version: browser.version() }));
for await (const line of readline.createInterface({ input: process.stdin })) {
  const late = sleep(VISIT, { error: `the visit took longer than ${VISIT / SECONDS} seconds: ${line}` }, { ref: false });
  const answer = await Promise.race([visit(JSON.parse(line)).catch((error) => ({ error: String(error) })), late]);
  console.log(JSON.stringify(answer));
}
await browser.close();
