// The OIDC provider of the demo and the tests: real logins and real tokens, people and passwords from a file.
//
//   node op.mjs <configuration.json> <port> [--until-stdin-closes]
//
// The configuration is written by services/demo/provider.py, which describes it. Loopback and plain HTTP only: this is no
// provider for an installation. Prints "ready" once it listens; SIGTERM ends it.

import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { Provider, errors } from 'oidc-provider';

const [, , configurationFile, port, ...options] = process.argv;
const configuration = JSON.parse(fs.readFileSync(configurationFile, 'utf8'));
const issuer = `http://127.0.0.1:${port}`;

const ACCESS_TOKEN_SECONDS = 300;
const LONGEST_ASSERTION_SECONDS = 300;
const WORKING_DAY_SECONDS = 10 * 3600;
const LONGEST_FORM = 4096;
const USER_SCOPE = 'tovholder';
// Asked for by a family's log-in alone: only then does a token say whose CPR number it is, and one renewed without it does not.
const CPR_SCOPE = 'cpr';

// ---------------------------------------------------------------------------------------------------- Keeping things

// A store of our own: the library's keeps the last 1000-2000 entries only, sessions and used assertions together, so an
// assertion that has been used could be used again after that many others.
const kept = new Map();
const seconds = () => Date.now() / 1000;

class Store {
  constructor(kind) {
    this.kind = kind;
  }

  key(id) {
    return `${this.kind}:${id}`;
  }

  async upsert(id, payload, lifetime) {
    // Sixty seconds more than asked for: an assertion may be presented by a clock that is late.
    kept.set(this.key(id), { payload, expires: lifetime ? seconds() + lifetime + 60 : Infinity });
  }

  async find(id) {
    const entry = kept.get(this.key(id));
    return entry && entry.expires > seconds() ? entry.payload : undefined;
  }

  async findByUid(uid) {
    for (const [key, entry] of kept) {
      if (key.startsWith(`${this.kind}:`) && entry.payload.uid === uid && entry.expires > seconds()) return entry.payload;
    }
    return undefined;
  }

  async findByUserCode() {
    return undefined;
  }

  async consume(id) {
    const payload = await this.find(id);
    if (payload) payload.consumed = Math.floor(seconds());
  }

  async destroy(id) {
    kept.delete(this.key(id));
  }

  async revokeByGrantId(grantId) {
    for (const [key, entry] of kept) {
      if (entry.payload.grantId === grantId) kept.delete(key);
    }
  }
}

setInterval(() => {
  for (const [key, entry] of kept) {
    if (entry.expires <= seconds()) kept.delete(key);
  }
}, 30_000).unref();

