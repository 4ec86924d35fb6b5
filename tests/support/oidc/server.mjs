// A real OpenID provider on loopback, for tests: oidc-provider with its own sign-in form, which takes any login.
//
//   node server.mjs '{"redirect_uri": "...", "client_id": "...", "client_secret": "..."}'
//
// Prints {"issuer": "http://127.0.0.1:<port>"} when it listens. POST /control makes it lie in the answers of its token
// endpoint from then on: {"claims": {...}} signs these claims over the true ones with its own key, {"alg": "none"} or
// {"alg": "HS256"} signs with that, {"flip": true} changes one sign of the signature, {} tells the truth again.
// POST /control/expire {"code": "..."} makes an authorization code old.
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { SignJWT, decodeJwt } from 'jose';
import { Provider } from 'oidc-provider';

const { redirect_uri, client_id, client_secret } = JSON.parse(process.argv[2]);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwk = { ...privateKey.export({ format: 'jwk' }), kid: 'test', alg: 'RS256', use: 'sig' };

const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{ client_id, client_secret, redirect_uris: [redirect_uri] }],
  jwks: { keys: [jwk] },
  cookies: { keys: ['only for tests'] },
  claims: { email: ['email'], profile: ['name'] },
  conformIdTokenClaims: false,
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, email: `${sub}@example.com`, name: sub }) }),
});

let lie = {};
const base64url = (value) => Buffer.from(value).toString('base64url');

async function forged(token) {
  const claims = { ...decodeJwt(token), ...lie.claims };
  if (lie.flip) {
    const [head, body, signature] = token.split('.');
    return [head, body, (signature[0] === 'A' ? 'B' : 'A') + signature.slice(1)].join('.');
  }
  if (lie.alg) {
    const signed = `${base64url(JSON.stringify({ alg: lie.alg, kid: 'test' }))}.${base64url(JSON.stringify(claims))}`;
    const mac = lie.alg === 'none' ? '' : createHmac('sha256', client_secret).update(signed).digest('base64url');
    return `${signed}.${mac}`;
  }
  return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'test' }).sign(privateKey);
}

async function sent(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString());
}

provider.use(async (ctx, next) => {
  if (ctx.path === '/control') {
    lie = await sent(ctx.req);
    ctx.body = '';
    return;
  }
  if (ctx.path === '/control/expire') {
    const code = await provider.AuthorizationCode.find((await sent(ctx.req)).code);
    code.exp = Math.floor(Date.now() / 1000) - 10;
    await code.save(60);
    ctx.body = '';
    return;
  }
  await next();
  if (ctx.oidc?.route === 'token' && ctx.body?.id_token && Object.keys(lie).length) {
    ctx.body.id_token = await forged(ctx.body.id_token);
  }
});

server.on('request', provider.callback());
console.log(JSON.stringify({ issuer }));
