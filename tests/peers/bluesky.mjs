// Bluesky's authorization server, npm's @atproto/oauth-provider, on a free loopback port, and one path of an API.
//
// Nobody is asked: who comes to its authorization page is alice, and allows what is requested. One line of JSON on
// standard output says where it is. It ends when its standard input does, so that it cannot outlive the tests.
import http from 'node:http';
import { JoseKey } from '@atproto/jwk-jose';
import { oauthMiddleware } from '@atproto/oauth-provider/middleware';
import { Keyset, OAuthProvider } from '@atproto/oauth-provider/provider';

const account = { did: 'did:plc:aliceaaaaaaaaaaaaaaaaaaa', pds: 'did:web:pds.test', deactivated: false, handle: 'alice.test' };
const [devices, requests, tokens] = [new Map(), new Map(), new Map()];

const told = (id, { data, refreshToken }) => ({ id, data, account, currentRefreshToken: refreshToken ?? null });
function found(matches) {
  const entry = [...tokens].find(([, token]) => matches(token));
  return entry ? told(...entry) : null;
}
// What the pages for people would call, which no test opens.
const unused = [
  'authenticateAccount', 'createAccount', 'deactivateAccount', 'deleteAccountConfirm', 'deleteAccountRequest',
  'getDeviceAccount', 'reactivateAccount', 'removeDeviceAccount', 'resetPasswordConfirm', 'resetPasswordRequest',
  'setAuthorizedClient', 'updateEmailConfirm', 'updateEmailRequest', 'updateHandle', 'upsertDeviceAccount',
  'verifyEmailConfirm', 'verifyEmailRequest', 'verifyHandleAvailability', 'deleteLexicon', 'findLexicon', 'storeLexicon',
];
const store = {
  ...Object.fromEntries(unused.map((name) => [name, () => null])),
  getAccount: () => ({ account, authorizedClients: new Map() }),
  listDeviceAccounts: () => [],

  createDevice: (id, data) => { devices.set(id, data); },
  readDevice: (id) => devices.get(id) ?? null,
  updateDevice: (id, data) => { Object.assign(devices.get(id), data); },
  deleteDevice: (id) => { devices.delete(id); },

  createRequest: (id, data) => { requests.set(id, data); },
  readRequest: (id) => requests.get(id) ?? null,
  updateRequest: (id, data) => { Object.assign(requests.get(id), data); },
  deleteRequest: (id) => { requests.delete(id); },
  consumeRequestCode: (code) => {
    const [requestId, data] = [...requests].find(([, request]) => request.code === code) ?? [];
    requests.delete(requestId);
    return data ? { requestId, data } : null;
  },

  createToken: (id, data, refreshToken) => { tokens.set(id, { data, refreshToken, code: data.code, used: [] }); },
  readToken: (id) => (tokens.has(id) ? told(id, tokens.get(id)) : null),
  deleteToken: (id) => { tokens.delete(id); },
  rotateToken: (id, newId, refreshToken, data) => {
    const before = tokens.get(id);
    tokens.delete(id);
    const used = [...before.used, before.refreshToken];
    tokens.set(newId, { ...before, data: { ...before.data, ...data }, refreshToken, used });
  },
  findTokenByRefreshToken: (value) => found(({ refreshToken, used }) => refreshToken === value || used.includes(value)),
  findTokenByCode: (value) => found(({ code }) => code === value),
  listAccountTokens: () => [...tokens].map((entry) => told(...entry)),
};

async function allow(provider, request, response) {
  const query = Object.fromEntries(new URL(request.url, provider.issuer).searchParams);
  const { deviceId, deviceMetadata } = await provider.deviceManager.load(request, response);
  const { client, parameters, requestUri } = await provider.authorize(query, { deviceId, deviceMetadata });
  const code = await provider.requestManager.setAuthorized(requestUri, client, account, deviceId, deviceMetadata);
  const back = new URL(parameters.redirect_uri);
  const answer = { code, state: parameters.state, iss: provider.issuer };
  for (const [name, value] of Object.entries(answer)) back.searchParams.set(name, value);
  response.writeHead(303, { location: back.href }).end();
}

async function api(provider, request, response) {
  response.setHeader('DPoP-Nonce', provider.nextDpopNonce());
  try {
    const { sub, scope } = await provider.authenticateRequest(
      request.method, new URL(request.url, provider.issuer), request.headers, { audience: [account.pds] },
    );
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ did: sub, scope }));
  } catch (error) {
    const challenge = error.wwwAuthenticateHeader;
    response.writeHead(401, challenge ? { 'www-authenticate': challenge } : {}).end(String(error));
  }
}

function fail(response, error) {
  console.error(error);
  response.writeHead(400, { 'content-type': 'text/plain' }).end(String(error));
}

const server = http.createServer();
server.listen(0, '127.0.0.1', async () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const keyset = new Keyset([await JoseKey.generate(['ES256'], 'key-1')]);
  const safeFetch = () => { throw new Error('nothing leaves this machine'); };
  const provider = new OAuthProvider({ issuer, keyset, store, safeFetch, availableUserDomains: ['.test'] });
  const protocol = oauthMiddleware(provider, { onError: (_request, _response, error) => console.error(error) });
  server.on('request', (request, response) => {
    const path = request.url.split('?')[0];
    if (path === '/oauth/authorize') allow(provider, request, response).catch((error) => fail(response, error));
    else if (path === '/xrpc/com.atproto.server.getSession') api(provider, request, response);
    else protocol(request, response, () => response.writeHead(404).end());
  });
  console.log(JSON.stringify({ issuer }));
});
process.stdin.on('end', () => process.exit(0)).resume();