// The signing key outlives a restart, sessions do not.
function signingKey() {
  if (!fs.existsSync(configuration.keyFile)) {
    const { privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = { ...privateKey.export({ format: 'jwk' }), kid: crypto.randomUUID(), alg: 'ES256', use: 'sig' };
    fs.writeFileSync(configuration.keyFile, JSON.stringify(key), { mode: 0o600 });
  }
  return JSON.parse(fs.readFileSync(configuration.keyFile, 'utf8'));
}

// ----------------------------------------------------------------------------------------------- People and clients

const bySubject = new Map(configuration.users.map((user) => [user.sub, user]));
const byUsername = new Map(configuration.users.map((user) => [user.username, user]));

function findAccount(_context, sub) {
  const user = bySubject.get(sub);
  return user && { accountId: sub, claims: () => ({ sub, name: user.name, preferred_username: user.username }) };
}

function passwordFits(user, password) {
  // Someone unknown costs the same time as someone known.
  const given = crypto.scryptSync(password, user?.salt ?? 'nobody', 32);
  return user !== undefined && crypto.timingSafeEqual(given, Buffer.from(user.scrypt, 'hex'));
}

const byPrivateKey = {
  token_endpoint_auth_method: 'private_key_jwt',
  token_endpoint_auth_signing_alg: 'ES256',
  id_token_signed_response_alg: 'ES256',
};

const webClients = configuration.webClients.map((client) => ({
  ...byPrivateKey,
  client_id: client.client_id,
  redirect_uris: client.redirect_uris,
  post_logout_redirect_uris: client.post_logout_redirect_uris,
  ...(client.backchannel_logout_uri && {
    backchannel_logout_uri: client.backchannel_logout_uri,
    backchannel_logout_session_required: true,
  }),
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token'],
  jwks: { keys: [client.jwk] },
}));

const machineClients = configuration.machineClients.map((client) => ({
  ...byPrivateKey,
  client_id: client.client_id,
  redirect_uris: [],
  response_types: [],
  grant_types: ['client_credentials'],
  scope: client.scope,
  jwks: { keys: [client.jwk] },
}));

const machineScopes = [...new Set(configuration.machineClients.flatMap((client) => client.scope.split(' ')))];

// ------------------------------------------------------------------------------------------------------------- Pages

const STYLE = `
  body { font: 18px/1.5 system-ui, sans-serif; background: #f5f5f5; color: #1b1b1b; margin: 0 }
  main { max-width: 26rem; margin: 4rem auto; background: #fff; padding: 2rem }
  label { display: block; margin-top: 1rem }
  input, button { font: inherit; padding: .5rem; box-sizing: border-box }
  input { width: 100% }
  [role=alert] { border-left: 4px solid #cc0000; padding-left: .75rem }`;

const escaped = (text) => String(text ?? '').replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

const page = (title, body) => `<!doctype html>
<html lang="da">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body><main><h1>${title}</h1>${body}</main></body>
</html>`;

const loginPage = (uid, complaint) =>
  page(
    'Log ind',
    `${complaint ? `<p role="alert">${complaint}</p>` : ''}
<form method="post" action="/interaction/${uid}">
<label for="login">Brugernavn</label><input id="login" name="login" autocomplete="username" required autofocus>
<label for="password">Adgangskode</label><input id="password" name="password" type="password" autocomplete="current-password" required>
<p><button type="submit">Log ind</button></p>
</form>`,
  );

// ---------------------------------------------------------------------------------------------------------- Provider

const provider = new Provider(issuer, {
  adapter: Store,
  jwks: { keys: [signingKey()] },
  cookies: { keys: [crypto.randomBytes(32).toString('hex')] },
  clients: [...webClients, ...machineClients],
  clientAuthMethods: ['private_key_jwt'],
  findAccount,
  scopes: ['openid', 'offline_access', USER_SCOPE, CPR_SCOPE, ...machineScopes],
  claims: { openid: ['sub'], profile: ['name', 'preferred_username'] },
  conformIdTokenClaims: false,
  extraTokenClaims: (_context, token) => {
    const cpr = token.scope?.split(' ').includes(CPR_SCOPE) && bySubject.get(token.accountId)?.cpr;
    return cpr ? { cpr } : undefined;
  },
  pkce: { required: () => true },
  issueRefreshToken: async (_context, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  ttl: {
    AccessToken: ACCESS_TOKEN_SECONDS,
    ClientCredentials: ACCESS_TOKEN_SECONDS,
    IdToken: 3600,
    Interaction: 3600,
    Session: WORKING_DAY_SECONDS,
    Grant: WORKING_DAY_SECONDS,
    RefreshToken: WORKING_DAY_SECONDS,
  },
  // The library takes an assertion that is valid for a year; its id would have to be remembered as long.
  assertJwtClientAuthClaimsAndHeader: async (_context, claims) => {
    if (!claims.iat || claims.exp - claims.iat > LONGEST_ASSERTION_SECONDS) {
      throw new errors.InvalidClientAuth('the assertion lives too long');
    }
  },
  // The library refuses to call an address of this machine; here everything is on this machine, and nothing else is called.
  fetch: (url, options) => {
    delete options.dispatcher;
    return fetch(url, { ...options, signal: AbortSignal.timeout(2500) });
  },
  interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
  // No consent page: the people of the demo log in to their own employer's system. The scope must be granted both to the
  // login and to the audience, or the login asks for consent for ever.
  loadExistingGrant: async (context) => {
    const grant = new context.oidc.provider.Grant({
      clientId: context.oidc.client.clientId,
      accountId: context.oidc.session.accountId,
    });
    grant.addOIDCScope(`openid profile offline_access ${USER_SCOPE} ${CPR_SCOPE}`);
    grant.addResourceScope(configuration.audience, `${USER_SCOPE} ${CPR_SCOPE}`);
    await grant.save();
    return grant;
  },
  renderError: (context, failure) => {
    context.type = 'html';
    context.body = page('Fejl', `<p>${escaped(failure.error)}: ${escaped(failure.error_description)}</p>`);
  },
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    clientCredentials: { enabled: true },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (context, form) => {
        context.body = page('Log ud', `${form}<button form="op.logoutForm" name="logout" value="yes">Log ud</button>`);
      },
      postLogoutSuccessSource: (context) => {
        context.body = page('Du er logget ud', '');
      },
    },
    // An access token is a JWT only when its audience is known. A person's client must say `resource` three times: when it
    // asks for the login, for the token and for each refresh; otherwise the token is opaque and no service takes it.
    resourceIndicators: {
      enabled: true,
      defaultResource: (context) => (context.oidc?.params?.grant_type === 'client_credentials' ? configuration.audience : undefined),
      getResourceServerInfo: (_context, resource) => {
        if (resource !== configuration.audience) throw new errors.InvalidTarget();
        return {
          scope: [USER_SCOPE, CPR_SCOPE, ...machineScopes].join(' '),
          audience: resource,
          accessTokenTTL: ACCESS_TOKEN_SECONDS,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        };
      },
    },
  },
});

for (const event of ['server_error', 'grant.error', 'authorization.error', 'backchannel.error']) {
  provider.on(event, (_context, failure) => {
    console.error(event, failure.error ?? '', failure.error_detail ?? failure.error_description ?? failure);
  });
}

// ------------------------------------------------------------------------------------------------------------ Server

const everythingElse = provider.callback();

async function readForm(request) {
  let body = '';
  for await (const chunk of request) {
    body += chunk;
    if (body.length > LONGEST_FORM) return undefined;
  }
  return new URLSearchParams(body);
}

function answer(response, status, body) {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
  });
  response.end(body);
}

async function logIn(request, response) {
  const { uid } = await provider.interactionDetails(request, response);
  if (request.method !== 'POST') return answer(response, 200, loginPage(uid));
  const form = await readForm(request);
  if (form === undefined) return answer(response, 413, '');
  const user = byUsername.get(form.get('login'));
  if (!passwordFits(user, form.get('password') ?? '')) {
    return answer(response, 422, loginPage(uid, 'Forkert brugernavn eller adgangskode'));
  }
  const result = { login: { accountId: user.sub, amr: ['pwd'] } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

const server = http.createServer(async (request, response) => {
  if (!/^\/interaction\/[\w-]+$/.test(request.url)) return everythingElse(request, response);
  try {
    return await logIn(request, response);
  } catch (failure) {
    response.writeHead(failure.statusCode ?? 500, { 'content-type': 'text/plain' });
    return response.end(failure.error ?? 'error');
  }
});

server.listen(Number(port), '127.0.0.1', () => console.log('ready'));

// Whoever started it holds the other end; if that process is killed, the provider goes with it.
if (options.includes('--until-stdin-closes')) {
  process.stdin.on('end', () => process.exit(0));
  process.stdin.resume();
}
