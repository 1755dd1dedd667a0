// The page before anybody signed in: choose the language, one button.
import { useState } from 'preact/hooks';

import { t } from './i18n';
import { LanguageSwitch } from './language';
import { signIn, trouble } from './session';

export function SignIn() {
    const [leaving, setLeaving] = useState(false);
    const go = async () => {
        setLeaving(true);
        await signIn();
        setLeaving(false);
    };
    return (
        <main class="sign-in">
            <div class="sign-in-card">
                <img src="/favicon.svg" alt="" width="56" height="56" />
                <h1>NexaCore</h1>
                <p>{t('signIn.lead')}</p>
                {trouble.value && (
                    <p class="note bad" role="alert">
                        {t(`signIn.trouble.${trouble.value}`)}
                    </p>
                )}
                <button type="button" class="primary wide" disabled={leaving} onClick={() => void go()}>
                    {t('signIn.button')}
                </button>
                <LanguageSwitch />
                <p class="disclaimer">{t('disclaimer')}</p>
            </div>
        </main>
    );
}
