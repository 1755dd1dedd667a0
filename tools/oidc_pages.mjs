// The two pages of the demo's issuer: sign in, and what went wrong. Spanish or English, no script.
//
// Rule: every value is escaped; the demo's passwords are shown on purpose, they open a demo alone.
const TEXT = {
    es: {
        title: 'Iniciar sesión',
        demo: 'Cuentas de demostración',
        other: 'Con usuario y contraseña',
        login: 'Usuario',
        password: 'Contraseña',
        enter: 'Entrar',
        failed: 'Usuario o contraseña incorrectos.',
        DOCTOR: 'Médica o médico',
        ADMIN: 'Administración',
        ADMISSIONS: 'Admisiones',
        CORPORATE_ADMIN: 'Corporativo',
    },
    en: {
        title: 'Sign in',
        demo: 'Demo accounts',
        other: 'With login and password',
        login: 'Login',
        password: 'Password',
        enter: 'Sign in',
        failed: 'Wrong login or password.',
        DOCTOR: 'Doctor',
        ADMIN: 'Admin',
        ADMISSIONS: 'Admissions',
        CORPORATE_ADMIN: 'Corporate',
    },
};

const ENTITIES = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;', "'": '&#39;' };
const esc = (text) => String(text ?? '').replace(/[<>&"']/g, (c) => ENTITIES[c]);

const STYLE = `
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:Canvas;color:CanvasText}
main{width:min(26rem,calc(100vw - 2rem));padding:1.5rem 0}
h1{font-size:1.4rem;margin:0 0 1rem}
h2{font-size:.85rem;font-weight:600;opacity:.7;margin:1.5rem 0 .5rem}
form{margin:0 0 .5rem}
button{width:100%;min-height:2.9rem;font:inherit;text-align:left;padding:.4rem .9rem;cursor:pointer;
border:1px solid color-mix(in srgb,CanvasText 25%,transparent);border-radius:.5rem;
background:color-mix(in srgb,CanvasText 4%,Canvas);color:inherit}
button:hover,button:focus-visible{border-color:#0b7285;outline:2px solid #0b7285}
button small{display:block;opacity:.7}
button.go{background:#0b7285;border-color:#0b7285;color:#fff;text-align:center;font-weight:600}
label{display:block;margin:.5rem 0;font-size:.9rem}
input{display:block;width:100%;box-sizing:border-box;min-height:2.6rem;font:inherit;padding:.3rem .6rem;
border:1px solid color-mix(in srgb,CanvasText 35%,transparent);border-radius:.5rem;background:Canvas;color:inherit}
p.bad{color:#c92a2a;font-weight:600}`;

const page = (language, title, body) => `<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><title>${esc(title)} · NexaCore</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>${STYLE}</style></head>
<body><main>${body}</main></body></html>`;

function accountButton(account, action, text) {
    return `<form method="post" action="${action}">
<input type="hidden" name="login" value="${esc(account.login)}">
<input type="hidden" name="password" value="${esc(account.password)}">
<button>${esc(text[account.role] ?? account.role)}: ${esc(account.name)}
<small>${esc(account.clinicName)} · ${esc(account.login)} / ${esc(account.password)}</small></button></form>`;
}

export function signInPage({ accounts, uid, language, failed }) {
    const lang = language === 'en' ? 'en' : 'es';
    const text = TEXT[lang];
    const action = `/interaction/${encodeURIComponent(uid)}`;
    const buttons = accounts.map((a) => accountButton(a, action, text)).join('\n');
    return page(
        lang,
        text.title,
        `<h1>NexaCore · ${text.title}</h1>
${failed ? `<p class="bad" role="alert">${text.failed}</p>` : ''}
<h2>${text.demo}</h2>${buttons}
<h2>${text.other}</h2>
<form method="post" action="${action}">
<label>${text.login}<input name="login" autocomplete="username" required></label>
<label>${text.password}<input name="password" type="password" autocomplete="current-password" required></label>
<button class="go">${text.enter}</button></form>`,
    );
}

export function errorPage({ error, error_description: detail }) {
    return page('es', 'Error', `<h1>${esc(error)}</h1><p>${esc(detail)}</p>`);
}
