// Debian's Chromium, headless: what a person sees of a page, and what a page lets out.
//
// Each line of JSON on standard input is a visit in a profile that is fresh but for its cookies: {url, steps, cookies,
// width, height, scheme, fontSize, javascript, screenshot}, where a step is {fill: LABEL, with: TEXT} or {click: BUTTON},
// which leads to another page. Each is answered by one line of JSON. It ends when its standard input does, so that it
// cannot outlive the tests.
import readline from 'node:readline';
import { chromium } from 'playwright-core';

const SECONDS = 1000;
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
  await Promise.all([page.waitForNavigation(), page.getByRole('button', { name: step.click, exact: true }).click()]);
}

async function look(context, page, wanted) {
  if (wanted.screenshot) await page.screenshot({ path: wanted.screenshot });
  const devtools = await context.newCDPSession(page);
  const { entries } = await devtools.send('Page.getNavigationHistory');
  const history = entries.flatMap(({ url, userTypedURL }) => [url, userTypedURL]);
  return { title: await page.title(), history, ...(await page.evaluate(read)) };
}

async function visit({ url, steps = [], cookies = [], width = 1280, height = 800, scheme = 'light', ...wanted }) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: scheme, javaScriptEnabled: wanted.javascript ?? true,
    storageState: { cookies, origins: [] },
  });
  const seen = { complaints: [], outside: [] };
  try {
    context.setDefaultTimeout(20 * SECONDS);
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
    const answer = await page.goto(url);
    for (const step of steps) await take(page, step);
    const found = { status: answer.status(), cookies: await context.cookies() };
    return { ...seen, ...found, ...(await look(context, page, wanted)) };
  } finally {
    await context.close();
  }
}

console.log(JSON.stringify({ version: browser.version() }));
for await (const line of readline.createInterface({ input: process.stdin })) {
  const answer = await visit(JSON.parse(line)).catch((error) => ({ error: String(error) }));
  console.log(JSON.stringify(answer));
}
await browser.close();
